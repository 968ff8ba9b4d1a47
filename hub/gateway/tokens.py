"""OAuth 2: the token endpoint, pushed requests, introspection, revocation, the metadata and the public keys.

Knows OAuth's wire forms through Authlib. Errors here have OAuth's own JSON (RFC 6749 §5.2), not problem+json; only a
pace that is too fast is a problem like everywhere else.
"""

from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import InvalidRequestError
from flask import Flask, request

from hub.access.grants import end_grant, known_refresh
from hub.access.proofs import PROOF_ALGORITHMS
from hub.access.pushed import REQUEST_SECONDS, push_request
from hub.access.scopes import Scope
from hub.access.service import revoke_token
from hub.access.tokens import TokenInvalid
from hub.access.types import CallerKind, Client
from hub.gateway.door import Door
from hub.gateway.oauth_asking import checked_parameters
from hub.gateway.oauth_clients import AssertionCheck, OAuthClient
from hub.gateway.oauth_forms import AUTH_METHODS, CONFIDENTIAL_METHODS, check_form
from hub.gateway.oauth_server import OAuthServer, ProofRefused
from hub.gateway.replies import Reply, json_reply
from hub.kernel.clock import to_seconds

TOKEN_PATH = "/oauth/token"  # noqa: S105 - a path
AUTHORIZE_PATH = "/oauth/authorize"

_PUBLIC = "public, max-age=300"  # seconds; a next key is published long before it signs

# What a client sends to prove itself is no part of what it asks for.
_CREDENTIALS = ("client_secret", "client_assertion", "client_assertion_type")


