"""OAuth 2: the token endpoint (client credentials), its metadata and the public keys.

Knows OAuth's wire forms through Authlib, whose defaults that are not safe enough are overridden. Errors here have
OAuth's own JSON (RFC 6749 §5.2), not problem+json. Further grants register on the same server.
"""

import base64
import binascii
from datetime import datetime

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.integrations.flask_oauth2.requests import FlaskOAuth2Payload, FlaskOAuth2Request
from authlib.oauth2 import OAuth2Error, OAuth2Request
from authlib.oauth2.rfc6749 import InvalidClientError, InvalidRequestError
from authlib.oauth2.rfc6749.grants import ClientCredentialsGrant
from authlib.oauth2.rfc6750 import BearerTokenGenerator
from flask import Flask, Request, request

from hub.access.clients import ClientMissing
from hub.access.scopes import Scope
from hub.access.service import get_client
from hub.access.tokens import TOKEN_SECONDS
from hub.gateway.door import Door
from hub.gateway.oauth_clients import NOBODY, AssertionCheck, OAuthClient
from hub.gateway.replies import Reply, json_reply
from hub.gateway.services import Services
from hub.kernel.limits import BODY_BYTES_MAX

TOKEN_PATH = "/oauth/token"  # noqa: S105 - a path

_FORM = "application/x-www-form-urlencoded"
_AUTH_METHODS = ["client_secret_basic", "client_secret_post", "private_key_jwt"]
_PUBLIC = "public, max-age=300"  # seconds; a next key is published long before it signs


class TokenRoutes:
    """`/oauth/token`, `/.well-known/oauth-authorization-server`, `/jwks.json`."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._server = _Server(door.services)

    def register(self, app: Flask) -> None:
        """Add the routes."""
        self._server.init_app(app)
        for path, method, view in (
            (TOKEN_PATH, "POST", self.token),
            ("/.well-known/oauth-authorization-server", "GET", self.metadata),
            ("/jwks.json", "GET", self.keys),
        ):
            app.add_url_rule(path, f"oauth.{view.__name__}", view, methods=[method], provide_automatic_options=False)

    def token(self) -> Reply:
        """An access token for a client that proves who it is."""
        request.max_content_length = BODY_BYTES_MAX
        try:
            _check_form(request)
        except OAuth2Error as refusal:
            return self._server.handle_error_response(request, refusal)
        reply: Reply = self._server.create_token_response()
        return reply

    def metadata(self) -> Reply:
        """What this server supports. Source: RFC 8414."""
        base = self._door.services.public_url
        response = json_reply(
            {
                "issuer": base,
                "token_endpoint": base + TOKEN_PATH,
                "jwks_uri": f"{base}/jwks.json",
                "scopes_supported": sorted(Scope),
                "response_types_supported": [],
                "grant_types_supported": ["client_credentials"],
                "token_endpoint_auth_methods_supported": _AUTH_METHODS,
                "token_endpoint_auth_signing_alg_values_supported": list(AssertionCheck.ALGORITHMS),
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


class _TokenRequest(FlaskOAuth2Request):  # type: ignore[misc]
    """A request whose address is the configured one: Host is whatever the sender wrote."""

    def __init__(self, sent: Request, uri: str) -> None:
        OAuth2Request.__init__(self, method=sent.method, uri=uri, headers=sent.headers)
        self._request = sent
        self.payload = FlaskOAuth2Payload(sent)


class _Server(AuthorizationServer):  # type: ignore[misc]
    """Authlib's server over the hub's clients and tokens."""

    def __init__(self, services: Services) -> None:
        super().__init__(query_client=self._find, save_token=lambda _token, _request: None)
        self._services = services
        self.register_grant(_ClientCredentials)
        check = AssertionCheck(services)
        self.register_client_auth_method(AssertionCheck.CLIENT_AUTH_METHOD, check)

    def load_config(self, _config: object) -> None:
        """Nothing from Flask's configuration: the defaults there are tokens that live for ten days."""
        generator = BearerTokenGenerator(self._issue, expires_generator=TOKEN_SECONDS)
        self.register_token_generator("default", generator)
        self.scopes_supported = list(Scope)

    def create_oauth2_request(self, _request: object) -> OAuth2Request:
        """The request of the moment."""
        return _TokenRequest(request, self._services.public_url + TOKEN_PATH)

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
        return response

    def handle_response(self, status: int, payload: object, headers: list[tuple[str, str]]) -> Reply:
        """What Authlib has decided, as an answer of ours."""
        reply = json_reply(payload, status)
        for name, value in headers:
            if name.lower() != "content-type":
                reply.add(name, value)
        return reply

    def _find(self, client_id: str) -> OAuthClient:
        """The client, or nobody: a client whose every check takes as long and fails."""
        now: datetime = self._services.clock.now()
        if "\0" in client_id:
            return NOBODY
        with self._services.database.read() as work:
            try:
                return OAuthClient(get_client(work, client_id, now=now))
            except ClientMissing:
                return NOBODY

    def _issue(self, client: OAuthClient, grant_type: str, user: object, scope: str) -> str:
        assert grant_type == "client_credentials"
        assert user is None
        return self._services.guard.issue(client.client, scope.split())


class _ClientCredentials(ClientCredentialsGrant):  # type: ignore[misc]
    TOKEN_ENDPOINT_AUTH_METHODS = _AUTH_METHODS


def _check_form(sent: Request) -> None:
    """What Authlib lets pass and RFC 6749 §2.3 and §3.2 do not. Raises: InvalidRequestError, InvalidClientError."""
    if sent.mimetype != _FORM:
        raise InvalidRequestError(f"Send the parameters as {_FORM}.")
    if sent.query_string:
        raise InvalidRequestError("Send the parameters in the body, not in the query.")
    form = sent.form
    if any(len(values) > 1 for _, values in form.lists()):
        raise InvalidRequestError("A parameter is repeated.")
    header = sent.environ.get("HTTP_AUTHORIZATION")
    if sum((header is not None, "client_secret" in form, "client_assertion" in form)) > 1:
        raise InvalidRequestError("Authenticate in one way only.")
    if header is not None:
        named = _basic_client(str(header))
        if form.get("client_id", named) != named:
            raise InvalidRequestError("client_id is another one than that of the Authorization header.")


def _basic_client(header: str) -> str:
    """The client id of Basic credentials. Raises: InvalidClientError where they cannot be read."""
    kind, _, token = header.partition(" ")
    if kind.lower() != "basic":
        raise InvalidClientError
    try:
        name, colon, _ = base64.b64decode(token.strip(), validate=True).decode("utf-8").partition(":")
    except (binascii.Error, ValueError) as fault:
        raise InvalidClientError from fault
    if not colon:
        raise InvalidClientError
    return name
