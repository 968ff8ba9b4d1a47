"""What people allowed apps: grants, the codes that hand them over and the refresh tokens that keep them up.

Knows that a code is used once, a refresh token is used once, and that a second use ends the whole family. Does not know
HTTP, nor who the person is.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from hub.access.clients import hash_of, new_secret
from hub.access.types import CallerKind, Grant
from hub.audit.service import record
from hub.kernel.ids import new_id
from hub.storage import Work

# A code travels through a browser, so it is good just long enough for that (FAPI 2.0: at most 60 s).
CODE_SECONDS = 60

# An app that is not used for a month asks again, and every app asks again after half a year.
REFRESH_SECONDS = 30 * 86_400
GRANT_SECONDS = 180 * 86_400

_GRANT = "g.id, g.client, g.kind, g.subject, g.scopes, g.bound_to, g.created_at, g.expires_at"


@dataclass(frozen=True, slots=True)
class Consent:
    """One person's yes. challenge: PKCE, S256. bound_to: thumbprint the app promised to use (`dpop_jkt`), or empty."""

    client: str
    kind: CallerKind
    subject: str
    scopes: tuple[str, ...]
    redirect_uri: str
    challenge: str
    bound_to: str


@dataclass(frozen=True, slots=True)
class Code:
    """A code as it was handed out, not used yet."""

    hash: bytes
    grant: Grant
    redirect_uri: str
    challenge: str
    bound_to: str


def open_grant(work: Work, consent: Consent, *, now: datetime) -> str:
    """Record the consent; the code for the app."""
    id, until = new_id("gnt", now), now + timedelta(seconds=GRANT_SECONDS)
    work.run(
        "INSERT INTO access_grants (id, client, kind, subject, scopes, bound_to, created_at, expires_at, reason)"
        " VALUES (%s, %s, %s, %s, %s::text[], '', %s, %s, '')",
        (id, consent.client, consent.kind, consent.subject, list(consent.scopes), now, until),
    )
    text, hashed = new_secret()
    work.run(
        "INSERT INTO access_codes (hash, grant_id, redirect_uri, challenge, bound_to, expires_at)"
        " VALUES (%s, %s, %s, %s, %s, %s)",
        (hashed, id, consent.redirect_uri, consent.challenge, consent.bound_to, now + timedelta(seconds=CODE_SECONDS)),
    )
    facts = {"client": consent.client, "scopes": " ".join(consent.scopes)}
    actor = f"{consent.kind}:{consent.subject}"
    record(work, actor=actor, action="grant.opened", subject=id, facts=facts, now=now)
    return text


def find_code(work: Work, text: str, *, client: str, now: datetime) -> Code | None:
    """The unused code that was handed to this client; None for any other. One used before ends its family."""
    hashed = hash_of(text)
    rows = work.fetch(
        f"SELECT c.redirect_uri, c.challenge, c.bound_to, c.used_at, c.expires_at, {_GRANT} "  # noqa: S608 - fixed
        "FROM access_codes c JOIN access_grants g ON g.id = c.grant_id JOIN access_people p ON p.id = g.subject "
        "WHERE c.hash = %s AND g.client = %s AND g.ended_at IS NULL AND p.state = 'active'",
        (hashed, client),
    )
    if not rows:
        return None
    redirect_uri, challenge, bound_to, used_at, expires_at, *row = rows[0]
    grant = _grant(row)
    if used_at is not None:
        end_grant(work, grant.id, actor=f"client:{client}", reason="code used again", now=now)
        return None
    return None if expires_at <= now else Code(hashed, grant, redirect_uri, challenge, bound_to)


def use_code(work: Work, code: Code, *, bound_to: str, now: datetime) -> bool:
    """Whether this is the first use; a second one, at the very same moment too, ends the family.

    bound_to: thumbprint that tokens of this family are bound to from now on; empty for none.
    """
    touched = work.run(
        "UPDATE access_codes SET used_at = %s WHERE hash = %s AND used_at IS NULL AND expires_at > %s",
        (now, code.hash, now),
    )
    if touched:
        work.run("UPDATE access_grants SET bound_to = %s WHERE id = %s", (bound_to, code.grant.id))
    else:
        end_grant(work, code.grant.id, actor=f"client:{code.grant.client}", reason="code used again", now=now)
    return touched == 1


def add_refresh(work: Work, grant: Grant, *, now: datetime) -> str:
    """A refresh token of this family, good for `REFRESH_SECONDS` but not beyond the family's end."""
    text, hashed = new_secret()
    until = min(grant.expires_at, now + timedelta(seconds=REFRESH_SECONDS))
    work.run(
        "INSERT INTO access_refresh (hash, grant_id, created_at, expires_at) VALUES (%s, %s, %s, %s)",
        (hashed, grant.id, now, until),
    )
    return text


