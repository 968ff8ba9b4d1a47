"""Memberships, lots and their moves as rows: lock, read, write back; always many at once.

The row of a membership is the lock of its lots: whoever changes one holds it, sorted by unit and number, after rows of
conversions and before balances of the ledger.
"""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any, LiteralString

from hub.hosted.lots import LotBook, MemberState
from hub.hosted.states import MembershipState
from hub.hosted.types import Lot, Membership, Move, MoveKind, Place, ProgrammePort
from hub.storage import Work

MEMBERSHIP: LiteralString = (
    "m.id, m.unit, m.number, m.partner, m.state, m.reference, m.enrolled_at, m.active_at, m.lapses_at"
)
LOT: LiteralString = "l.id, l.unit, l.number, l.source, l.earned_at, l.expires_at, l.amount, l.remaining, l.held"
_LOT_COLUMNS = (
    "id", "unit", "number", "partner", "source", "earned_at", "expires_at", "amount", "remaining", "held",
)  # fmt: skip
_MOVE_COLUMNS = ("key", "number", "lot", "kind", "change", "change_held", "undoes", "at")
_MEMBERSHIP_COLUMNS = (
    "id", "unit", "number", "partner", "state", "reference", "enrolled_at", "active_at", "lapses_at",
)  # fmt: skip


def lock_lots(
    work: Work, programmes: ProgrammePort, places: Collection[Place], keys: Collection[str], *, now: datetime
) -> LotBook:
    """Lock these memberships; their open lots, and what happened under these keys. Three statements.

    keys: every key that is ended, reversed or may have been used before.
    """
    members = lock_memberships(work, places)
    moves = _moves(work, keys) if keys else []
    lots = _lots(work, members, {move.lot for move in moves})
    return LotBook(_states(programmes, members), lots, moves, now=now)


def lock_due_lots(work: Work, programmes: ProgrammePort, places: Collection[Place], *, now: datetime) -> LotBook:
    """Lock these memberships, with those of their lots that are due; by activity all are due together."""
    members = lock_memberships(work, places)
    rows = work.fetch(
        f"SELECT {LOT} FROM hosted_lot l JOIN unnest(%s::text[], %s::text[], %s::timestamptz[]) "  # noqa: S608 - fixed
        "AS wanted (unit, number, lapses_at) ON l.unit = wanted.unit AND l.number = wanted.number "
        "WHERE l.remaining > 0 AND coalesce(l.expires_at, wanted.lapses_at) <= %s ORDER BY l.id",
        (*_columns(members), [member.lapses_at for member in members.values()], now),
    )
    return LotBook(_states(programmes, members), [Lot(*row) for row in rows], [], now=now)


def write_lots(work: Work, book: LotBook) -> None:
    """Store what was decided; four statements that nobody waits for."""
    fresh = [state for state in book.lots.values() if state.fresh]
    work.copy_in(
        "hosted_lot",
        _LOT_COLUMNS,
        [
            (
                state.lot.id,
                state.lot.unit,
                state.lot.number,
                book.members[state.lot.unit, state.lot.number].membership.partner,
                state.lot.source,
                state.lot.earned_at,
                state.expires_at,
                state.lot.amount,
                state.remaining,
                state.held,
            )
            for state in fresh
        ],
    )
    work.copy_in(
        "hosted_lot_move",
        _MOVE_COLUMNS,
        [
            (one.key, one.number, one.lot, one.kind, one.change, one.change_held, one.undoes, book.now)
            for one in book.made
        ],
    )
    _write_changed(work, book)


def lock_memberships(work: Work, places: Collection[Place]) -> dict[Place, Membership]:
    """These memberships, locked in sorted order; those that do not exist are left out."""
    rows = work.fetch(
        f"SELECT {MEMBERSHIP} FROM hosted_membership m JOIN unnest(%s::text[], %s::text[]) "  # noqa: S608 - fixed names
        "AS wanted (unit, number) ON m.unit = wanted.unit AND m.number = wanted.number "
        "ORDER BY m.unit, m.number FOR UPDATE OF m",
        _columns(set(places)),
    )
    return {(row[1], row[2]): membership_of(row) for row in rows}


