"""How a client of the hub looks to Authlib, and how its signed assertions are checked.

Knows RFC 7523 with the rules of FAPI 2.0 (sole audience, short life, used once). Does not know grants.
"""

import hmac
import json
import re
from datetime import UTC, datetime, timedelta

from authlib.oauth2.rfc6749 import ClientMixin, InvalidClientError, InvalidScopeError, OAuth2Request
from authlib.oauth2.rfc7523 import JWTBearerClientAssertion
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from hub.access.algorithms import ALGORITHMS, REGISTRY
from hub.access.clients import hash_of
from hub.access.service import use_assertion
from hub.access.types import AuthMethod, Client, ClientState
from hub.gateway.services import Services

# The longest an assertion may live, and how far ahead of ours the sender's clock may be (FAPI 2.0: at least 10 s and
# less than 60 s).
_ASSERTION_SECONDS_MAX = 300
_AHEAD_SECONDS_MAX = 30
_ASSERTION_CHARS_MAX = 8_192

_WAYS = {
    AuthMethod.SECRET: ("client_secret_basic", "client_secret_post"),
    AuthMethod.PRIVATE_KEY_JWT: ("private_key_jwt",),
    AuthMethod.NONE: ("none",),
}

# The machine itself, by number: a name could lead elsewhere.
_LOOPBACK_PORT = re.compile(r"^(http://(?:127\.0\.0\.1|\[::1\]))(?::[0-9]{1,5})?(/|\Z)")

_TYPES = (None, "JWT", "client-authentication+jwt")


class OAuthClient(ClientMixin):  # type: ignore[misc]
    """A client as Authlib asks for it."""

    def __init__(self, client: Client) -> None:
        self.client = client

    def get_client_id(self) -> str:
        """Its id."""
        return self.client.id

    def get_allowed_scope(self, scope: str | None) -> str:
        """The scopes asked for, all of them when none is named. Raises InvalidScopeError rather than narrowing."""
        if not scope:
            return " ".join(self.client.scopes)
        wanted = scope.split()
        if not set(wanted) <= set(self.client.scopes):
            raise InvalidScopeError("This client does not have all of these scopes.")
        return " ".join(dict.fromkeys(wanted))

    def check_client_secret(self, client_secret: str) -> bool:
        """Whether this is one of its secrets; takes as long for a client that does not exist."""
        sent = hash_of(client_secret)
        known = self.client.secret_hashes or (bytes(32),)
        return any([hmac.compare_digest(sent, one) for one in known])  # noqa: C419 - no early end

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        """Whether it authenticates in this way."""
        if self.client.state is not ClientState.ACTIVE or endpoint != "token":
            return False
        return method in _WAYS[self.client.auth]

    def check_grant_type(self, grant_type: str) -> bool:
        """An app acts for people only, another program for itself only: one client, one purpose."""
        if self.client.people is None:
            return grant_type == "client_credentials"
        return grant_type in ("authorization_code", "refresh_token")

    def check_response_type(self, response_type: str) -> bool:
        """Whether it may ask people for their consent."""
        return response_type == "code" and self.client.people is not None

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        """Whether it registered this address, to the character; a stopped client has none.

        An app on a member's own device that registered a loopback address may ask from any port of it (RFC 8252 §7.3).
        """
        if self.client.state is not ClientState.ACTIVE:
            return False
        known = self.client.redirect_uris
        if self.client.auth is AuthMethod.NONE:
            return redirect_uri in known or _LOOPBACK_PORT.sub(r"\1\2", redirect_uri) in {
                _LOOPBACK_PORT.sub(r"\1\2", one) for one in known
            }
        return redirect_uri in known

    def get_default_redirect_uri(self) -> None:
        """None: an app always says where it wants to be answered."""


NOBODY = OAuthClient(
    Client(
        id="",
        partner="",
        auth=AuthMethod.SECRET,
        secret_hashes=(),
        jwks="",
        scopes=(),
        live=False,
        state=ClientState.STOPPED,
        created_at=datetime(1970, 1, 1, tzinfo=UTC),
    )
)


class AssertionCheck(JWTBearerClientAssertion):  # type: ignore[misc]
    """`private_key_jwt`. Every failure is the same refusal."""

    CLIENT_AUTH_METHOD = "private_key_jwt"
    ALGORITHMS = ALGORITHMS

    def __init__(self, services: Services) -> None:
        super().__init__()
        self._services = services

    def __call__(self, query_client: object, request: OAuth2Request) -> OAuthClient | None:
        """The client that signed the assertion; None when there is none. Raises: InvalidClientError."""
        if len(request.form.get("client_assertion", "")) > _ASSERTION_CHARS_MAX:
            raise InvalidClientError
        try:
            found: OAuthClient | None = super().__call__(query_client, request)
        except (JoseError, ValueError, TypeError, KeyError, OverflowError, RecursionError) as fault:
            raise InvalidClientError from fault
        named = request.form.get("client_id")
        if found is not None and named is not None and named != found.get_client_id():
            raise InvalidClientError
        return found

    def resolve_client_public_key(self, client: OAuthClient) -> KeySet:
        """Its registered keys. Raises: InvalidClientError for a client that has none."""
        if not client.client.jwks:
            raise InvalidClientError
        return KeySet.import_key_set(json.loads(client.client.jwks))

    def process_assertion_claims(self, assertion: str, resolve_key: KeySet) -> dict[str, object]:
        """The claims of an assertion signed by that key with an algorithm of ours."""
        token = jwt.decode(assertion, resolve_key, algorithms=list(self.ALGORITHMS), registry=REGISTRY)
        if token.header.get("typ") not in _TYPES:
            raise InvalidClientError
        self.verify_claims(token.claims)
        return token.claims

    def verify_claims(self, claims: dict[str, object]) -> None:
        """Issuer, subject, sole audience, life and single use. Raises: InvalidClientError."""
        now = self._services.clock.now()
        subject, expires, jti = claims["sub"], claims["exp"], claims["jti"]
        ours = claims["aud"] == self._services.public_url and claims["iss"] == subject
        if not ours or type(expires) is not int or not isinstance(jti, str) or not isinstance(subject, str):
            raise InvalidClientError
        seconds = now.timestamp()
        early = [claims[name] for name in ("iat", "nbf") if name in claims]
        if any(type(one) is not int or one > seconds + _AHEAD_SECONDS_MAX for one in early):
            raise InvalidClientError
        if not seconds < expires <= seconds + _ASSERTION_SECONDS_MAX:
            raise InvalidClientError
        until = datetime.fromtimestamp(expires, UTC) + timedelta(seconds=1)
        with self._services.database.work() as work:
            if not use_assertion(work, subject, jti, expires_at=until):
                raise InvalidClientError
