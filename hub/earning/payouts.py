"""Sends what members accrued to the partners they chose, and takes back what refunds undid after that.

Posted chunks become payouts, one for each member, unit and price version. A member's payouts for one unit go out as one
leg, claw-backs set off against them. What a leg will move is held when it is opened, posts when the partner has done
it, and is the member's again when the partner refuses. Knows rows, legs' instructions and the ledger's calls. Does not
know how a partner is called. Order of locks: the ledger's period, the bank, legs, payouts, ledger balances.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import groupby

from hub import chart, ledger
from hub.agreements.roster import Roster, liveness
from hub.agreements.types import Direction, PartnerState
from hub.earning import store
from hub.earning.refusals import PayoutMissing, PayoutNotReturned
from hub.earning.rulesets import active_rules
from hub.kernel.ids import new_id
from hub.ledger import Account, LedgerRefusal, Posting, Transfer
from hub.legs.service import open_legs, open_lot
from hub.legs.states import LegRole, LegState
from hub.legs.types import LegResult, NewLeg
from hub.members.service import follow_merges
from hub.members.types import Merge
from hub.outbox.events import Event, announce_events
from hub.storage import KeyRaced, Work

OWNER_KIND = "accrual"

# Chunks that one transaction turns into payouts: about a million transactions.
_CHUNKS_MAX = 25
# Members whose payouts one transaction sends: as many legs as one call of a partner carries.
LOT_MAX = 100
_COLUMNS = "id, bank, partner, member, unit, terms, points, state, reason, membership, leg"


class PayoutState(StrEnum):
    """Where a payout is."""

    WAITING = "waiting"  # for a membership of the member, or for the next sending
    SENT = "sent"  # the partner was told, and there is no proof yet
    PAID = "paid"  # the partner has done it
    MERGED = "merged"  # set off against others of the member to nothing
    RETURNED = "returned"  # the partner refused; the points are the member's accrual again
    BY_HAND = "by_hand"  # no proof can be had by machine


@dataclass(frozen=True, slots=True)
class Payout:
    """What one member gets (points > 0) or gives back (< 0) at one partner, priced by one agreement version."""

    id: str
    bank: str
    partner: str
    member: str
    unit: str
    terms: str
    points: int
    state: str
    reason: str
    membership: str
    leg: str


@dataclass(frozen=True, slots=True)
class _Order:
    """A member's payouts for one unit that go out as one."""

    payouts: Sequence[Payout]
    membership: str
    posting: Posting
    leg: NewLeg | None

    @property
    def points(self) -> int:
        """Net."""
        return sum(one.points for one in self.payouts)


def gather(work: Work, roster: Roster, bank: str, *, now: datetime) -> int:
    """Turn posted chunks that are old enough into payouts that wait; how many chunks. The caller locks nothing."""
    store.lock_bank(work, bank)
    rulesets = active_rules(work, bank)
    days = rulesets[-1].payout_days if rulesets else 0
    rows = work.fetch(
        "SELECT number FROM earn_chunk WHERE bank = %s AND run IS NULL AND state = 'posted' AND taken_at <= %s "
        "ORDER BY number LIMIT %s",
        (bank, now - timedelta(days=days), _CHUNKS_MAX),
    )
    chunks = [number for (number,) in rows]
    if not chunks:
        return 0
    run = new_id("run", now)
    sums = work.fetch(
        "SELECT k.member, p.unit, p.terms, sum(m.points)::bigint FROM ("
        "SELECT token, pricing, points FROM card_transaction WHERE chunk = ANY(%s::bigint[]) UNION ALL "
        "SELECT token, pricing, points FROM earn_adjustment WHERE chunk = ANY(%s::bigint[])) m "
        "JOIN card_token k ON k.number = m.token JOIN earn_pricing p ON p.number = m.pricing WHERE m.points <> 0 "
        "GROUP BY 1, 2, 3 HAVING sum(m.points) <> 0 ORDER BY 1, 2, 3",
        (chunks, chunks),
    )
    columns = ("id", "run", "bank", "partner", "member", "unit", "terms", "points", "state", "reason", "membership")
    payouts = [
        (new_id("pay", now), run, bank, roster.units[unit].partner, member, unit, terms, points, "waiting", "", "")
        for member, unit, terms, points in sums
    ]
    work.copy_in(
        "earn_payout", (*columns, "leg", "created_at", "updated_at"), [(*one, "", now, now) for one in payouts]
    )
    work.run("UPDATE earn_chunk SET run = %s WHERE number = ANY(%s::bigint[])", (run, chunks))
    return len(chunks)


