"""Enrolling: whoever holds a one-time link says how they will sign in from now on.

Counts attempts, checks what was sent outside of transactions, and writes all of it at once. Does not know forms.
"""

from dataclasses import dataclass, field

from hub.access.one_time import step_of
from hub.access.passkeys import Passkeys
from hub.access.passwords import checked_password, hash_of_password
from hub.access.people import (
    Enrolment,
    checked_login,
    enrol_passkey,
    enrol_password,
    login_hash,
    open_enrolment,
)
from hub.access.recovery import forget_recovery, new_recovery
from hub.access.throttle import Limit, count_attempt, key_of
from hub.access.types import CallerKind
from hub.access.vault import Vault
from hub.kernel.clock import Clock
from hub.kernel.errors import HubError
from hub.storage import Database

# A person who finds a free login and types a good password twice; nobody finds out with a link who has which login.
PER_PERSON = Limit("enrolment", 20, 3_600)


class OneTimeCodeInvalid(HubError):
    """A one-time code that the authenticator does not show at this moment."""

    code = "one_time_code_invalid"


class PasswordsDiffer(HubError):
    """A password that was typed differently the second time."""

    code = "passwords_differ"


@dataclass(frozen=True, slots=True)
class Chosen:
    """What somebody wants to sign in with. code: what their authenticator shows; empty for a member."""

    login: str
    password: str = field(repr=False)
    again: str = field(repr=False)
    code: str = field(repr=False)


class Enrolling:
    """Enrolment for all pages of one process. secret: keys the hashes of logins."""

    def __init__(self, database: Database, vault: Vault, clock: Clock, passkeys: Passkeys, *, secret: bytes) -> None:
        self._database = database
        self._passkeys = passkeys
        self._vault = vault
        self._clock = clock
        self._secret = secret

    def look(self, link: str) -> Enrolment:
        """What this link lets somebody do. Raises: EnrolmentInvalid."""
        with self._database.read() as work:
            return open_enrolment(work, self._vault, link, now=self._clock.now())

    def with_password(self, link: str, chosen: Chosen) -> list[str]:
        """Sign in with this from now on, and with nothing that was good before; an operator's recovery codes.

        Raises: EnrolmentInvalid, TooManyAttempts, LoginInvalid, LoginTaken, PasswordsDiffer, PasswordInvalid,
        OneTimeCodeInvalid.
        """
        enrolment = self._counted(link)
        login = checked_login(chosen.login)
        if chosen.password != chosen.again:
            raise PasswordsDiffer("The two passwords are not the same.")
        hashed = hash_of_password(checked_password(chosen.password, login=login))
        now, person = self._clock.now(), enrolment.person
        step = self._step(enrolment, chosen.code)
        with self._database.work() as work:
            enrol_password(
                work,
                self._vault,
                enrolment,
                login_hash=login_hash(self._secret, person.kind, login),
                password_hash=hashed,
                step=step,
                now=now,
            )
            return new_recovery(work, person.id) if person.kind is CallerKind.OPERATOR else []

    def with_passkey(self, link: str, credential: str, *, browser: str) -> None:
        """The same with a passkey. browser: the one whose challenge it answers.

        Raises: EnrolmentInvalid, TooManyAttempts, PasskeyInvalid.
        """
        enrolment, now = self._counted(link), self._clock.now()
        with self._database.work() as work:
            made = self._passkeys.made(work, credential, browser=browser, now=now)
            enrol_passkey(work, enrolment, id=made.id, public_key=made.public_key, sign_count=made.sign_count, now=now)
            forget_recovery(work, enrolment.person.id)

    def _counted(self, link: str) -> Enrolment:
        now = self._clock.now()
        with self._database.work() as work:
            enrolment = open_enrolment(work, self._vault, link, now=now)
            counter = key_of(self._secret, PER_PERSON, enrolment.person.id)
            refused = count_attempt(work, [(counter, PER_PERSON)], now=now)
        if refused is not None:
            raise refused
        return enrolment

    def _step(self, enrolment: Enrolment, code: str) -> int:
        """The step of the one-time code, which shows that the authenticator has the secret; 0 where none is needed."""
        if enrolment.person.kind is not CallerKind.OPERATOR:
            return 0
        step = step_of(enrolment.totp, code, now=self._clock.now()) if enrolment.totp else None
        if step is None:
            raise OneTimeCodeInvalid("The one-time code is not the one of this moment; check the phone's clock.")
        return step
