"""Announce, claim, finish and postpone outbox rows, always many at once."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, LiteralString

from hub.kernel.limits import OUTBOX_BACKOFF_SECONDS_MAX, OUTBOX_FAULTS_MAX, OUTBOX_LAPSES_MAX
from hub.storage import Question, Work

QUEUES = ("accruals", "conversions", "legs", "settlement", "webhooks")
"""Every queue there is, sorted."""

# Any constant does, as long as it is used for nothing else in the database.
_CLAIM_LOCK = 7_201_101

_REASON_CHARS_MAX = 500

_COLUMNS = ("queue", "kind", "subject", "lane", "body", "trace", "available_at", "created_at")


@dataclass(frozen=True, slots=True)
class Message:
    """Something one consumer is to do.

    queue: one of the worker's queues (`legs`, `conversions`, `accruals`, `settlement`, `webhooks`). kind: what to
    do, for example `leg.due`. subject: id of the row it is about. lane: what must not be overrun (a partner's code,
    an endpoint).
    body: small, JSON scalars only; nothing personal, since messages leave the database.
    available_at: not before this instant; None for at once. trace: W3C traceparent, or empty.
    """

    queue: str
    kind: str
    subject: str
    lane: str
    body: Mapping[str, str | int] = field(default_factory=dict)
    available_at: datetime | None = None
    trace: str = ""


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message as it reaches its consumer. id: the row's; attempts: how often it was published before."""

    id: int
    queue: str
    kind: str
    subject: str
    lane: str
    body: Mapping[str, str | int]
    attempts: int
    created_at: datetime
    trace: str


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that a person must look at. reason: what went wrong last, without secrets."""

    delivery: Delivery
    reason: str
    buried_at: datetime


@dataclass(frozen=True, slots=True)
class Backlog:
    """How much waits. oldest_due_at: None when nothing is due."""

    due: int
    in_flight: int
    later: int
    dead: int
    oldest_due_at: datetime | None


def announce(work: Work, messages: Sequence[Message], *, now: datetime) -> None:
    """Write messages, to be carried once this transaction commits. One COPY."""
    if not messages:
        return
    work.copy_in("outbox_message", _COLUMNS, [_row(message, now) for message in messages])


def _row(message: Message, now: datetime) -> tuple[object, ...]:
    assert message.queue in QUEUES, f"no queue {message.queue!r}"
    assert all(type(value) in (str, int) for value in message.body.values()), "a body holds strings and integers"
    body = json.dumps(dict(message.body), ensure_ascii=False, separators=(",", ":")) if message.body else "{}"
    available_at = message.available_at or now
    return (message.queue, message.kind, message.subject, message.lane, body, message.trace, available_at, now)


# The planner must walk the partial indexes from lane to lane, whatever its statistics say: these tables grow from
# nothing to 100,000 rows and back within minutes, and a plan made for the empty table would read all of them. What is
# switched off counts as very dear, which would also have every claim compiled. With so little left to choose, one plan
# serves every claim: making it took longer than the claim.
# A relay that freezes in the middle loses its transaction, and with it the lock, after ten seconds.
_PREPARE_CLAIM: LiteralString = """
    SELECT set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true),
           set_config('jit', 'off', true), set_config('plan_cache_mode', 'force_generic_plan', true),
           set_config('idle_in_transaction_session_timeout', '10000', true), pg_advisory_xact_lock(%s)
