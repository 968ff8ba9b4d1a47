"""Who can sign in: members and operators, and the links they enrol with.

Knows rows. A member is an id here and nothing else: the login is kept as a keyed hash, no name, no address. Does not
know how a password or a passkey is checked.
"""

import hmac
import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import psycopg

from hub.access.clients import hash_of, new_secret
from hub.access.grants import end_grants_of
from hub.access.scopes import checked_scopes
from hub.access.types import CallerKind
from hub.access.vault import Vault
from hub.audit.service import record
from hub.kernel.errors import HubError
from hub.kernel.ids import new_id
from hub.storage import Work

# An enrolment link is handed over by a person; a working day, and the night before it.
ENROLMENT_SECONDS = 24 * 3_600

# A sealed secret of one-time codes and its label must be of one person.
_TOTP_LABEL = "one-time codes of {}"

_OPERATOR = re.compile(r"[a-z][a-z0-9._-]{1,39}")
_LOGIN_CHARS = (3, 64)


class PersonMissing(HubError):
    """There is nobody with this name or id who can sign in."""

    code = "person_missing"


class OperatorInvalid(HubError):
    """A name that an operator cannot have."""

    code = "operator_invalid"


class OperatorExists(HubError):
    """There is an operator of this name already."""

    code = "operator_exists"


class LoginInvalid(HubError):
    """A login that nobody can have."""

    code = "login_invalid"


class LoginTaken(HubError):
    """A login that somebody else has."""

    code = "login_taken"


class EnrolmentInvalid(HubError):
    """An enrolment link that was used, has expired or never was."""

    code = "enrolment_invalid"


class PasskeyInvalid(HubError):
    """A passkey that does not answer the hub's challenge, or is not known here."""

    code = "passkey_invalid"


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who can sign in. name: of an operator; empty for a member. scopes: of an operator, at most."""

    id: str
    kind: CallerKind
    name: str
    scopes: tuple[str, ...]
    active: bool


@dataclass(frozen=True, slots=True)
class Enrolment:
    """An open link. totp: the secret that its page shows to an operator; empty for a member."""

    hash: bytes
    person: Person
    totp: str


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a sign-in by password is checked against. totp: empty where no second factor is asked for."""

    person: Person
    password_hash: str
    totp: str
    totp_step: int


def add_operator(work: Work, *, name: str, scopes: tuple[str, ...], actor: str, now: datetime) -> Person:
    """Add one of the hub's own people, who cannot sign in before enrolling.

    Raises: OperatorInvalid, OperatorExists, ScopeUnknown, ScopeNotAllowed.
    """
    if not _OPERATOR.fullmatch(name):
        raise OperatorInvalid("An operator's name is 2 to 40 small letters, digits, dots or dashes, a letter first.")
    allowed = checked_scopes(scopes, kind=CallerKind.OPERATOR)
    person = Person(new_id("opr", now), CallerKind.OPERATOR, name, allowed, True)
    if not _insert(work, person, now=now):
        raise OperatorExists(f"There is an operator {name} already; `hub operator enrol` gives a new link.")
    facts = {"name": name, "scopes": " ".join(allowed)}
    record(work, actor=actor, action="operator.added", subject=person.id, facts=facts, now=now)
    return person


def add_member_person(work: Work, member: str, *, now: datetime) -> Person:
    """The member as somebody who can sign in; the same again is answered again."""
    _insert(work, Person(member, CallerKind.MEMBER, "", (), True), now=now)
    return get_person(work, member)


def _insert(work: Work, person: Person, *, now: datetime) -> bool:
    touched = work.run(
        "INSERT INTO access_people (id, kind, name, password_hash, totp_step, scopes, state, created_at, updated_at)"
        " VALUES (%s, %s, %s, '', 0, %s::text[], 'active', %s, %s) ON CONFLICT DO NOTHING",
        (person.id, person.kind, person.name, list(person.scopes), now, now),
    )
    return touched == 1


def get_person(work: Work, named: str) -> Person:
    """Somebody by id, or an operator by name. Raises: PersonMissing."""
    rows = work.fetch(
        "SELECT id, kind, name, scopes, state FROM access_people WHERE id = %s OR (kind = 'operator' AND name = %s)",
        (named, named),
    )
    if not rows:
        raise PersonMissing(f"There is nobody called {named[:64]!r} who can sign in.")
    return person_of(rows[0])


