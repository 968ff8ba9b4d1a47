"""OAuth 2's server: Authlib's, over the hub's clients, grants and tokens, with its unsafe defaults overridden.

Knows who authenticates, at which pace, and with which key a token is bound. Does not know routes or pages.
"""

import logging
from datetime import datetime

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2 import OAuth2Error, OAuth2Request
from authlib.oauth2.rfc6749 import InvalidClientError
from flask import request

from hub.access.clients import ClientMissing
from hub.access.proofs import PROOF_ALGORITHMS, Proof, ProofInvalid, read_proof, use_proof
from hub.access.scopes import Scope
from hub.access.service import get_client
from hub.access.throttle import Limit, count_attempt, key_of, network_of
from hub.access.tokens import TOKEN_SECONDS
from hub.access.types import Grant
from hub.gateway.oauth_clients import NOBODY, AssertionCheck, OAuthClient
from hub.gateway.oauth_forms import SentForm, way_of
from hub.gateway.oauth_grants import GRANTS
from hub.gateway.replies import Reply, json_reply
from hub.gateway.senders import address_of
from hub.gateway.services import Services

# A machine asks for a token every ten minutes; one address may be a whole company's.
_WINDOW_SECONDS = 60

# Its debugging lines show whole tokens.
logging.getLogger("authlib").setLevel(logging.INFO)
_CLIENTS_PER_ADDRESS = 10


class ProofRefused(OAuth2Error):  # type: ignore[misc]
    """RFC 9449 §5: the proof does not hold, or there is none where one is needed."""

    error = "invalid_dpop_proof"


class OAuthServer(AuthorizationServer):  # type: ignore[misc]
    """Authlib's server over the hub's clients and tokens."""

    def __init__(self, services: Services) -> None:
        super().__init__(query_client=self._find, save_token=lambda _token, _request: None)
        self.services = services
        for grant, extensions in GRANTS:
            self.register_grant(grant, [extension() for extension in extensions])
        self.register_client_auth_method(AssertionCheck.CLIENT_AUTH_METHOD, AssertionCheck(services))
        per_minute = services.token_requests_per_minute
        self._per_client = Limit("token client", per_minute, _WINDOW_SECONDS)
        self._per_address = Limit("token address", per_minute * _CLIENTS_PER_ADDRESS, _WINDOW_SECONDS)

    def load_config(self, _config: object) -> None:
        """Nothing from Flask's configuration: the defaults there are tokens that live for ten days."""
        self.register_token_generator("default", self._generate)
        self.scopes_supported = list(Scope)

    def create_oauth2_request(self, sent: object) -> OAuth2Request:
        """The request of the moment, or one that was made already."""
        return sent if isinstance(sent, OAuth2Request) else SentForm(request, self.here())

    def here(self) -> str:
        """The address of the request of the moment, as the hub knows itself."""
        return self.services.public_url + request.path

    def pace_address(self) -> None:
        """Count this request of the sender's network. Raises: TooManyAttempts."""
        address = network_of(address_of(request.environ, self.services.proxy_hops))
        self._pace(self._per_address, address)

    def authenticate_client(self, sent: OAuth2Request, methods: tuple[str, ...]) -> OAuthClient:
        """The client, by the one way it chose. Raises: InvalidClientError, TooManyAttempts."""
        way = way_of(request)
        if way not in methods:
            raise InvalidClientError
        client: OAuthClient = super().authenticate_client(sent, [way], "token")
        self._pace(self._per_client, client.client.id)
        return client

    def shown_key(self, client: OAuthClient) -> str:
        """Thumbprint of the key this request was proven with; empty for none. Raises: ProofRefused."""
        text = request.environ.get("HTTP_DPOP", "")
        if not text and not client.client.dpop:
            return ""
        now = self.services.clock.now()
        try:
            proof: Proof = read_proof(text, method="POST", url=self.here(), token="", now=now)
            with self.services.database.work() as work:
                use_proof(work, proof)
        except ProofInvalid as refusal:
            raise ProofRefused(refusal.detail) from refusal
        return proof.key

    def handle_error_response(self, _request: object, error: OAuth2Error) -> Reply:
        """OAuth's error. One text for every failed authentication, so that nobody learns which clients exist."""
        unknown = isinstance(error, InvalidClientError)
        body = {"error": error.error}
        description = "Client authentication failed." if unknown else error.get_error_description()
        if description:
            body["error_description"] = str(description)
        response = json_reply(body, 401 if unknown else error.status_code)
        response.add("Pragma", "no-cache")
        if unknown:
            response.add("WWW-Authenticate", 'Basic realm="hub", charset="UTF-8"')
        elif isinstance(error, ProofRefused):
            response.add("WWW-Authenticate", f'DPoP error="invalid_dpop_proof", algs="{" ".join(PROOF_ALGORITHMS)}"')
        return response

    def handle_response(self, status: int, payload: object, headers: list[tuple[str, str]]) -> Reply:
        """What Authlib has decided, as an answer of ours."""
        reply = json_reply(payload, status)
        for name, value in headers:
            if name.lower() != "content-type":
                reply.add(name, value)
        return reply

    def _pace(self, limit: Limit, value: str) -> None:
        services = self.services
        counter = (key_of(services.people_secret, limit, value), limit)
        with services.database.work() as work:
            refused = count_attempt(work, [counter], now=services.clock.now())
        if refused is not None:
            raise refused

    def _find(self, client_id: str) -> OAuthClient:
        """The client, or nobody: a client whose every check takes as long and fails."""
        now: datetime = self.services.clock.now()
        if "\0" in client_id:
            return NOBODY
        with self.services.database.read() as work:
            try:
                return OAuthClient(get_client(work, client_id, now=now))
            except ClientMissing:
                return NOBODY

    def _generate(
        self,
        grant_type: str,
        client: OAuthClient,
        user: Grant | None = None,
        scope: str | None = None,
        expires_in: int | None = None,
        include_refresh_token: bool = False,  # noqa: ARG002 - Authlib's signature
    ) -> dict[str, object]:
        """The answer of the token endpoint; the grants add a refresh token where there is one."""
        assert expires_in is None
        assert (grant_type == "client_credentials") == (user is None)
        allowed = client.get_allowed_scope(scope)
        bound_to = str(request.environ.get("hub.shown_key", ""))
        token = self.services.guard.issue(client.client, allowed.split(), grant=user, bound_to=bound_to)
        kind = "DPoP" if bound_to else "Bearer"
        return {"access_token": token, "token_type": kind, "expires_in": TOKEN_SECONDS, "scope": allowed}