"""

# flying: what is in flight, and whether a lease of the lane ran out. heads: the first waiting row of each lane, by a
# loose index scan. open: lanes with something due and room for it. share: rows to look at in each, so that together
# they fill the claim and no lane's length matters. locked checks again under the lock: another transaction may have
# moved the row since.
_CLAIM: LiteralString = """
    WITH RECURSIVE flying AS MATERIALIZED (
        SELECT queue, lane, count(*) FILTER (WHERE lease_until > %(now)s) AS live, min(lease_until) AS first_end
        FROM outbox_message WHERE state = 'sent' AND queue = ANY(%(queues)s::text[]) GROUP BY queue, lane
    ), heads AS (
        SELECT asked.queue, first.lane, first.available_at
        FROM unnest(%(queues)s::text[]) AS asked (queue) CROSS JOIN LATERAL (
            SELECT m.lane, m.available_at FROM outbox_message m
            WHERE m.state = 'waiting' AND m.queue = asked.queue ORDER BY m.lane, m.available_at LIMIT 1) AS first
        UNION ALL
        SELECT heads.queue, next.lane, next.available_at
        FROM heads CROSS JOIN LATERAL (
            SELECT m.lane, m.available_at FROM outbox_message m
            WHERE m.state = 'waiting' AND m.queue = heads.queue AND m.lane > heads.lane
            ORDER BY m.lane, m.available_at LIMIT 1) AS next
    ), open AS MATERIALIZED (
        SELECT due.queue, due.lane, %(lane_max)s::bigint - coalesce(flying.live, 0) AS room
        FROM (SELECT queue, lane FROM heads WHERE available_at <= %(now)s
              UNION SELECT queue, lane FROM flying WHERE first_end <= %(now)s) AS due
        LEFT JOIN flying ON flying.queue = due.queue AND flying.lane = due.lane
        WHERE coalesce(flying.live, 0) < %(lane_max)s::bigint
    ), share AS MATERIALIZED (
        SELECT (%(rows_max)s::bigint + count(*) - 1) / greatest(count(*), 1) AS rows_each FROM open
    ), picked AS MATERIALIZED (
        SELECT candidate.id
        FROM open CROSS JOIN share CROSS JOIN LATERAL (
            SELECT either.id, either.available_at,
                   row_number() OVER (ORDER BY either.available_at, either.id) AS rank
            FROM ((SELECT m.id, m.available_at FROM outbox_message m
                   WHERE m.state = 'sent' AND m.queue = open.queue AND m.lane = open.lane
                     AND m.lease_until <= %(now)s
                   ORDER BY m.lease_until LIMIT least(open.room, share.rows_each))
                  UNION ALL
                  (SELECT m.id, m.available_at FROM outbox_message m
                   WHERE m.state = 'waiting' AND m.queue = open.queue AND m.lane = open.lane
                     AND m.available_at <= %(now)s
                   ORDER BY m.available_at, m.id LIMIT least(open.room, share.rows_each))) AS either
            ORDER BY either.available_at, either.id LIMIT least(open.room, share.rows_each)) AS candidate
        ORDER BY candidate.rank, candidate.available_at, candidate.id LIMIT %(rows_max)s::bigint
    ), locked AS MATERIALIZED (
        SELECT m.id FROM outbox_message m
        WHERE m.id IN (SELECT id FROM picked)
          AND (m.state = 'waiting' AND m.available_at <= %(now)s OR m.state = 'sent' AND m.lease_until <= %(now)s)
        ORDER BY m.id FOR UPDATE SKIP LOCKED
    )
    UPDATE outbox_message m
    SET state = 'sent', lease_until = %(lease_until)s, attempts = m.attempts + 1,
        lapses = m.lapses + (m.state = 'sent')::integer
    FROM locked WHERE m.id = locked.id
    RETURNING m.id, m.queue, m.kind, m.subject, m.lane, m.body, m.attempts - 1, m.created_at, m.trace, m.lapses