def operators(work: Work) -> list[Person]:
    """The hub's own people, by name."""
    rows = work.fetch("SELECT id, kind, name, scopes, state FROM access_people WHERE kind = 'operator' ORDER BY name")
    return [person_of(row) for row in rows]


def stop_person(work: Work, id: str, *, actor: str, now: datetime) -> None:
    """This person signs in no more, and whatever acts for them ends within seconds. Safe to repeat."""
    touched = work.run(
        "UPDATE access_people SET state = 'stopped', updated_at = %s WHERE id = %s AND state = 'active'", (now, id)
    )
    work.run("DELETE FROM access_sessions WHERE person = %s", (id,))
    work.run("DELETE FROM access_enrolments WHERE person = %s", (id,))
    end_grants_of(work, id, actor=actor, reason="person stopped", now=now)
    if touched:
        record(work, actor=actor, action="person.stopped", subject=id, facts={}, now=now)


def start_person(work: Work, id: str, *, actor: str, now: datetime) -> None:
    """This person may sign in again. Safe to repeat."""
    touched = work.run(
        "UPDATE access_people SET state = 'active', updated_at = %s WHERE id = %s AND state = 'stopped'", (now, id)
    )
    if touched:
        record(work, actor=actor, action="person.started", subject=id, facts={}, now=now)


def forget_person(work: Work, id: str, *, actor: str, now: datetime) -> None:
    """Whatever this person signed in with is gone, and whatever acted for them ends within seconds. Safe to repeat."""
    end_grants_of(work, id, actor=actor, reason="person erased", now=now)
    work.run("DELETE FROM access_people WHERE id = %s", (id,))


def new_enrolment(work: Work, vault: Vault, person: Person, *, totp: str, actor: str, now: datetime) -> str:
    """A link's token, good once; one handed out before ends. totp: a fresh secret for an operator, else empty."""
    work.run("DELETE FROM access_enrolments WHERE person = %s", (person.id,))
    text, hashed = new_secret()
    sealed = vault.seal(totp.encode(), label=_TOTP_LABEL.format(person.id)) if totp else None
    work.run(
        "INSERT INTO access_enrolments (hash, person, totp, created_at, expires_at) VALUES (%s, %s, %s, %s, %s)",
        (hashed, person.id, sealed, now, now + timedelta(seconds=ENROLMENT_SECONDS)),
    )
    record(work, actor=actor, action="person.invited", subject=person.id, facts={}, now=now)
    return text


def open_enrolment(work: Work, vault: Vault, token: str, *, now: datetime) -> Enrolment:
    """What this token lets somebody do. Raises: EnrolmentInvalid."""
    rows = work.fetch(
        "SELECT e.hash, e.totp, p.id, p.kind, p.name, p.scopes, p.state FROM access_enrolments e"
        " JOIN access_people p ON p.id = e.person WHERE e.hash = %s AND e.expires_at > %s AND p.state = 'active'",
        (hash_of(token), now),
    )
    if not rows:
        raise EnrolmentInvalid("This link was used, has expired or never was; ask for a new one.")
    hashed, sealed, *row = rows[0]
    person = person_of(row)
    totp = vault.open(sealed, label=_TOTP_LABEL.format(person.id)).decode() if sealed else ""
    return Enrolment(hashed, person, totp)


def enrol_password(
    work: Work, vault: Vault, enrolment: Enrolment, *, login_hash: bytes, password_hash: str, step: int, now: datetime
) -> None:
    """Sign in with this password from now on, and with nothing that was good before.

    step: of the one-time code that was entered; it is not good again. Raises: EnrolmentInvalid, LoginTaken.
    """
    _take(work, enrolment)
    person = enrolment.person
    sealed = vault.seal(enrolment.totp.encode(), label=_TOTP_LABEL.format(person.id)) if enrolment.totp else None
    try:
        with work.savepoint():
            work.run(
                "UPDATE access_people SET login_hash = %s, password_hash = %s, totp_sealed = %s, totp_step = %s,"
                " updated_at = %s WHERE id = %s",
                (login_hash, password_hash, sealed, step, now, person.id),
            )
    except psycopg.errors.UniqueViolation as fault:
        raise LoginTaken("Somebody else has this login; choose another one.") from fault
    _enrolled(work, person, "password", now=now)