def send(work: Work, roster: Roster, bank: str, *, takes_many: Callable[[str], bool], now: datetime) -> int:
    """Open legs for members whose payouts wait and who have a membership; for how many members it did something.

    takes_many: whether a partner takes many credits at once, which then go out together. The caller entered the
    ledger's period.
    """
    store.lock_bank(work, bank)
    groups = waiting_groups(work, roster, bank, hosted=False)
    orders = [order for group in groups for order in [_order(roster, group, now)] if order is not None]
    held = _hold(work, roster, orders, now)
    if held:
        _sent(work, [order for order in held if order.leg is not None], now)
        mark(work, [order.payouts for order in held if order.leg is None], "merged", "", now)
        _open(work, [order.leg for order in held if order.leg is not None], takes_many=takes_many, now=now)
    kept = {id(order) for order in held}
    late = [order.payouts for order in orders if id(order) not in kept]
    mark(work, late, "returned", "net_debit_cap_reached", now)
    ours = {payout.id for order in orders for payout in order.payouts}
    rest = [group for _, group in groups if group[0].id not in ours]
    mark(work, rest, "returned", "no_debit_agreed", now)
    return len(groups)


def settle(work: Work, results: Sequence[LegResult], *, now: datetime) -> None:
    """Post what partners did, and give members back what partners refused; told twice it does nothing.

    The caller entered the ledger's period.
    """
    told = {one.leg: one for one in results if one.owner_kind == OWNER_KIND and one.state is not LegState.OPEN}
    if not told:
        return
    rows = work.fetch(
        f"SELECT {_COLUMNS} FROM earn_payout WHERE leg = ANY(%s::text[]) AND state IN ('sent', 'by_hand') "  # noqa: S608
        "ORDER BY id FOR UPDATE",
        (sorted(told),),
    )
    by_leg: dict[str, list[Payout]] = {}
    for row in rows:
        by_leg.setdefault(row[10], []).append(Payout(*row))
    _end_holds(work, {leg: told[leg] for leg in by_leg}, now)
    live = liveness(work)
    events = []
    for leg, payouts in by_leg.items():
        result = told[leg]
        state = {LegState.DONE: "paid", LegState.BY_HAND: "by_hand"}.get(result.state, "returned")
        mark(work, [payouts], state, "" if state == "paid" else result.reason, now)
        events += payout_events(live, payouts, state, result.reason)
    announce_events(work, events, now=now)
    merges = [Merge(one.partner, one.membership, one.surviving) for one in told.values() if one.surviving]
    follow_merges(work, merges)


def get_payout(work: Work, id: str, *, bank: str) -> Payout:
    """One payout. bank: whose; empty for any. Raises: PayoutMissing."""
    rows = work.fetch(
        f"SELECT {_COLUMNS} FROM earn_payout WHERE id = %s AND (%s = '' OR bank = %s)",  # noqa: S608 - fixed
        (id, bank, bank),
    )
    if not rows:
        raise PayoutMissing("There is no such payout.")
    return Payout(*rows[0])


def list_payouts(
    work: Work, *, bank: str, member: str | None, state: str | None, live: bool, after: str, limit: int
) -> list[Payout]:
    """Payouts in the order in which they were made. bank: empty for every bank of this kind. after: the last seen."""
    rows = work.fetch(
        f"SELECT {_COLUMNS} FROM earn_payout WHERE id > %s AND (%s = '' OR bank = %s) "  # noqa: S608 - fixed
        "AND (%s::text IS NULL OR member = %s) AND (%s::text IS NULL OR state = %s) "
        "AND %s = (SELECT partner.live FROM partner WHERE partner.code = earn_payout.bank) ORDER BY id LIMIT %s",
        (after, bank, bank, member, member, state, state, live, limit),
    )
    return [Payout(*row) for row in rows]


def retry(work: Work, id: str, *, bank: str, now: datetime) -> None:
    """Let a returned payout wait again, with everything of its member and unit.

    Raises: PayoutMissing, PayoutNotReturned.
    """
    get_payout(work, id, bank=bank)
    moved = bool(
        work.run(
            "UPDATE earn_payout p SET state = 'waiting', updated_at = %s FROM earn_payout q WHERE q.id = %s "
            "AND (%s = '' OR q.bank = %s) AND (p.bank, p.member, p.unit) = (q.bank, q.member, q.unit) "
            "AND p.state = 'returned'",
            (now, id, bank, bank),
        )
    )
    if not moved:
        raise PayoutNotReturned("This payout was not refused; it goes on by itself, or is at its end.")


