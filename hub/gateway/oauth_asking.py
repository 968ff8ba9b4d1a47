"""Authorization requests: read, checked once for all ways they come by, and errors sent to whom they belong.

What is wrong before the app and its address are known is shown to the person and goes nowhere else; the rest is the
app's to know. Knows RFC 6749 §4.1.1, RFC 9126 and the two parameters of OpenID Connect that sign people in anew.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import InvalidRequestError, UnauthorizedClientError, UnsupportedResponseTypeError
from werkzeug.datastructures import MultiDict

from hub.access.pushed import pushed_request
from hub.access.types import Client, ClientState, Profile
from hub.gateway.oauth_clients import OAuthClient
from hub.gateway.oauth_forms import AskedParameters
from hub.gateway.oauth_server import OAuthServer
from hub.kernel.errors import HubError

# Characters of all parameters together as they travel in an address; browsers and proxies cut off what is much longer.
QUERY_CHARS_MAX = 6_000

_PROMPTS = frozenset({"none", "login", "consent"})
_SECONDS = re.compile(r"[0-9]{1,9}")
_HINT_CHARS_MAX = 64


class AuthorizationInvalid(HubError):
    """An authorization request that no app can be answered for."""

    code = "authorization_invalid"


@dataclass(frozen=True, slots=True)
class Asked:
    """An authorization request that holds.

    query: as it travels through our pages. uri: the handle it was pushed under; empty where it was not. scopes: at
    least one. prompts: of `none`, `login`, `consent`. max_age: seconds since somebody signed in; None for any.
    """

    query: str
    uri: str
    client: Client
    redirect_uri: str
    state: str
    scopes: tuple[str, ...]
    challenge: str
    bound_to: str
    prompts: frozenset[str]
    max_age: int | None
    login_hint: str


def checked_parameters(server: OAuthServer, client: OAuthClient, parameters: Mapping[str, str]) -> tuple[str, ...]:
    """The scopes of a request whose parameters are right. Raises: OAuth2Error; with `redirect_uri` if it may go there.

    client: by whom it is, known and active.
    """
    if client.client.people is None:
        raise UnauthorizedClientError("This client does not act for people.")
    redirect_uri = parameters.get("redirect_uri", "")
    if not client.check_redirect_uri(redirect_uri):
        raise InvalidRequestError("redirect_uri is missing, or not one that the app registered.")
    try:
        if parameters.get("response_type") != "code":
            raise _UnsupportedResponseType
        _prompts(parameters)
        _max_age(parameters)
        grant = server.get_consent_grant(AskedParameters(dict(parameters), server.here()))
    except OAuth2Error as refusal:
        refusal.redirect_uri, refusal.state = redirect_uri, parameters.get("state")
        raise
    return tuple(grant.request.scope.split())


def read_asked(server: OAuthServer, sent: "MultiDict[str, str]") -> Asked:
    """The request of these parameters. Raises: AuthorizationInvalid; OAuth2Error, which the app is to be told."""
    if any(len(values) > 1 for _, values in sent.lists()):
        raise AuthorizationInvalid("A parameter of this request is repeated.")
    query = urlencode(sent.to_dict())
    if len(query) > QUERY_CHARS_MAX:
        raise AuthorizationInvalid(f"This request is longer than {QUERY_CHARS_MAX} characters.")
    client = server.query_client(sent.get("client_id", ""))
    if client.client.state is not ClientState.ACTIVE:
        raise AuthorizationInvalid("The app that sent you here is not known, or not any more.")
    uri = sent.get("request_uri", "")
    parameters = _pushed(server, client, uri) if uri else sent.to_dict()
    try:
        scopes = checked_parameters(server, client, parameters)
        if not uri and client.client.profile is Profile.FAPI2:
            refusal = InvalidRequestError("This app has to push its requests to /oauth/par first.")
            refusal.redirect_uri, refusal.state = parameters["redirect_uri"], parameters.get("state")
            raise refusal
    except OAuth2Error as refusal:
        if refusal.redirect_uri is None:
            said = "The app did not say where to send you back, or named an address that is not its own."
            raise AuthorizationInvalid(said) from refusal
        raise
    return Asked(
        query=query,
        uri=uri,
        client=client.client,
        redirect_uri=parameters["redirect_uri"],
        state=parameters.get("state", ""),
        scopes=scopes,
        challenge=parameters["code_challenge"],
        bound_to=parameters.get("dpop_jkt", ""),
        prompts=_prompts(parameters),
        max_age=_max_age(parameters),
        login_hint=parameters.get("login_hint", "")[:_HINT_CHARS_MAX],
    )


class _UnsupportedResponseType(UnsupportedResponseTypeError):  # type: ignore[misc]
    """With words of ours: Authlib's repeat what was sent, which may have characters that no error may have."""

    def __init__(self) -> None:
        super().__init__("code")

    def get_error_description(self) -> str:
        """What is supported."""
        return "response_type is code."


def _pushed(server: OAuthServer, client: OAuthClient, uri: str) -> dict[str, str]:
    services = server.services
    with services.database.read() as work:
        found = pushed_request(work, uri, client=client.client.id, now=services.clock.now())
    if found is None:
        raise AuthorizationInvalid("This request has expired or was answered already; start again in the app.")
    return found


def _prompts(parameters: Mapping[str, str]) -> frozenset[str]:
    found = frozenset(parameters.get("prompt", "").split())
    if not found <= _PROMPTS or ("none" in found and len(found) > 1):
        raise InvalidRequestError("prompt is none alone, or of login and consent.")
    return found


def _max_age(parameters: Mapping[str, str]) -> int | None:
    text = parameters.get("max_age")
    if text is None:
        return None
    if not _SECONDS.fullmatch(text):
        raise InvalidRequestError("max_age is a whole number of seconds.")
    return int(text)
