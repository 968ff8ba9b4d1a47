"""`/oauth/enrol`: the pages behind a one-time link, where somebody chooses what to sign in with.

Knows the form and what it says when something is not right; looking at the page does not use the link up.
"""

from flask import Flask

from hub.access.enrolling import Chosen, Enrolling, OneTimeCodeInvalid, PasswordsDiffer
from hub.access.one_time import totp_uri
from hub.access.passkeys import Passkeys
from hub.access.passwords import PASSWORD_CHARS, PasswordInvalid
from hub.access.people import Enrolment, LoginInvalid, LoginTaken, PasskeyInvalid
from hub.access.types import CallerKind
from hub.gateway.door import Door
from hub.gateway.pages.forms import Forms
from hub.gateway.pages.rendering import on_a_page, page
from hub.gateway.problems import status_of
from hub.gateway.replies import Reply
from hub.kernel.errors import HubError

# What is mended on the same page.
_MENDABLE = (LoginInvalid, LoginTaken, PasswordsDiffer, PasswordInvalid, OneTimeCodeInvalid, PasskeyInvalid)


class EnrollingRoutes:
    """`/oauth/enrol/<link>`, `/oauth/enrol`."""

    def __init__(self, door: Door) -> None:
        services = door.services
        self._forms = Forms(services.people_secret, secure=services.public_url.startswith("https://"))
        self._clock = services.clock
        self._passkeys = Passkeys(services.public_url, services.people_secret)
        self._enrolling = Enrolling(
            services.database, services.vault, services.clock, self._passkeys, secret=services.people_secret
        )

    def register(self, app: Flask) -> None:
        """Add the routes."""
        for path, method, view in (("/oauth/enrol/<link>", "GET", self.look), ("/oauth/enrol", "POST", self.enrol)):
            name = f"enrolling.{view.__name__}"
            app.add_url_rule(path, name, on_a_page(view), methods=[method], provide_automatic_options=False)

    def look(self, link: str) -> Reply:
        """What the link is for, and the form."""
        return self._page(link, self._enrolling.look(link))

    def enrol(self) -> Reply:
        """Enrol, or say what is not right yet."""
        fields = self._forms.sent("enrol")
        link = fields.get("request", "")
        credential = fields.get("credential", "")
        chosen = Chosen(*(fields.get(name, "") for name in ("login", "password", "again", "code")))
        try:
            if credential:
                self._enrolling.with_passkey(link, credential, browser=self._forms.cookie())
                return page("enrolled", codes=[])
            codes = self._enrolling.with_password(link, chosen)
        except _MENDABLE as refusal:
            return self._page(link, self._enrolling.look(link), refusal=refusal, login=chosen.login[:64])
        return page("enrolled", codes=codes)

    def _page(self, link: str, enrolment: Enrolment, *, refusal: HubError | None = None, login: str = "") -> Reply:
        cookie = self._forms.cookie() or self._forms.fresh()
        person, now = enrolment.person, self._clock.now()
        passkey = self._passkeys.creation(person, browser=cookie, now=now) if self._passkeys.usable else ""
        reply = page(
            "enrol",
            status=status_of(refusal) if refusal else 200,
            operator=person.kind is CallerKind.OPERATOR,
            name=person.name,
            login=login or person.name,
            low=PASSWORD_CHARS[0],
            high=PASSWORD_CHARS[1],
            secret=_spaced(enrolment.totp),
            uri=totp_uri(enrolment.totp, person.name) if enrolment.totp else "",
            passkey=passkey,
            refusal=refusal.detail if refusal else "",
            link=link,
            proof=self._forms.proof("enrol", cookie, link),
        )
        return self._forms.keep(reply, cookie)


def _spaced(secret: str) -> str:
    """In groups of four, to be typed."""
    return " ".join(secret[at : at + 4] for at in range(0, len(secret), 4))