"""


def claim(
    work: Work, *, queues: Sequence[str], rows_max: int, lane_max: int, lease_seconds: int, now: datetime
) -> list[Delivery]:
    """Take due rows (and rows whose lease ran out) for publishing; at most `lane_max` of a lane in flight.

    Commit before publishing: what was claimed and not done when its lease ends is published again.
    A lane is counted within its queue. Claims run one after the other, so `lane_max` is never exceeded. When more is
    due than fits, every lane gets its share. A row whose lease ran out `OUTBOX_LAPSES_MAX` times in a row is buried
    instead: it probably kills its worker. Sorted by id.
    """
    assert rows_max > 0, "a claim takes at least one row"
    work.fetch(_PREPARE_CLAIM, (_CLAIM_LOCK,))
    values = {
        "queues": list(queues),
        "now": now,
        "lane_max": lane_max,
        "rows_max": rows_max,
        "lease_until": now + timedelta(seconds=lease_seconds),
    }
    rows = work.fetch_named(_CLAIM, values)
    lapsed = [row[0] for row in rows if row[-1] > OUTBOX_LAPSES_MAX]
    if lapsed:
        bury(work, lapsed, reason=f"no answer from a worker, {OUTBOX_LAPSES_MAX + 1} times in a row", now=now)
    taken = set(lapsed)
    return [_delivery(row) for row in sorted(rows) if row[0] not in taken]


def _delivery(row: tuple[Any, ...]) -> Delivery:
    return Delivery(*row[:9])


def claim_for_effect(work: Work, ids: Sequence[int]) -> set[int]:
    """Lock these rows for the transaction that brings their effect about; the ids that are not done yet.

    Rows that another transaction holds are left out: that one is at work on them. Dead letters are left out too: they
    wait for a person.
    """
    return {row[0] for row in work.answer(ask_for_effect(work, ids))}


def ask_for_effect(work: Work, ids: Sequence[int]) -> Question:
    """Ask for what `claim_for_effect` locks, together with what is asked next; one row with the id for each."""
    return work.ask(
        "SELECT id FROM outbox_message WHERE id = ANY(%s::bigint[]) AND state IN ('waiting', 'sent') "
        "ORDER BY id FOR UPDATE SKIP LOCKED",
        (list(ids),),
    )


def claim_lane(work: Work, *, queue: str, lane: str, limit: int) -> list[Delivery]:
    """Lock the oldest unfinished rows of a lane for their effect, due or not, by id; waits for whoever holds one.

    For a consumer that acts on its lane strictly in the order in which it was written. It holds a lock of its own
    first, so that two of them never wait for each other's rows.
    """
    rows = work.fetch_named(
        # `id + 0`: the primary key's order would lead through every finished row.
        "WITH found AS MATERIALIZED (SELECT id FROM ("
        "(SELECT id FROM outbox_message WHERE state = 'waiting' AND queue = %(queue)s AND lane = %(lane)s "
        "ORDER BY id + 0 LIMIT %(limit)s) UNION ALL "
        "(SELECT id FROM outbox_message WHERE state = 'sent' AND queue = %(queue)s AND lane = %(lane)s "
        "ORDER BY id + 0 LIMIT %(limit)s)) AS either ORDER BY id LIMIT %(limit)s) "
        "SELECT id, queue, kind, subject, lane, body, attempts, created_at, trace FROM outbox_message "
        "WHERE id IN (SELECT id FROM found) AND state IN ('waiting', 'sent') ORDER BY id FOR UPDATE",
        {"queue": queue, "lane": lane, "limit": limit},
    )
    return [_delivery(row) for row in rows]


def done(work: Work, ids: Sequence[int], *, now: datetime) -> None:
    """These messages have taken effect, in this very transaction."""
    work.run_later(
        "UPDATE outbox_message SET state = 'done', lease_until = NULL, finished_at = %s WHERE id IN ("
        "SELECT id FROM outbox_message WHERE id = ANY(%s::bigint[]) AND state <> 'done' ORDER BY id FOR UPDATE)",
        (now, list(ids)),
    )


def postpone(work: Work, waits: Sequence[tuple[int, datetime]], *, reason: str) -> None:
    """Give each (id, available_at) back to be published again from that instant on.

    A decision of its consumer, so faults start to count from zero again. Done and dead ones stay as they are.
    """
    ordered = sorted(waits)
    work.run_later(
        "WITH wait AS (SELECT * FROM unnest(%s::bigint[], %s::timestamptz[]) AS wait (id, available_at)), "
        "locked AS MATERIALIZED (SELECT m.id FROM outbox_message m WHERE m.id IN (SELECT id FROM wait) "
        "AND m.state IN ('waiting', 'sent') ORDER BY m.id FOR UPDATE) "
        "UPDATE outbox_message m SET state = 'waiting', available_at = wait.available_at, lease_until = NULL, "
        "faults = 0, lapses = 0, reason = %s FROM wait JOIN locked ON locked.id = wait.id WHERE m.id = wait.id",
        ([id_ for id_, _ in ordered], [at for _, at in ordered], reason[:_REASON_CHARS_MAX]),
    )


def give_back(work: Work, ids: Sequence[int]) -> None:
    """Let rows that were claimed, and on which nobody has begun, be claimed again at once."""
    work.run(
        "UPDATE outbox_message SET state = 'waiting', lease_until = NULL WHERE id IN ("
        "SELECT id FROM outbox_message WHERE id = ANY(%s::bigint[]) AND state = 'sent' ORDER BY id FOR UPDATE)",
        (list(ids),),
    )


def record_fault(work: Work, ids: Sequence[int], *, reason: str, now: datetime) -> set[int]:
    """A delivery of each of these ended in a fault of ours: postpone with doubling waits; those that were buried.

    1, 2, 4 ... at most `OUTBOX_BACKOFF_SECONDS_MAX` seconds; the `OUTBOX_FAULTS_MAX`th fault in a row buries. A row
    that is not in flight keeps its state: its outcome has been decided already. reason: without secrets.
    """
    rows = work.fetch_named(
        "WITH locked AS MATERIALIZED (SELECT id, faults + 1 >= %(faults_max)s AS enough FROM outbox_message "
        "WHERE id = ANY(%(ids)s::bigint[]) AND state = 'sent' ORDER BY id FOR UPDATE) "
        "UPDATE outbox_message m SET faults = m.faults + 1, lapses = 0, lease_until = NULL, reason = %(reason)s, "
        "state = CASE WHEN enough THEN 'dead' ELSE 'waiting' END, "
        "finished_at = CASE WHEN enough THEN %(now)s::timestamptz END, "
        "available_at = CASE WHEN enough THEN m.available_at ELSE %(now)s::timestamptz + "
        "least(%(seconds_max)s::bigint, 1::bigint << least(m.faults, 32)) * interval '1 second' END "
        "FROM locked WHERE m.id = locked.id RETURNING m.id, m.state",
        {
            "faults_max": OUTBOX_FAULTS_MAX,
            "ids": list(ids),
            "reason": reason[:_REASON_CHARS_MAX],
            "now": now,
            "seconds_max": OUTBOX_BACKOFF_SECONDS_MAX,
        },
    )
    return {id_ for id_, state in rows if state == "dead"}


def bury(work: Work, ids: Sequence[int], *, reason: str, now: datetime) -> None:
    """Set messages aside for a person. reason: without secrets."""
    work.run(
        "UPDATE outbox_message SET state = 'dead', lease_until = NULL, finished_at = %s, reason = %s WHERE id IN ("
        "SELECT id FROM outbox_message WHERE id = ANY(%s::bigint[]) AND state IN ('waiting', 'sent') "
        "ORDER BY id FOR UPDATE)",
        (now, reason[:_REASON_CHARS_MAX], list(ids)),
    )


def revive(work: Work, ids: Sequence[int], *, now: datetime) -> int:
    """Publish dead letters again; how many there were."""
    return work.run(
        "UPDATE outbox_message SET state = 'waiting', available_at = %s, finished_at = NULL, faults = 0, lapses = 0 "
        "WHERE id IN (SELECT id FROM outbox_message WHERE id = ANY(%s::bigint[]) AND state = 'dead' "
        "ORDER BY id FOR UPDATE)",
        (now, list(ids)),
    )


def dead_letters(work: Work, *, after: int, limit: int) -> list[DeadLetter]:
    """Dead letters with an id above `after`, oldest first."""
    rows = work.fetch(
        "SELECT id, queue, kind, subject, lane, body, attempts, created_at, trace, reason, finished_at "
        "FROM outbox_message WHERE state = 'dead' AND id > %s ORDER BY id LIMIT %s",
        (after, limit),
    )
    return [DeadLetter(_delivery(row), row[9], row[10]) for row in rows]


def next_due(work: Work, *, queues: Sequence[str]) -> datetime | None:
    """When the earliest waiting row becomes available; None when none waits. For virtual clocks."""
    found = work.fetch(
        "SELECT min(available_at) FROM outbox_message WHERE state = 'waiting' AND queue = ANY(%s::text[])",
        (list(queues),),
    )[0][0]
    return _instant(found)


def next_lapse(work: Work, *, queues: Sequence[str]) -> datetime | None:
    """When the earliest lease of a row in flight runs out; None when nothing is in flight. For virtual clocks."""
    found = work.fetch(
        "SELECT min(lease_until) FROM outbox_message WHERE state = 'sent' AND queue = ANY(%s::text[])",
        (list(queues),),
    )[0][0]
    return _instant(found)


def _instant(value: object) -> datetime | None:
    assert value is None or isinstance(value, datetime)
    return value


def in_flight(work: Work, *, now: datetime) -> int:
    """How many rows are claimed, not finished, and within their lease. Costs that many index entries."""
    rows = work.fetch("SELECT count(*) FROM outbox_message WHERE state = 'sent' AND lease_until > %s", (now,))
    return int(rows[0][0])


def backlog(work: Work, *, now: datetime) -> Backlog:
    """How much waits, for readiness and metrics."""
    rows = work.fetch_named(
        "SELECT waiting.due + sent.lapsed, sent.live, waiting.later, dead.count, least(waiting.oldest, sent.oldest) "
        "FROM (SELECT count(*) FILTER (WHERE available_at <= %(now)s) AS due, "
        "count(*) FILTER (WHERE available_at > %(now)s) AS later, "
        "min(available_at) FILTER (WHERE available_at <= %(now)s) AS oldest "
        "FROM outbox_message WHERE state = 'waiting') AS waiting, "
        "(SELECT count(*) FILTER (WHERE lease_until <= %(now)s) AS lapsed, "
        "count(*) FILTER (WHERE lease_until > %(now)s) AS live, "
        "min(available_at) FILTER (WHERE lease_until <= %(now)s) AS oldest "
        "FROM outbox_message WHERE state = 'sent') AS sent, "
        "(SELECT count(*) FROM outbox_message WHERE state = 'dead') AS dead",
        {"now": now},
    )
    return Backlog(*rows[0])


def prune(work: Work, *, before: datetime, rows_max: int) -> int:
    """Delete messages that were done before `before`, oldest first; how many. Late copies find nothing to do."""
    return work.run(
        "DELETE FROM outbox_message WHERE id IN (SELECT id FROM outbox_message WHERE state = 'done' "
        "AND finished_at < %s ORDER BY finished_at LIMIT %s FOR UPDATE SKIP LOCKED)",
        (before, rows_max),
    )
