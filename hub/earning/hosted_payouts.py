"""Payouts to programmes that the hub keeps itself: nobody is called, points arrive in the transaction that sends them.

The programme's own function grants or takes back the points with their lots; a posting beside it moves them out of what
is accrued, and their worth to the partner. Knows payouts. Does not know lots.
"""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from hub import chart, ledger
from hub.agreements.roster import Roster, liveness
from hub.earning import store
from hub.earning.payouts import Payout, accounts_for, mark, moves_of, payout_events, waiting_groups
from hub.hosted.points import unit_accounts
from hub.hosted.types import PointsKind, PointsPosted, PointsRequest
from hub.kernel.errors import HubError
from hub.kernel.ids import new_id
from hub.ledger import LedgerRefusal, Posting
from hub.outbox.events import announce_events
from hub.storage import Work


class HostedPort(Protocol):
    """The call of hosted programmes that payouts make; see `hub.hosted.service`."""

    def post(
        self, work: Work, requests: Sequence[PointsRequest], *, now: datetime
    ) -> Sequence[PointsPosted | HubError]:
        """Move points of members; what was posted or a refusal each, in order."""


def send_hosted(work: Work, roster: Roster, bank: str, hosted: HostedPort, *, now: datetime) -> int:
    """Pay members out whose payouts wait and who have a membership there; for how many it did something.

    What the programme refuses is the member's accrual again. The caller entered the ledger's period.
    """
    store.lock_bank(work, bank)
    groups = waiting_groups(work, roster, bank, hosted=True)
    refused = _beyond_caps(work, roster, [payouts for _, payouts in groups], now)
    moving = [(one, payouts) for one, payouts in groups if _net(payouts) and payouts[0].id not in refused]
    answers = hosted.post(work, [_request(membership, payouts, now) for membership, payouts in moving], now=now)
    for (_, payouts), answer in zip(moving, answers, strict=True):
        if isinstance(answer, HubError):
            refused[payouts[0].id] = answer.code
    granted = [payouts for _, payouts in groups if payouts[0].id not in refused]
    _post(work, roster, granted, now)
    live = liveness(work)
    events = []
    for _, payouts in groups:
        reason = refused.get(payouts[0].id, "")
        state = "returned" if reason else "paid" if _net(payouts) else "merged"
        mark(work, [payouts], state, reason, now)
        events += payout_events(live, payouts, state, reason)
    announce_events(work, events, now=now)
    return len(groups)


def _beyond_caps(work: Work, roster: Roster, groups: Sequence[Sequence[Payout]], now: datetime) -> dict[str, str]:
    """Claw-backs for which the partner's position has no room, by their first payout, with the reason."""
    debits = {
        group[0].id: [move for move in _posting(roster, group, now).transfers if move.debit.startswith("position:")]
        for group in groups
    }
    balances = ledger.balances(work, {move.debit for moves in debits.values() for move in moves})
    found = {}
    for id, moves in debits.items():
        for move in moves:
            stands = balances.get(move.debit)
            if stands is None or (stands.floor is not None and stands.available - move.amount < stands.floor):
                found[id] = "net_debit_cap_reached"
    return found


def _net(payouts: Sequence[Payout]) -> int:
    return sum(one.points for one in payouts)


def _request(membership: str, payouts: Sequence[Payout], now: datetime) -> PointsRequest:
    points = _net(payouts)
    kind = PointsKind.EARN if points > 0 else PointsKind.ADJUST_DOWN
    key = hashlib.sha256(new_id("pay", now).encode()).hexdigest()
    return PointsRequest(key, payouts[0].unit, kind, membership, abs(points), reference=payouts[0].id)


def _post(work: Work, roster: Roster, groups: Sequence[Sequence[Payout]], now: datetime) -> None:
    postings = [one for one in (_posting(roster, group, now) for group in groups) if one.transfers]
    if not postings:
        return
    own = [one for unit in sorted({group[0].unit for group in groups}) for one in unit_accounts(unit)]
    ledger.open_accounts(work, [*accounts_for(roster, groups, now), *own], now=now)
    codes = {code for one in postings for move in one.transfers for code in (move.debit, move.credit)}
    book = ledger.lock(work, codes=codes, keys={one.key for one in postings}, now=now)
    for one in postings:
        answer = book.post(one)
        assert not isinstance(answer, LedgerRefusal), f"the ledger refused a posting of ours: {answer.code}"
    book.write()


def _posting(roster: Roster, payouts: Sequence[Payout], now: datetime) -> Posting:
    points, unit = _net(payouts), payouts[0].unit
    programme = chart.issued(unit) if points >= 0 else chart.adjusted(unit)
    kind = "accrual_payout" if points >= 0 else "accrual_clawback"
    moves = moves_of(roster, payouts, programme)
    return Posting(f"pay:{new_id('set', now)}", kind, moves, now, payouts[0].id)