def known_refresh(work: Work, text: str, *, client: str, now: datetime) -> tuple[Grant, bool] | None:
    """The open family of a refresh token of this client, and whether the token is unused; None for any other."""
    rows = work.fetch(
        f"SELECT r.used_at IS NULL, {_GRANT} "  # noqa: S608 - fixed column names
        "FROM access_refresh r JOIN access_grants g ON g.id = r.grant_id JOIN access_people p ON p.id = g.subject "
        "WHERE r.hash = %s AND r.expires_at > %s AND g.client = %s AND g.ended_at IS NULL AND p.state = 'active'",
        (hash_of(text), now, client),
    )
    if not rows:
        return None
    unused, *row = rows[0]
    return _grant(row), unused


def find_refresh(work: Work, text: str, *, client: str, now: datetime) -> Grant | None:
    """The family of an unused refresh token of this client; None for any other. One used before ends its family."""
    found = known_refresh(work, text, client=client, now=now)
    if found is None:
        return None
    grant, unused = found
    if unused:
        return grant
    end_grant(work, grant.id, actor=f"client:{client}", reason="refresh token used again", now=now)
    return None


def rotate_refresh(work: Work, text: str, grant: Grant, *, now: datetime) -> str | None:
    """The token that takes this one's place; None, and the end of the family, if it was used meanwhile."""
    touched = work.run(
        "UPDATE access_refresh SET used_at = %s WHERE hash = %s AND used_at IS NULL", (now, hash_of(text))
    )
    if touched:
        return add_refresh(work, grant, now=now)
    end_grant(work, grant.id, actor=f"client:{grant.client}", reason="refresh token used again", now=now)
    return None


def end_grant(work: Work, id: str, *, actor: str, reason: str, now: datetime) -> bool:
    """Nothing of this family is good any more, on every process within seconds; whether it was open until now."""
    touched = work.run(
        "UPDATE access_grants SET ended_at = %s, reason = %s WHERE id = %s AND ended_at IS NULL", (now, reason, id)
    )
    if touched:
        record(work, actor=actor, action="grant.ended", subject=id, facts={"reason": reason}, now=now)
    return touched == 1


def end_grants_of(work: Work, subject: str, *, actor: str, reason: str, now: datetime) -> int:
    """End every open family of this person; how many there were."""
    rows = work.fetch("SELECT id FROM access_grants WHERE subject = %s AND ended_at IS NULL ORDER BY id", (subject,))
    return sum(end_grant(work, id, actor=actor, reason=reason, now=now) for (id,) in rows)


def is_allowed(work: Work, subject: str, *, client: str, scopes: Collection[str], now: datetime) -> bool:
    """Whether this person allowed this app all of these scopes before, in one consent that has not ended."""
    rows = work.fetch(
        "SELECT 1 FROM access_grants WHERE subject = %s AND client = %s AND scopes @> %s::text[] AND ended_at IS NULL"
        " AND expires_at > %s LIMIT 1",
        (subject, client, list(scopes), now),
    )
    return bool(rows)


@dataclass(frozen=True, slots=True)
class Allowed:
    """An open consent, with the name of its app as the person saw it."""

    grant: Grant
    app: str


def allowed_by(work: Work, subject: str, *, now: datetime) -> list[Allowed]:
    """Every open consent of a person, newest first."""
    rows = work.fetch(
        f"SELECT c.name, {_GRANT} FROM access_grants g JOIN access_clients c ON c.id = g.client "  # noqa: S608 - fixed
        "WHERE g.subject = %s AND g.ended_at IS NULL AND g.expires_at > %s ORDER BY g.created_at DESC, g.id DESC",
        (subject, now),
    )
    return [Allowed(_grant(row), name) for name, *row in rows]


def withdraw(work: Work, id: str, *, subject: str, now: datetime) -> bool:
    """End a consent of this person; whether there was such an open one."""
    rows = work.fetch(
        "SELECT kind FROM access_grants WHERE id = %s AND subject = %s AND ended_at IS NULL", (id, subject)
    )
    return bool(rows) and end_grant(work, id, actor=f"{rows[0][0]}:{subject}", reason="withdrawn", now=now)


def _grant(row: Any) -> Grant:
    id, client, kind, subject, scopes, bound_to, created_at, expires_at = row
    return Grant(id, client, CallerKind(kind), subject, tuple(scopes), bound_to, created_at, expires_at)
