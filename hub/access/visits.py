"""Who is signed in: sessions of the hub's own pages, as rows under the hash of a secret that one browser holds.

Knows when somebody signed in and for which request. Does not know how, nor cookies.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from hub.access.clients import hash_of, new_secret
from hub.access.people import Person, person_of
from hub.storage import Work

# A visit serves to look at one page and say yes or no.
VISIT_SECONDS = 30 * 60


@dataclass(frozen=True, slots=True)
class Visit:
    """Somebody who is signed in. since: when they signed in. asked: hash of the request they signed in for."""

    person: Person
    since: datetime
    asked: bytes


def open_visit(work: Work, person: Person, *, asked: str, now: datetime) -> str:
    """A new session's secret, never one that was there before somebody signed in. asked: for which request."""
    text, hashed = new_secret()
    work.run(
        "INSERT INTO access_sessions (hash, person, asked, created_at, expires_at) VALUES (%s, %s, %s, %s, %s)",
        (hashed, person.id, hash_of(asked), now, now + timedelta(seconds=VISIT_SECONDS)),
    )
    return text


def find_visit(work: Work, text: str, *, now: datetime) -> Visit | None:
    """Who is signed in with this secret; None if nobody is, or not any more."""
    rows = work.fetch(
        "SELECT s.created_at, s.asked, p.id, p.kind, p.name, p.scopes, p.state FROM access_sessions s"
        " JOIN access_people p ON p.id = s.person WHERE s.hash = %s AND s.expires_at > %s AND p.state = 'active'",
        (hash_of(text), now),
    )
    if not rows:
        return None
    since, asked, *row = rows[0]
    return Visit(person_of(row), since, bytes(asked))


def close_visit(work: Work, text: str) -> None:
    """Sign out. Safe to repeat."""
    work.run("DELETE FROM access_sessions WHERE hash = %s", (hash_of(text),))
