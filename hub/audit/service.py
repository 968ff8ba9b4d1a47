"""Records what was done in the same transaction as the deed, and checks that nothing was changed since.

One chain for the whole hub: control actions are rare, so they may wait for each other. Its head is counted apart, in a
row that only goes on by one, and can be noted outside: entries cut off the end are missed by both. Knows nothing of
what the actions mean.
"""

import hashlib
import json
import uuid
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from hub.kernel.clock import rfc3339
from hub.kernel.limits import LEDGER_PAGE_ROWS_MAX
from hub.storage import Work

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


@dataclass(frozen=True, slots=True)
class Head:
    """The newest entry at some moment. number: 0 for an empty log."""

    number: int
    seal: bytes

    def __str__(self) -> str:
        return f"{self.number}:{self.seal.hex()}"


@dataclass(frozen=True, slots=True)
class Sought:
    """Which entries are looked for; None for any. since is in, until is out."""

    actor: str | None
    action: str | None
    subject: str | None
    since: datetime | None
    until: datetime | None


def record(work: Work, *, actor: str, action: str, subject: str, facts: Mapping[str, str], now: datetime) -> None:
    """Append one entry; it commits or vanishes with the deed. Call it last: the chain is locked until then.

    actor: who, such as `operator:maya`. action: what, as an event. subject: to what. now: aware; an entry is never
    dated before the one it follows.
    """
    ((number, recorded_at, previous),) = work.fetch("SELECT number, recorded_at, seal FROM audit_head FOR UPDATE")
    entry = AuditEntry(number + 1, max(now, recorded_at or now).astimezone(UTC), actor, action, subject, facts, b"")
    seal = _seal(bytes(previous), entry)
    work.run(
        "INSERT INTO audit_entry (number, recorded_at, actor, action, subject, facts, seal) "
        "VALUES (%s, %s, %s, %s, %s, %s::jsonb, %s)",
        (entry.number, entry.recorded_at, actor, action, subject, json.dumps(dict(facts)), seal),
    )
    head = (entry.number, entry.recorded_at, seal)
    work.run_later("UPDATE audit_head SET number = %s, recorded_at = %s, seal = %s", head, rows=1)


def entries(work: Work, *, after: int, limit: int) -> list[AuditEntry]:
    """Entries with a number above `after`, oldest first, at most `limit`."""
    assert 0 < limit <= LEDGER_PAGE_ROWS_MAX, "a page is bounded"
    rows = work.fetch(
        "SELECT number, recorded_at, actor, action, subject, facts, seal FROM audit_entry WHERE number > %s "
        "ORDER BY number LIMIT %s",
        (after, limit),
    )
    return [AuditEntry(*row) for row in rows]


def find(work: Work, sought: Sought, *, before: int | None, limit: int) -> list[AuditEntry]:
    """Entries that fit, newest first, at most `limit`. before: only those with a lower number; None for all."""
    assert 0 < limit <= LEDGER_PAGE_ROWS_MAX, "a page is bounded"
    rows = work.fetch(
        "SELECT number, recorded_at, actor, action, subject, facts, seal FROM audit_entry "
        "WHERE (%s::bigint IS NULL OR number < %s) AND (%s::text IS NULL OR actor = %s) "
        "AND (%s::text IS NULL OR action = %s) AND (%s::text IS NULL OR subject = %s) "
        "AND (%s::timestamptz IS NULL OR recorded_at >= %s) AND (%s::timestamptz IS NULL OR recorded_at < %s) "
        "ORDER BY number DESC LIMIT %s",
        (
            *(before, before, sought.actor, sought.actor, sought.action, sought.action),
            *(sought.subject, sought.subject, sought.since, sought.since, sought.until, sought.until, limit),
        ),
    )
    return [AuditEntry(*row) for row in rows]


def head(work: Work) -> Head:
    """The newest entry as it is counted; note it where whoever can change the database cannot."""
    ((number, seal),) = work.fetch("SELECT number, seal FROM audit_head")
    return Head(number, bytes(seal))


def verify(work: Work, noted: Collection[Head] = ()) -> list[str]:
    """One sentence per entry that was changed, follows a gap or is gone; empty if the chain is whole.

    noted: heads that were noted earlier; each must still be an entry of the log.
    """
    found: list[str] = []
    expected = {one.number: one.seal for one in noted}
    number, previous = 0, b""
    for entry in _stream(work):
        if entry.number != number + 1:
            found.append(f"entry {entry.number} follows entry {number}")
        if entry.seal != _seal(previous, entry):
            found.append(f"entry {entry.number} does not have the content of its seal")
        if expected.pop(entry.number, entry.seal) != entry.seal:
            found.append(f"entry {entry.number} is not the one that was noted")
        number, previous = entry.number, entry.seal
    rows = work.fetch("SELECT number, seal FROM audit_head")
    counted, seal = (rows[0][0], bytes(rows[0][1])) if rows else (0, b"")
    if counted > number:
        found.append(f"entries {number + 1} to {counted} are gone from the end")
    elif (counted, seal) != (number, previous):
        found.append(f"the newest entry is {number}, but {counted} was counted, or with another seal")
    return found + [f"entry {missing} was noted and is gone" for missing in sorted(expected)]


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
