"""`/oauth/authorize` and its pages: sign in, look at what an app asks for, say yes or no, sign out.

Knows in which order people are asked. The request travels through the forms as it came and is read anew each time, so
nothing of it is kept here. Source: RFC 6749 §4.1, RFC 9207, RFC 9700 §4.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from urllib.parse import parse_qsl, urlencode, urlsplit

from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import AccessDeniedError
from flask import Flask, request
from werkzeug.datastructures import MultiDict

from hub.access.clients import hash_of
from hub.access.entrance import Attempt, Entrance, SignInRefused
from hub.access.grants import Consent, is_allowed, open_grant
from hub.access.passkeys import Passkeys
from hub.access.people import Person
from hub.access.pushed import use_request
from hub.access.scopes import WORDS, Scope
from hub.access.throttle import network_of
from hub.access.types import AuthMethod, CallerKind
from hub.access.visits import Visit, close_visit, find_visit
from hub.gateway.door import Door
from hub.gateway.oauth_asking import Asked, AuthorizationInvalid, read_asked
from hub.gateway.oauth_server import OAuthServer
from hub.gateway.pages.forms import Forms
from hub.gateway.pages.rendering import on_a_page, page, sent_to
from hub.gateway.problems import status_of
from hub.gateway.replies import Reply
from hub.gateway.senders import address_of
from hub.gateway.tokens import AUTHORIZE_PATH
from hub.kernel.errors import HubError
from hub.storage import Work

# Whoever signed in for this very request is not asked again while they read the next page.
_SIGNED_IN_FOR = timedelta(seconds=300)


class _LoginRequired(OAuth2Error):  # type: ignore[misc]
    """`prompt=none`, and nobody is signed in. Source: OpenID Connect Core §3.1.2.6."""

    error = "login_required"


class _ConsentRequired(OAuth2Error):  # type: ignore[misc]
    """`prompt=none`, and the person has to be asked. Source: OpenID Connect Core §3.1.2.6."""

    error = "consent_required"


class AuthorizingRoutes:
    """`/oauth/authorize`, `/oauth/sign-in`, `/oauth/consent`, `/oauth/sign-out`."""

    def __init__(self, door: Door) -> None:
        services = door.services
        self._door = door
        self._services = services
        self._server = OAuthServer(services)
        self._forms = Forms(services.people_secret, secure=services.public_url.startswith("https://"))
        self._passkeys = Passkeys(services.public_url, services.people_secret)
        self._entrance = Entrance(
            services.database, services.vault, services.clock, self._passkeys, secret=services.people_secret
        )

    def register(self, app: Flask) -> None:
        """Add the routes."""
        self._server.init_app(app)
        for path, method, view in (
            (AUTHORIZE_PATH, "GET", self.authorize),
            ("/oauth/sign-in", "POST", self.sign_in),
            ("/oauth/consent", "POST", self.consent),
            ("/oauth/sign-out", "POST", self.sign_out),
        ):
            name = f"authorizing.{view.__name__}"
            app.add_url_rule(
                path, name, on_a_page(self._answered(view)), methods=[method], provide_automatic_options=False
            )

    def authorize(self) -> Reply:
        """Where an app sends people: the sign-in page, the consent page, or straight back."""
        self._server.pace_address()
        asked = read_asked(self._server, request.args)
        cookie, now = self._forms.cookie(), self._services.clock.now()
        visit = self._visit(asked, cookie, now)
        if visit is None:
            if "none" in asked.prompts:
                raise _of(_LoginRequired, asked)
            return self._sign_in_page(asked)
        scopes = _allowed(asked, visit.person)
        if self._is_remembered(asked, visit.person, scopes, now):
            return self._grant(asked, visit.person, scopes, now)
        if "none" in asked.prompts:
            raise _of(_ConsentRequired, asked)
        return self._consent_page(asked, visit.person, scopes, cookie)

    def sign_in(self) -> Reply:
        """Sign in and go on with the request."""
        fields = self._forms.sent("sign-in")
        asked = self._carried(fields)
        try:
            opened = self._enter(asked, fields)
        except SignInRefused as refusal:
            return self._sign_in_page(asked, refusal)
        with self._services.database.work() as work:
            close_visit(work, self._forms.cookie())
        # Never the cookie of before: somebody else may have put that one there.
        return self._forms.keep(sent_to(self._address(asked)), opened)

    def consent(self) -> Reply:
        """Yes or no to what the consent page showed."""
        fields = self._forms.sent("consent")
        asked = self._carried(fields)
        now = self._services.clock.now()
        visit = self._visit(asked, self._forms.cookie(), now)
        if visit is None:
            return sent_to(self._address(asked))
        if fields.get("answer") == "yes":
            return self._grant(asked, visit.person, _allowed(asked, visit.person), now)
        with self._services.database.work() as work:
            _use(work, asked, now)
        raise _of(AccessDeniedError, asked)

    def sign_out(self) -> Reply:
        """Sign out; the request goes on with somebody else."""
        fields = self._forms.sent("sign-out")
        asked = self._carried(fields)
        with self._services.database.work() as work:
            close_visit(work, self._forms.cookie())
        return self._forms.keep(sent_to(self._address(asked)), self._forms.fresh())

    def _enter(self, asked: Asked, fields: "MultiDict[str, str]") -> str:
        """The secret of a new visit. Raises: SignInRefused, TooManyAttempts."""
        kind, credential = asked.client.kind, fields.get("credential", "")
        network = network_of(address_of(request.environ, self._services.proxy_hops))
        if credential:
            browser = self._forms.cookie()
            return self._entrance.by_passkey(kind, credential, browser=browser, network=network, asked=asked.query)
        login, password, code = (fields.get(name, "") for name in ("login", "password", "code"))
        return self._entrance.by_password(Attempt(kind, login, password, code, network), asked=asked.query)

    def _answered(self, view: Callable[[], Reply]) -> Callable[[], Reply]:
        """`view`, whose errors that an app may know go there."""

        def answered() -> Reply:
            try:
                return view()
            except OAuth2Error as refusal:
                return self._answer(refusal.redirect_uri, dict(refusal.get_body()))

        return answered

    def _carried(self, fields: "MultiDict[str, str]") -> Asked:
        """The request that a form carries. Raises: what `read_asked` raises."""
        return read_asked(self._server, MultiDict(parse_qsl(fields.get("request", ""), keep_blank_values=True)))

    def _visit(self, asked: Asked, cookie: str, now: datetime) -> Visit | None:
        """Who is signed in, as this request wants it; None for nobody, somebody else, or too long ago."""
        with self._services.database.read() as work:
            visit = find_visit(work, cookie, now=now) if cookie else None
        if visit is None or visit.person.kind is not asked.client.kind:
            return None
        age = now - visit.since
        if visit.asked == hash_of(asked.query) and age <= _SIGNED_IN_FOR:
            return visit
        stale = asked.max_age is not None and age > timedelta(seconds=asked.max_age)
        return None if stale or "login" in asked.prompts else visit

    def _is_remembered(self, asked: Asked, person: Person, scopes: tuple[str, ...], now: datetime) -> bool:
        """Whether the person need not be asked again.

        Anybody can claim to be an app that has no credentials, so its people are always asked (RFC 8252 §8.6).
        """
        if "consent" in asked.prompts or asked.client.auth is AuthMethod.NONE:
            return False
        with self._services.database.read() as work:
            return is_allowed(work, person.id, client=asked.client.id, scopes=scopes, now=now)

    def _grant(self, asked: Asked, person: Person, scopes: tuple[str, ...], now: datetime) -> Reply:
        """Record the yes and hand the code over."""
        consent = Consent(
            asked.client.id, person.kind, person.id, scopes, asked.redirect_uri, asked.challenge, asked.bound_to
        )
        with self._services.database.work() as work:
            _use(work, asked, now)
            code = open_grant(work, consent, now=now)
        return self._answer(asked.redirect_uri, {"code": code, **({"state": asked.state} if asked.state else {})})

    def _answer(self, redirect_uri: str, parameters: dict[str, str]) -> Reply:
        """Back to the app, with the hub's own name so that it cannot be mistaken for another server (RFC 9207)."""
        query = urlencode({**parameters, "iss": self._services.public_url})
        return sent_to(f"{redirect_uri}{'&' if '?' in redirect_uri else '?'}{query}")

    def _address(self, asked: Asked) -> str:
        return f"{AUTHORIZE_PATH}?{asked.query}"

    def _sign_in_page(self, asked: Asked, refusal: HubError | None = None) -> Reply:
        cookie, now = self._forms.cookie() or self._forms.fresh(), self._services.clock.now()
        reply = page(
            "sign_in",
            status=status_of(refusal) if refusal else 200,
            leads_to=asked.redirect_uri,
            app=asked.client.name,
            operator=asked.client.kind is CallerKind.OPERATOR,
            login=asked.login_hint,
            refusal=refusal.detail if refusal else "",
            passkey=self._passkeys.request(browser=cookie, now=now) if self._passkeys.usable else "",
            request=asked.query,
            proof=self._forms.proof("sign-in", cookie, asked.query),
        )
        return self._forms.keep(reply, cookie)

    def _consent_page(self, asked: Asked, person: Person, scopes: tuple[str, ...], cookie: str) -> Reply:
        partner = self._door.catalogue().roster.partners.get(asked.client.partner)
        return page(
            "consent",
            leads_to=asked.redirect_uri,
            app=asked.client.name,
            whose=partner.name if partner else "",
            live=asked.client.live,
            name=person.name,
            words=[WORDS[Scope(one)] for one in scopes],
            place=urlsplit(asked.redirect_uri).hostname or asked.redirect_uri,
            request=asked.query,
            proof=self._forms.proof("consent", cookie, asked.query),
            proof_out=self._forms.proof("sign-out", cookie, asked.query),
        )


def _of(kind: type[OAuth2Error], asked: Asked) -> OAuth2Error:
    """An error that the app is told."""
    return kind(redirect_uri=asked.redirect_uri, state=asked.state or None)


def _use(work: Work, asked: Asked, now: datetime) -> None:
    """A pushed request is decided on once. Raises: AuthorizationInvalid."""
    if asked.uri and not use_request(work, asked.uri, now=now):
        raise AuthorizationInvalid("This request was answered already; start again in the app.")


def _allowed(asked: Asked, person: Person) -> tuple[str, ...]:
    """What this person can let the app do: an operator, no more than they may. Raises: AccessDeniedError, if none."""
    if person.kind is CallerKind.MEMBER:
        return asked.scopes
    found = tuple(one for one in asked.scopes if one in person.scopes)
    if not found:
        raise _of(AccessDeniedError, asked)
    return found
