"""What a programme's own client does with points: each a posting of the ledger, and lots that move with it.

Knows which accounts and lots each kind of request concerns. Does not know who may ask.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction

from hub import chart, ledger
from hub.hosted.errors import EarnedAtInvalid, MembershipMissing, PostingForeign, TransferToSelf
from hub.hosted.expiry import lapses_at
from hub.hosted.lots import Grant, LotBook
from hub.hosted.memberships import find_many
from hub.hosted.store import lock_lots, write_lots
from hub.hosted.types import (
    HostedProgramme,
    Membership,
    MoveKind,
    Place,
    PointsKind,
    PointsPosted,
    PointsRequest,
    ProgrammePort,
)
from hub.kernel.errors import HubError, InvalidAmount
from hub.ledger import Account, Book, LedgerRefusal, Posted, Posting, Transfer
from hub.storage import Work
from partners.hosted.programme import Activity, ExpiryKind

_PREFIX = "hosted:"

_ACTIVITY: Mapping[PointsKind, Activity] = {
    PointsKind.EARN: Activity.EARN,
    PointsKind.SPEND: Activity.SPEND,
    PointsKind.TRANSFER: Activity.TRANSFER,
}


@dataclass(frozen=True, slots=True)
class _Desk:
    """What one batch of requests is decided with."""

    book: Book
    lots: LotBook
    found: Mapping[tuple[str, str], Membership]
    originals: Mapping[str, str]
    now: datetime

    def place(self, unit: str, named: str) -> Place:
        """Raises: MembershipMissing, MembershipNotActive."""
        member = self.found.get((unit, named))
        if member is None:
            raise MembershipMissing("The programme has no such membership.", unit=unit)
        refusal = self.lots.refusal_of(member.place)
        if refusal is not None:
            raise refusal
        return member.place

    def programme(self, place: Place) -> HostedProgramme:
        """The programme of a membership."""
        return self.lots.members[place].programme


def post_points(
    work: Work, programmes: ProgrammePort, requests: Sequence[PointsRequest], *, now: datetime
) -> list[PointsPosted | HubError]:
    """Move points as these ask, in order, each seeing those before it; one answer or refusal each.

    The same key and request again is answered again. A fixed number of statements a batch.
    """
    ledger.enter(work)
    named = {(one.unit, one.membership) for one in requests} | {(one.unit, one.to) for one in requests if one.to}
    found = find_many(work, named)
    originals, concerned = _originals(work, requests)
    keys = {_PREFIX + one.key for one in requests} | set(originals.values())
    places = {member.place for member in found.values()} | concerned
    lots = lock_lots(work, programmes, places, keys, now=now)
    accounts = [account for unit in sorted({unit for unit, _ in places}) for account in unit_accounts(unit)]
    ledger.open_accounts(work, accounts, now=now)
    codes = {account.code for account in accounts} | {chart.member(*place) for place in places}
    desk = _Desk(ledger.lock(work, codes=codes, keys=keys, now=now), lots, found, originals, now)
    answers = [_decided(desk, one) for one in requests]
    desk.book.write()
    write_lots(work, lots)
    return answers


def unit_accounts(unit: str) -> list[Account]:
    """The accounts of a hosted programme beside those of its members."""
    codes = (chart.issued(unit), chart.redeemed(unit), chart.adjusted(unit), chart.lapsed(unit), chart.outside(unit))
    return [Account(code, unit, None) for code in codes]


def _originals(work: Work, requests: Sequence[PointsRequest]) -> tuple[dict[str, str], set[Place]]:
    """Ledger keys of the postings to be reversed, by the id they were asked by, and the memberships they concern."""
    ids = {}
    for one in requests:
        if one.kind is PointsKind.REVERSE:
            try:
                ids[uuid.UUID(one.of)] = one.of
            except ValueError:
                continue
    if not ids:
        return {}, set()
    keys = {ids[identity]: key for identity, key in ledger.keys_of(work, list(ids)).items()}
    rows = work.fetch(
        "SELECT DISTINCT l.unit, l.number FROM hosted_lot_move v JOIN hosted_lot l ON l.id = v.lot "
        "WHERE v.key = ANY(%s::text[])",
        (sorted(keys.values()),),
    )
    return keys, {(unit, number) for unit, number in rows}


def _decided(desk: _Desk, request: PointsRequest) -> PointsPosted | HubError:
    try:
        place = desk.place(request.unit, request.membership)
        match request.kind:
            case PointsKind.REVERSE:
                posted, amount = _reverse(desk, request, place)
            case PointsKind.EARN | PointsKind.ADJUST_UP:
                posted, amount = _bring(desk, request, place)
            case PointsKind.SPEND | PointsKind.ADJUST_DOWN:
                posted, amount = _remove(desk, request, place)
            case PointsKind.TRANSFER:
                posted, amount = _give(desk, request, place)
    except HubError as refusal:
        return refusal
    balance = desk.lots.balance(place)
    return PointsPosted(
        str(posted.id), request.kind, request.unit, place[1], amount, balance, recorded_at=posted.recorded_at
    )


def _bring(desk: _Desk, request: PointsRequest, place: Place) -> tuple[Posted, int]:
    """Points come from the programme. Raises: BalanceAboveMaximum, EarnedAtInvalid, what the ledger refuses."""
    amount, key = _amount(request), _PREFIX + request.key
    source = chart.issued if request.kind is PointsKind.EARN else chart.adjusted
    transfer = Transfer(source(request.unit), chart.member(*place), amount)
    if not desk.lots.knows(key):
        refusal = desk.lots.refusal_of_room(place, amount)
        if refusal is not None:
            raise refusal
    grant = Grant(amount, _earned_at(desk, request, place))
    posted = _posted(desk, request, transfer)
    if not posted.replayed:
        desk.lots.earn(key, place, [grant], _ACTIVITY.get(request.kind))
    return posted, amount


def _remove(desk: _Desk, request: PointsRequest, place: Place) -> tuple[Posted, int]:
    """Points go to the programme. Raises: InsufficientPoints, what the ledger refuses."""
    amount, key = _amount(request), _PREFIX + request.key
    spends = request.kind is PointsKind.SPEND
    target = chart.redeemed if spends else chart.adjusted
    transfer = Transfer(chart.member(*place), target(request.unit), amount)
    minimum = desk.programme(place).rules.balance.minimum if spends else 0
    allocation = () if desk.lots.knows(key) else desk.lots.plan(place, amount, minimum=minimum)
    if isinstance(allocation, HubError):
        raise allocation
    posted = _posted(desk, request, transfer)
    if not posted.replayed:
        desk.lots.take(key, allocation, _ACTIVITY.get(request.kind))
    return posted, amount


def _give(desk: _Desk, request: PointsRequest, place: Place) -> tuple[Posted, int]:
    """Points go to another member.

    Raises: TransferToSelf, InsufficientPoints, BalanceAboveMaximum, what the ledger refuses.
    """
    amount, key = _amount(request), _PREFIX + request.key
    to, rules = desk.place(request.unit, request.to), desk.programme(place).rules
    if to == place:
        raise TransferToSelf("Points can be given to another member only.", pointer="/to")
    transfer = Transfer(chart.member(*place), chart.member(*to), amount)
    again = desk.lots.knows(key)
    allocation = () if again else desk.lots.plan(place, amount, minimum=rules.balance.minimum)
    refusal = allocation if isinstance(allocation, HubError) else None
    if refusal is None and not again:
        refusal = desk.lots.refusal_of_room(to, amount)
    if refusal is not None or isinstance(allocation, HubError):
        raise refusal or InvalidAmount("There is nothing to give.")
    posted = _posted(desk, request, transfer)
    if not posted.replayed:
        desk.lots.take(key, allocation, Activity.TRANSFER)
        dates = desk.lots.dates_of(key, place) if rules.keep_expiry else [Grant(amount, desk.now)]
        desk.lots.earn(key, to, dates, Activity.TRANSFER)
    return posted, amount


def _reverse(desk: _Desk, request: PointsRequest, place: Place) -> tuple[Posted, int]:
    """Undo part of an earlier posting; points go back to, or leave, the very lots.

    Raises: PostingForeign, InsufficientPoints, what the ledger refuses.
    """
    key, of = _PREFIX + request.key, desk.originals.get(request.of, "")
    lots = desk.lots
    losers, winners = lots.touched(of, MoveKind.TAKE), lots.touched(of, MoveKind.EARN)
    if not of.startswith(_PREFIX) or place not in (losers or winners) or lots.undoes(of):
        raise PostingForeign("There is no such posting of this membership to reverse.", pointer="/of")
    total = lots.moved(of, MoveKind.TAKE if losers else MoveKind.EARN)
    rest = total - lots.undone(of, MoveKind.RESTORE if losers else MoveKind.TAKE)
    again = max(lots.moved(key, MoveKind.RESTORE), lots.moved(key, MoveKind.TAKE))
    amount = request.amount or again or rest
    allocation = _undoing(desk, key, of, winners, amount, most=rest)
    share = Fraction(amount, total) if amount > 0 else Fraction(1)
    posted = _accepted(
        desk.book.reverse(key, of=of, share=share, effective_at=desk.now, reference=request.reference or None)
    )
    if not posted.replayed:
        lots.take(key, allocation, None, undoes=of)
        if losers:
            lots.restore(key, of, amount)
    return posted, amount


def _undoing(
    desk: _Desk, key: str, of: str, winners: Sequence[Place], amount: int, *, most: int
) -> Sequence[tuple[str, int]]:
    """Which lots points that came in under `of` leave again. Raises: InsufficientPoints, MembershipNotActive."""
    if desk.lots.knows(key) or not winners or not 0 < amount <= most:
        return ()
    refusal = desk.lots.refusal_of(winners[0])
    allocation = desk.lots.plan(winners[0], amount, minimum=0, source=of) if refusal is None else refusal
    if isinstance(allocation, HubError):
        raise allocation
    return allocation


def _posted(desk: _Desk, request: PointsRequest, transfer: Transfer) -> Posted:
    kind = f"hosted_{request.kind}"
    posting = Posting(
        _PREFIX + request.key, kind, (transfer,), request.earned_at or desk.now, request.reference or None
    )
    return _accepted(desk.book.post(posting))


def _accepted(answer: Posted | LedgerRefusal) -> Posted:
    if isinstance(answer, LedgerRefusal):
        raise answer
    return answer


def _amount(request: PointsRequest) -> int:
    if request.amount is None or request.amount <= 0:
        raise InvalidAmount("An amount is a whole number above zero.", pointer="/amount")
    return request.amount


def _earned_at(desk: _Desk, request: PointsRequest, place: Place) -> datetime:
    earned_at, programme = request.earned_at or desk.now, desk.programme(place)
    rule = programme.rules.expiry
    ends = lapses_at(rule, earned_at, programme.zone) if rule.kind is ExpiryKind.FIXED else None
    if earned_at > desk.now or (ends is not None and ends <= desk.now):
        raise EarnedAtInvalid("These points were not earned yet, or have lapsed by now.", pointer="/earned_at")
    return earned_at
