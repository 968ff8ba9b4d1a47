"""The three ways to a token: a client for itself, a code that a person consented to, a refresh token.

Knows Authlib's grants, and what RFC 9700, PKCE and DPoP ask on top. Rows are those of `hub.access.grants`.
"""

import hmac
import re
from typing import Any

from authlib.oauth2 import OAuth2Request
from authlib.oauth2.rfc6749 import InvalidGrantError, InvalidRequestError, InvalidScopeError, OAuth2Error
from authlib.oauth2.rfc6749.grants import AuthorizationCodeGrant, ClientCredentialsGrant, RefreshTokenGrant
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oauth2.rfc7636.challenge import compare_s256_code_challenge
from flask import request

from hub.access.grants import Code, add_refresh, find_code, find_refresh, rotate_refresh, use_code
from hub.access.types import AuthMethod, Grant, Profile
from hub.gateway.oauth_clients import OAuthClient
from hub.gateway.oauth_forms import AUTH_METHODS, CONFIDENTIAL_METHODS

_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
_THUMBPRINT = re.compile(r"[A-Za-z0-9_-]{43}")
_STATE_CHARS_MAX = 512

_Answer = tuple[int, dict[str, object], list[tuple[str, str]]]


class RequestNotSupported(OAuth2Error):  # type: ignore[misc]
    """A signed request object, which the hub does not read (RFC 9101); pushing the request serves the same end."""

    error = "request_not_supported"


class _OurClients:
    """Authenticates and notes the key that was shown. Mixed into Authlib's grants."""

    request: OAuth2Request
    server: Any
    TOKEN_ENDPOINT_AUTH_METHODS: tuple[str, ...]

    def authenticate_token_endpoint_client(self) -> OAuthClient:
        """The client of this request. Raises: InvalidClientError, ProofRefused, TooManyAttempts."""
        client: OAuthClient = self.server.authenticate_client(self.request, self.TOKEN_ENDPOINT_AUTH_METHODS)
        request.environ["hub.shown_key"] = self.server.shown_key(client)
        return client


class ClientCredentials(_OurClients, ClientCredentialsGrant):  # type: ignore[misc]
    """A client for itself. No refresh token: it can ask again (RFC 6749 §4.4.3)."""

    TOKEN_ENDPOINT_AUTH_METHODS = CONFIDENTIAL_METHODS


class _HeldCode:
    """A code as Authlib asks for it."""

    def __init__(self, code: Code) -> None:
        self.code = code
        self.code_challenge = code.challenge
        self.code_challenge_method = "S256"

    def get_redirect_uri(self) -> str:
        """Where the code was sent."""
        return self.code.redirect_uri

    def get_scope(self) -> str:
        """What was consented to."""
        return " ".join(self.code.grant.scopes)


class AuthorizationCode(_OurClients, AuthorizationCodeGrant):  # type: ignore[misc]
    """A code, used once, by the app it was made for, that shows the verifier and, if bound, the key."""

    TOKEN_ENDPOINT_AUTH_METHODS = AUTH_METHODS

    def query_authorization_code(self, code: str, client: OAuthClient) -> _HeldCode | None:
        """The code if it is this client's and unused. Raises: InvalidGrantError, for another key than was promised."""
        services = self.server.services
        with services.database.work() as work:
            found = find_code(work, code, client=client.get_client_id(), now=services.clock.now())
        if found is None:
            return None
        shown = str(request.environ["hub.shown_key"])
        if found.bound_to and not hmac.compare_digest(shown, found.bound_to):
            raise InvalidGrantError("This code is bound to another key.")
        return _HeldCode(found)

    def authenticate_user(self, held: _HeldCode) -> Grant | None:
        """The grant, once: whoever comes second ends it."""
        services = self.server.services
        shown, now = str(request.environ["hub.shown_key"]), services.clock.now()
        self.request.client.get_allowed_scope(held.get_scope())
        with services.database.work() as work:
            if not use_code(work, held.code, bound_to=shown, now=now):
                return None
            self._refresh = add_refresh(work, held.code.grant, now=now)
        return held.code.grant

    def delete_authorization_code(self, _held: _HeldCode) -> None:
        """Kept, marked as used, so that a second use is noticed."""

    def create_token_response(self) -> _Answer:
        """The tokens of this grant."""
        status, body, headers = super().create_token_response()
        return status, {**body, "refresh_token": self._refresh}, headers