def enrol_passkey(
    work: Work, enrolment: Enrolment, *, id: bytes, public_key: bytes, sign_count: int, now: datetime
) -> None:
    """Sign in with this passkey from now on, and with nothing that was good before. Raises: EnrolmentInvalid,
    PasskeyInvalid.
    """
    _take(work, enrolment)
    person = enrolment.person
    work.run(
        "UPDATE access_people SET login_hash = NULL, password_hash = '', totp_sealed = NULL, updated_at = %s"
        " WHERE id = %s",
        (now, person.id),
    )
    touched = work.run(
        "INSERT INTO access_passkeys (id, person, public_key, sign_count, created_at) VALUES (%s, %s, %s, %s, %s)"
        " ON CONFLICT (id) DO NOTHING",
        (id, person.id, public_key, sign_count, now),
    )
    if touched != 1:
        raise PasskeyInvalid("This passkey is somebody else's already.")
    _enrolled(work, person, "passkey", now=now)


def _take(work: Work, enrolment: Enrolment) -> None:
    if work.run("DELETE FROM access_enrolments WHERE hash = %s", (enrolment.hash,)) != 1:
        raise EnrolmentInvalid("This link was used, has expired or never was; ask for a new one.")
    work.run("DELETE FROM access_passkeys WHERE person = %s", (enrolment.person.id,))
    work.run("DELETE FROM access_sessions WHERE person = %s", (enrolment.person.id,))


def _enrolled(work: Work, person: Person, how: str, *, now: datetime) -> None:
    actor = f"{person.kind}:{person.id}"
    record(work, actor=actor, action="person.enrolled", subject=person.id, facts={"with": how}, now=now)


def checked_login(login: str) -> str:
    """`login` as it is compared: compatible forms and cases are one. Raises: LoginInvalid."""
    found = unicodedata.normalize("NFKC", login).strip().casefold()
    low, high = _LOGIN_CHARS
    if not low <= len(found) <= high or not found.isprintable():
        raise LoginInvalid(f"A login has {low} to {high} characters that can be seen.")
    return found


def login_hash(secret: bytes, kind: CallerKind, login: str) -> bytes:
    """What is stored of a login. Keyed: whoever has the table alone cannot find logins by trying."""
    return hmac.digest(secret, f"login:{kind}:{login}".encode(), "sha256")


def credentials(work: Work, vault: Vault, *, kind: CallerKind, hashed: bytes) -> Credentials | None:
    """What a sign-in under this login is checked against; None if nobody has it."""
    rows = work.fetch(
        "SELECT password_hash, totp_sealed, totp_step, id, kind, name, scopes, state FROM access_people"
        " WHERE kind = %s AND login_hash = %s AND state = 'active' AND password_hash <> ''",
        (kind, hashed),
    )
    if not rows:
        return None
    password_hash, sealed, step, *row = rows[0]
    person = person_of(row)
    totp = vault.open(sealed, label=_TOTP_LABEL.format(person.id)).decode() if sealed else ""
    return Credentials(person, password_hash, totp, step)


def use_step(work: Work, person: str, step: int) -> bool:
    """Whether a one-time code of this step, or of a later one, was not used yet; remembered."""
    touched = work.run("UPDATE access_people SET totp_step = %s WHERE id = %s AND totp_step < %s", (step, person, step))
    return touched == 1


def still(work: Work, found: Credentials) -> bool:
    """Whether these credentials are good at this moment too; they stay so until the transaction ends."""
    rows = work.fetch(
        "SELECT 1 FROM access_people WHERE id = %s AND password_hash = %s AND state = 'active' FOR UPDATE",
        (found.person.id, found.password_hash),
    )
    return bool(rows)


def person_of(row: Any) -> Person:
    """Somebody from their row: id, kind, name, scopes, state."""
    id, kind, name, scopes, state = row
    return Person(id, CallerKind(kind), name, tuple(scopes), state == "active")
