"""Legs and attempts as rows: lock, write back, keep attempts; always many at once."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from hub.legs.states import AttemptKind, LegRole, LegState
from hub.legs.types import Attempt, Leg
from hub.storage import Work

_LEG = """
    l.id, l.owner_kind, l.owner, l.role, l.partner, l.membership, l.unit, l.scale, l.amount, l.bonus, l.original,
    coalesce(o.reference, ''), l.trace, l.state, l.attempt, l.last_kind, l.calls, l.unknowns, l.inquiries, l.pending,
    l.first_called_at, l.last_called_at, l.not_found_at, l.lease_until, l.next_at, l.reference, l.reason, l.said,
    l.surviving, l.bonus_apart"""


@dataclass(frozen=True, slots=True)
class AttemptAnswer:
    """What an attempt's row learns. late: the answer no longer counted."""

    leg: str
    number: int
    outcome: str
    detail: str
    latency_ms: int | None
    late: bool


def lock_legs(work: Work, ids: Collection[str]) -> dict[str, Leg]:
    """These legs by id, locked in sorted order; those that do not exist are left out. One statement."""
    rows = work.fetch(
        f"SELECT {_LEG} FROM leg l LEFT JOIN leg o ON o.id = l.original "  # noqa: S608 - fixed column names
        "WHERE l.id = ANY(%s::text[]) ORDER BY l.id FOR UPDATE OF l",
        (sorted(set(ids)),),
    )
    return {row[0]: _leg(row) for row in rows}


def lock_hosted(work: Work, ids: Collection[str]) -> list[Leg]:
    """Those of these legs that are open and at a programme of the hub's own, locked in sorted order. One statement."""
    rows = work.fetch(
        f"SELECT {_LEG} FROM leg l LEFT JOIN leg o ON o.id = l.original "  # noqa: S608 - fixed column names
        "WHERE l.id = ANY(%s::text[]) AND l.hosted AND l.state = 'open' ORDER BY l.id FOR UPDATE OF l",
        (sorted(set(ids)),),
    )
    return list(map(_leg, rows))


def read_ended(work: Work, ids: Collection[str]) -> list[Leg]:
    """Those of these legs that are done or refused; not locked, since that is final. One statement."""
    rows = work.fetch(
        f"SELECT {_LEG} FROM leg l LEFT JOIN leg o ON o.id = l.original "  # noqa: S608 - fixed column names
        "WHERE l.id = ANY(%s::text[]) AND l.state IN ('done', 'refused') ORDER BY l.id",
        (sorted(set(ids)),),
    )
    return list(map(_leg, rows))


def write_legs(work: Work, legs: Sequence[Leg]) -> None:
    """Write back everything of these legs that may change. One statement."""
    if not legs:
        return
    work.run(
        "UPDATE leg SET state = new.state, attempt = new.attempt, last_kind = new.last_kind, calls = new.calls, "
        "unknowns = new.unknowns, inquiries = new.inquiries, pending = new.pending, "
        "first_called_at = new.first_called_at, last_called_at = new.last_called_at, "
        "not_found_at = new.not_found_at, lease_until = new.lease_until, next_at = new.next_at, "
        "reference = new.reference, reason = new.reason, said = new.said, surviving = new.surviving, "
        "bonus_apart = new.bonus_apart "
        "FROM unnest(%s::text[], %s::text[], %s::int[], %s::text[], %s::int[], %s::int[], %s::int[], %s::bool[], "
        "%s::timestamptz[], %s::timestamptz[], %s::timestamptz[], %s::timestamptz[], %s::timestamptz[], %s::text[], "
        "%s::text[], %s::text[], %s::text[], %s::bool[]) AS new (id, state, attempt, last_kind, calls, unknowns, "
        "inquiries, pending, first_called_at, last_called_at, not_found_at, lease_until, next_at, reference, reason, "
        "said, surviving, bonus_apart) WHERE leg.id = new.id",
        tuple(map(list, zip(*map(_changeable, legs), strict=True))),
    )


def _changeable(leg: Leg) -> tuple[object, ...]:
    return (
        leg.id,
        leg.state.value,
        leg.attempt,
        leg.last_kind.value if leg.last_kind else None,
        leg.calls,
        leg.unknowns,
        leg.inquiries,
        leg.pending,
        leg.first_called_at,
        leg.last_called_at,
        leg.not_found_at,
        leg.lease_until,
        leg.next_at,
        leg.reference,
        leg.reason,
        leg.said,
        leg.surviving,
        leg.bonus_apart,
    )


def add_attempts(work: Work, legs: Sequence[Leg], *, now: datetime) -> None:
    """Keep the attempt that each of these legs has just started. One COPY."""
    rows = [(leg.id, leg.attempt, leg.last_kind, now, leg.lease_until) for leg in legs]
    if rows:
        work.copy_in("leg_attempt", ("leg", "number", "kind", "started_at", "lease_until"), rows)


def answer_attempts(work: Work, answers: Sequence[AttemptAnswer], *, now: datetime) -> None:
    """Keep what attempts brought. A late answer is kept beside what was decided without it. One statement."""
    if not answers:
        return
    work.run(
        "UPDATE leg_attempt a SET "
        "answered_at = coalesce(a.answered_at, %s), latency_ms = coalesce(new.latency_ms, a.latency_ms), "
        "outcome = CASE WHEN new.late OR a.outcome <> '' THEN a.outcome ELSE new.outcome END, "
        "detail = CASE WHEN new.late OR a.outcome <> '' THEN a.detail ELSE new.detail END, "
        "late_outcome = CASE WHEN new.late AND a.outcome <> new.outcome "
        "THEN new.outcome || ' ' || new.detail ELSE a.late_outcome END "
        "FROM unnest(%s::text[], %s::int[], %s::text[], %s::text[], %s::bigint[], %s::bool[]) "
        "AS new (leg, number, outcome, detail, latency_ms, late) WHERE a.leg = new.leg AND a.number = new.number",
        (
            now,
            [answer.leg for answer in answers],
            [answer.number for answer in answers],
            [answer.outcome for answer in answers],
            [answer.detail for answer in answers],
            [answer.latency_ms for answer in answers],
            [answer.late for answer in answers],
        ),
    )


def attempts(work: Work, legs: Collection[str]) -> list[Attempt]:
    """Every attempt of these legs, in the order they started."""
    rows = work.fetch(
        "SELECT leg, number, kind, started_at, answered_at, outcome, detail, latency_ms, late_outcome "
        "FROM leg_attempt WHERE leg = ANY(%s::text[]) ORDER BY started_at, leg, number",
        (sorted(legs),),
    )
    return [Attempt(row[0], row[1], AttemptKind(row[2]), *row[3:]) for row in rows]


def _leg(row: tuple[Any, ...]) -> Leg:
    role, state, kind = LegRole(row[3]), LegState(row[13]), AttemptKind(row[15]) if row[15] else None
    return Leg(*(*row[:3], role, *row[4:13], state, row[14], kind, *row[16:]))