class _HeldRefresh:
    """A refresh token as Authlib asks for it."""

    def __init__(self, text: str, grant: Grant) -> None:
        self.text = text
        self.grant = grant

    def check_client(self, client: OAuthClient) -> bool:
        """Whether it is this client's."""
        return self.grant.client == client.get_client_id()

    def get_scope(self) -> str:
        """What was consented to."""
        return " ".join(self.grant.scopes)


class RefreshToken(_OurClients, RefreshTokenGrant):  # type: ignore[misc]
    """A refresh token, replaced at each use; a client of profile fapi2 keeps its own, as it proves itself anyway."""

    TOKEN_ENDPOINT_AUTH_METHODS = AUTH_METHODS

    def authenticate_refresh_token(self, text: str) -> _HeldRefresh | None:
        """The token if it is this client's and unused."""
        services = self.server.services
        client = self.request.client.get_client_id()
        with services.database.work() as work:
            grant = find_refresh(work, text, client=client, now=services.clock.now())
        return None if grant is None else _HeldRefresh(text, grant)

    def authenticate_user(self, held: _HeldRefresh) -> Grant:
        """The grant, after its token was replaced. Raises: InvalidGrantError, InvalidScopeError."""
        services, client = self.server.services, self.request.client.client
        self._check_key(held.grant, client.auth)
        if not set((self.request.payload.scope or held.get_scope()).split()) <= set(client.scopes):
            raise InvalidScopeError("This client does not have all of these scopes any more.")
        self._refresh = ""
        if client.profile is not Profile.FAPI2:
            with services.database.work() as work:
                fresh = rotate_refresh(work, held.text, held.grant, now=services.clock.now())
            if fresh is None:
                raise InvalidGrantError
            self._refresh = fresh
        return held.grant

    def _check_key(self, grant: Grant, auth: AuthMethod) -> None:
        """A family that is bound to keys stays so; without other credentials, to the very same key (RFC 9449 §5)."""
        shown = str(request.environ["hub.shown_key"])
        if not grant.bound_to:
            return
        same = hmac.compare_digest(shown, grant.bound_to)
        if not shown or (auth is AuthMethod.NONE and not same):
            raise InvalidGrantError("This refresh token is bound to another key.")

    def revoke_old_credential(self, _held: _HeldRefresh) -> None:
        """Done already, in one transaction with its successor."""

    def create_token_response(self) -> _Answer:
        """The tokens of this grant."""
        status, body, headers = super().create_token_response()
        return status, {**body, "refresh_token": self._refresh} if self._refresh else body, headers


class Pkce(CodeChallenge):  # type: ignore[misc]
    """S256, from every client; and what else of an authorization request the hub does not do in silence."""

    DEFAULT_CODE_CHALLENGE_METHOD = "S256"
    SUPPORTED_CODE_CHALLENGE_METHOD = ("S256",)
    CODE_CHALLENGE_METHODS = {"S256": compare_s256_code_challenge}  # noqa: RUF012 - Authlib's own shape

    def validate_code_challenge(self, grant: AuthorizationCode, _redirect_uri: str) -> None:
        """Raises: InvalidRequestError, RequestNotSupported."""
        asked = grant.request.payload.data
        if asked.get("code_challenge_method") != "S256" or not _CHALLENGE.fullmatch(asked.get("code_challenge", "")):
            raise InvalidRequestError("Send a code_challenge with code_challenge_method=S256.")
        if "request" in asked:
            raise RequestNotSupported
        if asked.get("response_mode", "query") != "query":
            raise InvalidRequestError("The answer is sent in the query; response_mode has no other value.")
        if len(asked.get("state", "")) > _STATE_CHARS_MAX:
            raise InvalidRequestError(f"state may have {_STATE_CHARS_MAX} characters.")
        if not _THUMBPRINT.fullmatch(asked.get("dpop_jkt", "x" * 43)):
            raise InvalidRequestError("dpop_jkt is the SHA-256 thumbprint of a key.")


GRANTS: tuple[tuple[type, tuple[type, ...]], ...] = (
    (ClientCredentials, ()),
    (AuthorizationCode, (Pkce,)),
    (RefreshToken, ()),
)
