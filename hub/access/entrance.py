"""Signing in: counts attempts, checks what was sent, and opens a visit.

Every refusal reads and takes the same, whoever is asked for and whatever was wrong: nobody learns who can sign in. What
is slow is checked outside of transactions. Does not know forms or cookies.
"""

from dataclasses import dataclass, field
from datetime import datetime

from hub.access.one_time import new_totp, step_of
from hub.access.passkeys import Passkeys
from hub.access.passwords import NOBODYS_HASH, is_password
from hub.access.people import (
    Credentials,
    LoginInvalid,
    PasskeyInvalid,
    Person,
    checked_login,
    credentials,
    login_hash,
    still,
    use_step,
)
from hub.access.recovery import use_recovery
from hub.access.throttle import Limit, count_attempt, forget_attempts, key_of, uncount_attempt
from hub.access.types import CallerKind
from hub.access.vault import Vault
from hub.access.visits import open_visit
from hub.audit.service import record
from hub.kernel.clock import Clock
from hub.kernel.errors import HubError
from hub.storage import Database, Work

# Guesses at one account: fewer than a thousand a day, far too few for a password of 15 characters.
PER_ACCOUNT = Limit("sign-in account", 10, 15 * 60)

# Wrong guesses from one network, where a whole office may sit behind one address.
PER_NETWORK = Limit("sign-in network", 100, 15 * 60)

_WRONG = "The login, the password or the code is not right."


class SignInRefused(HubError):
    """A sign-in whose login, password, one-time code or passkey is not right."""

    code = "sign_in_refused"


@dataclass(frozen=True, slots=True)
class Attempt:
    """What somebody sent to sign in. kind: as whom. code: of the second factor; empty for none. network: from where."""

    kind: CallerKind
    login: str
    password: str = field(repr=False)
    code: str = field(repr=False)
    network: str


class Entrance:
    """The way in, for all pages of one process. secret: keys the hashes of logins and networks."""

    def __init__(self, database: Database, vault: Vault, clock: Clock, passkeys: Passkeys, *, secret: bytes) -> None:
        self._database = database
        self._vault = vault
        self._passkeys = passkeys
        self._clock = clock
        self._secret = secret
        # Codes are computed where nobody is, too; of no use to anybody.
        self._nobodys_totp = new_totp()

    def by_password(self, attempt: Attempt, *, asked: str) -> str:
        """The secret of a new visit, opened for the request `asked`. Raises: SignInRefused, TooManyAttempts."""
        now = self._clock.now()
        hashed = login_hash(self._secret, attempt.kind, _login_of(attempt.login))
        account = key_of(self._secret, PER_ACCOUNT, hashed.hex())
        network = key_of(self._secret, PER_NETWORK, attempt.network)
        with self._database.work() as work:
            refused = count_attempt(work, [(account, PER_ACCOUNT), (network, PER_NETWORK)], now=now)
            found = credentials(work, self._vault, kind=attempt.kind, hashed=hashed)
        if refused is not None:
            raise refused
        right = is_password(found.password_hash if found else NOBODYS_HASH, attempt.password)
        step = step_of((found.totp if found else "") or self._nobodys_totp, attempt.code, now=now)
        if found is None or not right:
            raise SignInRefused(_WRONG)
        with self._database.work() as work:
            how = _shown(work, found, step, attempt.code) if still(work, found) else ""
            if not how:
                raise SignInRefused(_WRONG)
            forget_attempts(work, account)
            uncount_attempt(work, network)
            return _enter(work, found.person, how, asked=asked, now=now)

    def by_passkey(self, kind: CallerKind, credential: str, *, browser: str, network: str, asked: str) -> str:
        """The same with a passkey, which is two factors at once. browser: the one whose challenge it answers.

        Raises: SignInRefused, TooManyAttempts.
        """
        now, counter = self._clock.now(), key_of(self._secret, PER_NETWORK, network)
        with self._database.work() as work:
            refused = count_attempt(work, [(counter, PER_NETWORK)], now=now)
        if refused is not None:
            raise refused
        with self._database.work() as work:
            try:
                person = self._passkeys.holder(work, credential, browser=browser, now=now)
            except PasskeyInvalid as refusal:
                raise SignInRefused(refusal.detail) from refusal
            if person.kind is not kind:
                raise SignInRefused(_WRONG)
            uncount_attempt(work, counter)
            return _enter(work, person, "passkey", asked=asked, now=now)


def _shown(work: Work, found: Credentials, step: int | None, code: str) -> str:
    """How somebody whose password is right signs in; empty if a second factor is missing. Each code is good once."""
    id = found.person.id
    if found.person.kind is not CallerKind.OPERATOR:
        return "password"
    if found.totp and step is not None:
        return "password and one-time code" if use_step(work, id, step) else ""
    return "password and recovery code" if found.totp and use_recovery(work, id, code) else ""


def _enter(work: Work, person: Person, how: str, *, asked: str, now: datetime) -> str:
    text = open_visit(work, person, asked=asked, now=now)
    if person.kind is CallerKind.OPERATOR:
        actor = f"operator:{person.id}"
        record(work, actor=actor, action="person.signed_in", subject=person.id, facts={"with": how}, now=now)
    return text


def _login_of(text: str) -> str:
    """The login as it is compared; empty, which nobody has, for what cannot be one."""
    try:
        return checked_login(text)
    except LoginInvalid:
        return ""