class TokenRoutes:
    """`/oauth/token`, `/oauth/par`, `/oauth/introspect`, `/oauth/revoke`, the metadata, `/jwks.json`."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._server = OAuthServer(door.services)

    def register(self, app: Flask) -> None:
        """Add the routes."""
        self._server.init_app(app)
        for path, method, view in (
            (TOKEN_PATH, "POST", self.token),
            ("/oauth/par", "POST", self.push),
            ("/oauth/introspect", "POST", self.introspect),
            ("/oauth/revoke", "POST", self.revoke),
            ("/.well-known/oauth-authorization-server", "GET", self.metadata),
            ("/jwks.json", "GET", self.keys),
        ):
            app.add_url_rule(path, f"oauth.{view.__name__}", view, methods=[method], provide_automatic_options=False)

    def token(self) -> Reply:
        """An access token for a client that proves who it is."""
        self._server.pace_address()
        try:
            check_form(request)
        except OAuth2Error as refusal:
            return self._server.handle_error_response(request, refusal)
        reply: Reply = self._server.create_token_response()
        return reply

    def push(self) -> Reply:
        """Keep an authorization request of an app under a handle. Source: RFC 9126 §2."""
        self._server.pace_address()
        try:
            check_form(request)
            sent = self._server.create_oauth2_request(None)
            client = self._server.authenticate_client(sent, AUTH_METHODS)
            parameters = self._checked(client)
        except OAuth2Error as refusal:
            refusal.redirect_uri = None  # the app itself is asking, not a browser
            return self._server.handle_error_response(request, refusal)
        services = self._door.services
        with services.database.work() as work:
            uri = push_request(work, parameters, client=client.get_client_id(), now=services.clock.now())
        return json_reply({"request_uri": uri, "expires_in": REQUEST_SECONDS}, 201)

    def introspect(self) -> Reply:
        """What a token is worth, to whom may know. Source: RFC 7662."""
        self._server.pace_address()
        try:
            check_form(request)
            client = self._server.authenticate_client(self._server.create_oauth2_request(None), CONFIDENTIAL_METHODS)
            text = _token_of()
        except OAuth2Error as refusal:
            return self._server.handle_error_response(request, refusal)
        found = self._access_token(text, client.client) or self._refresh_token(text, client.client)
        return json_reply(found or {"active": False})

    def revoke(self) -> Reply:
        """End a token: a refresh token with its whole family, an access token alone. Source: RFC 7009."""
        self._server.pace_address()
        try:
            check_form(request)
            client = self._server.authenticate_client(self._server.create_oauth2_request(None), AUTH_METHODS)
            text = _token_of()
        except OAuth2Error as refusal:
            return self._server.handle_error_response(request, refusal)
        self._end(text, client)
        # The same answer for a token that is not there or not this client's: there is nothing to be learned.
        return json_reply({})

    def metadata(self) -> Reply:
        """What this server supports. Source: RFC 8414."""
        base = self._door.services.public_url
        algorithms = list(AssertionCheck.ALGORITHMS)
        response = json_reply(
            {
                "issuer": base,
                "authorization_endpoint": base + AUTHORIZE_PATH,
                "token_endpoint": base + TOKEN_PATH,
                "pushed_authorization_request_endpoint": f"{base}/oauth/par",
                "introspection_endpoint": f"{base}/oauth/introspect",
                "revocation_endpoint": f"{base}/oauth/revoke",
                "jwks_uri": f"{base}/jwks.json",
                "scopes_supported": sorted(Scope),
                "response_types_supported": ["code"],
                "response_modes_supported": ["query"],
                "grant_types_supported": ["authorization_code", "client_credentials", "refresh_token"],
                "code_challenge_methods_supported": ["S256"],
                "authorization_response_iss_parameter_supported": True,
                "require_pushed_authorization_requests": False,
                "dpop_signing_alg_values_supported": list(PROOF_ALGORITHMS),
                "token_endpoint_auth_methods_supported": list(AUTH_METHODS),
                "token_endpoint_auth_signing_alg_values_supported": algorithms,
                "introspection_endpoint_auth_methods_supported": list(CONFIDENTIAL_METHODS),
                "introspection_endpoint_auth_signing_alg_values_supported": algorithms,
                "revocation_endpoint_auth_methods_supported": list(AUTH_METHODS),
                "revocation_endpoint_auth_signing_alg_values_supported": algorithms,
                "service_documentation": f"{base}/docs",
            }
        )
        response.add("Cache-Control", _PUBLIC)
        return response

    def keys(self) -> Reply:
        """Public keys that access tokens are signed with: active, next and retired. Source: RFC 7517 §5."""
        response = json_reply(self._door.services.guard.key_set())
        response.add("Cache-Control", _PUBLIC)
        return response

    def _checked(self, client: OAuthClient) -> dict[str, str]:
        """The parameters of a pushed request, as good as they have to be at the authorization endpoint later."""
        parameters = {name: value for name, value in request.form.items() if name not in _CREDENTIALS}
        if "request_uri" in parameters:
            raise InvalidRequestError("A pushed request names no request_uri.")
        parameters["client_id"] = client.get_client_id()
        # With a proof, the request is bound to its key as if dpop_jkt had named it (RFC 9449 §10.1).
        if "HTTP_DPOP" in request.environ:
            shown = self._server.shown_key(client)
            if parameters.setdefault("dpop_jkt", shown) != shown:
                raise ProofRefused("dpop_jkt names another key than the proof.")
        checked_parameters(self._server, client, parameters)
        return parameters

    def _access_token(self, text: str, client: Client) -> dict[str, object] | None:
        try:
            principal, until = self._door.services.guard.until(text)
        except TokenInvalid:
            return None
        if not _may_see(client, principal.client_id):
            return None
        issuer = self._door.services.public_url
        found: dict[str, object] = {
            "active": True,
            "token_type": "DPoP" if principal.bound_to else "Bearer",
            "client_id": principal.client_id,
            "sub": principal.subject,
            "scope": " ".join(sorted(principal.scopes)),
            "jti": principal.jti,
            "exp": to_seconds(until),
            "iss": issuer,
            "aud": issuer,
        }
        return {**found, "cnf": {"jkt": principal.bound_to}} if principal.bound_to else found

    def _refresh_token(self, text: str, client: Client) -> dict[str, object] | None:
        services = self._door.services
        with services.database.read() as work:
            found = known_refresh(work, text, client=client.id, now=services.clock.now())
        if found is None or not found[1]:
            return None
        grant = found[0]
        return {
            "active": True,
            "client_id": grant.client,
            "sub": grant.subject,
            "scope": " ".join(grant.scopes),
            "exp": to_seconds(grant.expires_at),
            "iss": services.public_url,
        }

    def _end(self, text: str, client: OAuthClient) -> None:
        services, id = self._door.services, client.get_client_id()
        now = services.clock.now()
        try:
            principal, until = services.guard.until(text)
        except TokenInvalid:
            with services.database.work() as work:
                found = known_refresh(work, text, client=id, now=now)
                if found is not None:
                    end_grant(work, found[0].id, actor=f"client:{id}", reason="revoked by the app", now=now)
            return
        if principal.client_id == id:
            with services.database.work() as work:
                revoke_token(work, principal.jti, expires_at=until, now=now)


def _token_of() -> str:
    """The token that is asked about. Raises: InvalidRequestError."""
    text = request.form.get("token", "")
    if not text:
        raise InvalidRequestError("Send the token.")
    return text


def _may_see(client: Client, owner: str) -> bool:
    """A client sees its own tokens; a program of the hub's operators, as a resource server would, sees all."""
    return client.id == owner or (client.kind is CallerKind.OPERATOR and client.people is None)
