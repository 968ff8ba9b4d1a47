"""Records what was done in the same transaction as the deed, and checks that nothing was changed since.

One chain for the whole hub: control actions are rare, so they may wait for each other. Knows nothing of what the
actions mean.
"""

import hashlib
import json
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from hub.kernel.clock import rfc3339
from hub.kernel.limits import LEDGER_PAGE_ROWS_MAX
from hub.storage import Work

# Any constant does, as long as it is used for nothing else in the database.
_CHAIN_LOCK = 7_201_003
_ROWS_AT_ONCE = 2_000


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One deed. number: from 1, without gaps. facts: what explains it; never a secret, never personal data."""

    number: int
    recorded_at: datetime
    actor: str
    action: str
    subject: str
    facts: Mapping[str, str]
    seal: bytes


def record(work: Work, *, actor: str, action: str, subject: str, facts: Mapping[str, str], now: datetime) -> None:
    """Append one entry; it commits or vanishes with the deed. Call it last: the chain is locked until then.

    actor: who, such as `operator:maya`. action: what, as an event. subject: to what. now: aware; an entry is never
    dated before the one it follows.
    """
    work.run("SELECT pg_advisory_xact_lock(%s)", (_CHAIN_LOCK,))
    # In a statement of its own, so that it sees what the one that held the lock before committed.
    rows = work.fetch("SELECT number, recorded_at, seal FROM audit_entry ORDER BY number DESC LIMIT 1")
    number, recorded_at, previous = rows[0] if rows else (0, now, b"")
    entry = AuditEntry(number + 1, max(now, recorded_at).astimezone(UTC), actor, action, subject, facts, b"")
    work.run(
        "INSERT INTO audit_entry (number, recorded_at, actor, action, subject, facts, seal) "
        "VALUES (%s, %s, %s, %s, %s, %s::jsonb, %s)",
        (
            entry.number,
            entry.recorded_at,
            actor,
            action,
            subject,
            json.dumps(dict(facts)),
            _seal(bytes(previous), entry),
        ),
    )


def entries(work: Work, *, after: int, limit: int) -> list[AuditEntry]:
    """Entries with a number above `after`, oldest first, at most `limit`."""
    assert 0 < limit <= LEDGER_PAGE_ROWS_MAX, "a page is bounded"
    rows = work.fetch(
        "SELECT number, recorded_at, actor, action, subject, facts, seal FROM audit_entry WHERE number > %s "
        "ORDER BY number LIMIT %s",
        (after, limit),
    )
    return [AuditEntry(*row) for row in rows]


def verify(work: Work) -> list[str]:
    """One sentence per entry that was changed, or follows a gap; empty if the chain is whole.

    That the newest entries were not cut off is shown by a seal that was noted elsewhere.
    """
    found: list[str] = []
    number, previous = 0, b""
    for entry in _stream(work):
        if entry.number != number + 1:
            found.append(f"entry {entry.number} follows entry {number}")
        if entry.seal != _seal(previous, entry):
            found.append(f"entry {entry.number} does not have the content of its seal")
        number, previous = entry.number, entry.seal
    return found


def _stream(work: Work) -> Iterator[AuditEntry]:
    with work.raw.cursor(name=f"audit_{uuid.uuid4().hex}") as cursor:
        cursor.itersize = _ROWS_AT_ONCE
        cursor.execute(
            "SELECT number, recorded_at, actor, action, subject, facts, seal FROM audit_entry ORDER BY number"
        )
        for row in cursor:
            yield AuditEntry(*row)


def _seal(previous: bytes, entry: AuditEntry) -> bytes:
    """SHA-256 over the seal before and the canonical bytes of an entry."""
    shown = [
        entry.number,
        rfc3339(entry.recorded_at),
        entry.actor,
        entry.action,
        entry.subject,
        dict(entry.facts),
    ]
    text = json.dumps(shown, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(previous + text.encode()).digest()