def banks_with_work(work: Work) -> list[str]:
    """Banks with chunks that were not turned into payouts, or payouts that wait."""
    rows = work.fetch(
        "SELECT bank FROM earn_chunk WHERE run IS NULL AND state = 'posted' UNION "
        "SELECT bank FROM earn_payout WHERE state = 'waiting' ORDER BY 1"
    )
    return [bank for (bank,) in rows]


def waiting_groups(work: Work, roster: Roster, bank: str, *, hosted: bool) -> list[tuple[str, list[Payout]]]:
    """Membership and payouts of members with something that waits, those that were returned before among them.

    hosted: those at programmes that the hub keeps itself, or all others.
    """
    closed = [
        code
        for code, unit in roster.units.items()
        if unit.hosted is not hosted
        or roster.partners[unit.partner].state not in (PartnerState.TEST, PartnerState.LIVE)
        or roster.partners[unit.partner].stopped in (Direction.CREDIT, Direction.BOTH)
    ]
    chosen = work.fetch(
        "SELECT DISTINCT p.member, p.unit, l.membership FROM earn_payout p JOIN member_link l "
        "ON l.member = p.member AND l.partner = p.partner AND l.state = 'active' "
        "WHERE p.bank = %s AND p.state = 'waiting' AND p.unit <> ALL(%s::text[]) ORDER BY 1, 2 LIMIT %s",
        (bank, closed, LOT_MAX),
    )
    memberships = {(member, unit): membership for member, unit, membership in chosen}
    if not memberships:
        return []
    rows = work.fetch(
        f"SELECT {_COLUMNS} FROM earn_payout WHERE bank = %s AND member = ANY(%s::text[]) "  # noqa: S608 - fixed
        "AND state IN ('waiting', 'returned') ORDER BY id FOR UPDATE",
        (bank, sorted({member for member, _ in memberships})),
    )
    found = sorted(
        (payout for row in rows if ((payout := Payout(*row)).member, payout.unit) in memberships),
        key=lambda payout: (payout.member, payout.unit, payout.id),
    )
    return [
        (memberships[key], list(group))
        for key, group in groupby(found, key=lambda payout: (payout.member, payout.unit))
    ]


def _order(roster: Roster, group: tuple[str, list[Payout]], now: datetime) -> _Order | None:
    """What goes out for one member; None for a claw-back that the partner did not agree to."""
    membership, payouts = group
    first, points = payouts[0], sum(one.points for one in payouts)
    terms = roster.terms(first.partner, now)
    if points < 0 and (terms is None or not terms.reversals):
        return None
    leg = None
    if points:
        leg = NewLeg(
            id=new_id("leg", now),
            owner_kind=OWNER_KIND,
            owner=first.id,
            role=LegRole.CREDIT if points > 0 else LegRole.DEBIT,
            partner=first.partner,
            membership=membership,
            unit=first.unit,
            scale=roster.units[first.unit].scale,
            amount=abs(points),
        )
    key = f"pay:{leg.id if leg else new_id('set', now)}"
    kind = "accrual_payout" if points >= 0 else "accrual_clawback"
    return _Order(
        payouts,
        membership,
        Posting(key, kind, moves_of(roster, payouts, chart.outside(first.unit)), now, first.id),
        leg,
    )


def moves_of(roster: Roster, payouts: Sequence[Payout], programme: str) -> tuple[Transfer, ...]:
    """Points between what is accrued and the member's programme, and their worth at the prices they accrued at.

    programme: the account that stands for it.
    """
    first, points = payouts[0], sum(one.points for one in payouts)
    accrued = chart.accrued(first.bank, first.unit)
    moves = []
    if points:
        ends = (accrued, programme) if points > 0 else (programme, accrued)
        moves.append(Transfer(*ends, abs(points)))
    for one in payouts:
        terms = roster.terms_by_version[one.terms]
        value = one.points * terms.accrual_price[one.unit]
        trading, position = chart.trading(terms.currency), chart.position(one.partner, terms.currency)
        if value:
            kind, ends = ("accrual", (trading, position)) if value > 0 else ("clawback", (position, trading))
            moves.append(Transfer(*ends, abs(value), chart.price_label(kind, one.terms, one.bank)))
    return tuple(moves)