def add_memberships(work: Work, memberships: Iterable[Membership]) -> None:
    """Write new memberships. Raises a unique violation if a number or reference was raced."""
    work.copy_in(
        "hosted_membership",
        _MEMBERSHIP_COLUMNS,
        [
            (
                one.id,
                one.unit,
                one.number,
                one.partner,
                one.state,
                one.reference,
                one.enrolled_at,
                one.active_at,
                one.lapses_at,
            )
            for one in memberships
        ],
    )


def membership_of(row: tuple[Any, ...]) -> Membership:
    """A row of `MEMBERSHIP` as data."""
    return Membership(*(*row[:4], MembershipState(row[4]), *row[5:]))


def _states(programmes: ProgrammePort, members: dict[Place, Membership]) -> dict[Place, MemberState]:
    known = {unit: programmes.programme(unit) for unit in {unit for unit, _ in members}}
    return {place: MemberState(member, known[place[0]]) for place, member in members.items()}


def _columns(places: Iterable[Place]) -> tuple[list[str], list[str]]:
    pairs = list(places)
    return [unit for unit, _ in pairs], [number for _, number in pairs]


def _moves(work: Work, keys: Collection[str]) -> list[Move]:
    wanted = sorted(set(keys))
    rows = work.fetch(
        "SELECT key, number, lot, kind, change, change_held, undoes FROM hosted_lot_move WHERE key = ANY(%s::text[]) "
        "UNION SELECT key, number, lot, kind, change, change_held, undoes FROM hosted_lot_move "
        "WHERE undoes = ANY(%s::text[]) AND undoes <> '' ORDER BY 1, 2",
        (wanted, wanted),
    )
    return [Move(*(*row[:3], MoveKind(row[3]), *row[4:])) for row in rows]


def _lots(work: Work, places: Iterable[Place], ids: Collection[str]) -> list[Lot]:
    """Lots of these memberships that hold something, and these ones whatever they hold."""
    rows = work.fetch(
        f"SELECT {LOT} FROM hosted_lot l JOIN unnest(%s::text[], %s::text[]) AS wanted (unit, number) "  # noqa: S608
        "ON l.unit = wanted.unit AND l.number = wanted.number WHERE l.remaining > 0 "
        f"UNION SELECT {LOT} FROM hosted_lot l WHERE l.id = ANY(%s::text[]) ORDER BY 1",
        (*_columns(places), sorted(ids)),
    )
    return [Lot(*row) for row in rows]


def _write_changed(work: Work, book: LotBook) -> None:
    lots = [state for state in book.lots.values() if state.changed and not state.fresh]
    if lots:
        work.run_later(
            "UPDATE hosted_lot l SET remaining = new.remaining, held = new.held, expires_at = new.expires_at "
            "FROM unnest(%s::text[], %s::bigint[], %s::bigint[], %s::timestamptz[]) "
            "AS new (id, remaining, held, expires_at) WHERE l.id = new.id",
            (
                [state.lot.id for state in lots],
                [state.remaining for state in lots],
                [state.held for state in lots],
                [state.expires_at for state in lots],
            ),
            rows=len(lots),
        )
    members = [member for member in book.members.values() if member.changed]
    if members:
        work.run_later(
            "UPDATE hosted_membership m SET active_at = new.active_at, lapses_at = new.lapses_at "
            "FROM unnest(%s::text[], %s::timestamptz[], %s::timestamptz[]) AS new (id, active_at, lapses_at) "
            "WHERE m.id = new.id",
            (
                [member.membership.id for member in members],
                [member.active_at for member in members],
                [member.lapses_at for member in members],
            ),
            rows=len(members),
        )