def _hold(work: Work, roster: Roster, orders: Sequence[_Order], now: datetime) -> list[_Order]:
    """Hold what these orders will move, and post at once what only sets off; those that the ledger allowed."""
    if not orders:
        return []
    ledger.open_accounts(work, accounts_for(roster, [order.payouts for order in orders], now), now=now)
    codes = {code for one in orders for move in one.posting.transfers for code in (move.debit, move.credit)}
    book = ledger.lock(work, codes=codes, keys={one.posting.key for one in orders}, now=now)
    held = []
    for one in orders:
        if not one.posting.transfers:
            held.append(one)
            continue
        answer = book.hold(one.posting) if one.leg is not None else book.post(one.posting)
        if isinstance(answer, ledger.AccountMissing):
            raise KeyRaced
        if isinstance(answer, ledger.FloorBreached):
            continue
        assert not isinstance(answer, LedgerRefusal), f"the ledger refused a posting of ours: {answer.code}"
        held.append(one)
    book.write()
    return held


def accounts_for(roster: Roster, groups: Sequence[Sequence[Payout]], now: datetime) -> list[Account]:
    """Every account that moves of these payouts may name, sorted."""
    found: dict[str, Account] = {}
    for group in groups:
        for one in group:
            terms = roster.terms_by_version[one.terms]
            own = roster.terms(one.partner, now) or terms
            position = chart.position(one.partner, terms.currency)
            for code, unit, floor in (
                (chart.accrued(one.bank, one.unit), one.unit, None),
                (chart.outside(one.unit), one.unit, None),
                (chart.trading(terms.currency), terms.currency, None),
                (position, terms.currency, -own.net_debit_cap),
            ):
                found[code] = Account(code, unit, floor)
    return [found[code] for code in sorted(found)]


def _end_holds(work: Work, results: Mapping[str, LegResult], now: datetime) -> None:
    """Post the holds of what partners did; void those of what they refused. A leg with a person keeps its hold."""
    ending = {f"pay:{leg}": one for leg, one in results.items() if one.state is not LegState.BY_HAND}
    if not ending:
        return
    book = ledger.lock(work, codes=set(), keys=set(ending), now=now)
    for key, result in sorted(ending.items()):
        done = result.state is LegState.DONE
        answer = book.post_hold(key, effective_at=now) if done else book.void_hold(key)
        assert not isinstance(answer, LedgerRefusal), f"the ledger refused to end a hold of ours: {answer.code}"
    book.write()


def _open(work: Work, legs: Sequence[NewLeg], *, takes_many: Callable[[str], bool], now: datetime) -> None:
    """Credits of a partner that takes many go together; everything else goes alone."""
    lots: dict[str, list[NewLeg]] = {}
    for one in legs:
        if one.role is LegRole.CREDIT and takes_many(one.partner):
            lots.setdefault(one.partner, []).append(one)
    lotted = {one.id for lot in lots.values() for one in lot}
    open_legs(work, [one for one in legs if one.id not in lotted], now=now)
    for lot in lots.values():
        open_lot(work, lot, now=now)


def _sent(work: Work, orders: Sequence[_Order], now: datetime) -> None:
    rows = [
        (one.id, order.membership, order.leg.id) for order in orders if order.leg is not None for one in order.payouts
    ]
    if rows:
        work.run(
            "UPDATE earn_payout p SET state = 'sent', reason = '', membership = new.membership, leg = new.leg, "
            "updated_at = %s FROM unnest(%s::text[], %s::text[], %s::text[]) AS new (id, membership, leg) "
            "WHERE p.id = new.id",
            (now, *map(list, zip(*rows, strict=True))),
        )


def mark(work: Work, groups: Sequence[Sequence[Payout]], state: str, reason: str, now: datetime) -> None:
    """Let payouts stand another way."""
    ids = sorted(one.id for group in groups for one in group)
    if ids:
        work.run(
            "UPDATE earn_payout SET state = %s, reason = %s, updated_at = %s WHERE id = ANY(%s::text[])",
            (state, reason, now, ids),
        )


def payout_events(live: Mapping[str, bool], payouts: Sequence[Payout], state: str, reason: str) -> list[Event]:
    """What the bank is told of a payout: that it arrived, or that the partner said no and why."""
    if state not in ("paid", "returned"):
        return []
    first = payouts[0]
    data: dict[str, str | int] = {
        "payout": first.id,
        "unit": first.unit,
        "points": str(sum(one.points for one in payouts)),
    }
    if state == "returned":
        data["reason"] = reason
    return [Event(f"accrual.{state}", first.id, (first.bank,), data, live[first.bank])]
