"""Lots of hosted programmes behind conversions: reserved with the holds, moved with the postings, under the same keys.

Knows which act of the ledger means what for lots. Does not know how lots are chosen or when they lapse: `hub.hosted`
does.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from hub.conversion.errors import InsufficientPoints
from hub.conversion.postings import debit_key, post_key
from hub.conversion.record import Record
from hub.conversion.settling import Act, Post, PostHold, Turn, Undo, VoidHold
from hub.hosted.errors import BalanceAboveMaximum, MembershipMissing, ProgrammeMissing
from hub.hosted.lots import Allocation, Grant, LotBook, refusal_of
from hub.hosted.memberships import find_many
from hub.hosted.states import MembershipState
from hub.hosted.store import lock_lots, write_lots
from hub.hosted.types import HostedProgramme, Membership, Place, ProgrammePort
from hub.kernel.errors import HubError
from hub.legs.states import LegRole
from hub.storage import Work
from partners.base import Done, Reason, Refused
from partners.hosted.programme import Activity, BonusLot


class NoProgrammes:
    """A port without any hosted programme."""

    def programme(self, unit: str) -> HostedProgramme:
        """Raises: ProgrammeMissing."""
        raise ProgrammeMissing("There is no hosted programme with this unit.", unit=unit)


class Reserves:
    """What may be taken of the members at hosted sources, while a batch decides; each sees what was reserved before.

    lots: None when no conversion of the batch starts at a hosted programme. targets: memberships at which points would
    arrive, as they are now; whether they still may when they do is decided then. missing: refusals by unit.
    """

    def __init__(
        self, lots: LotBook | None, targets: Mapping[Place, Membership], missing: Mapping[str, HubError]
    ) -> None:
        self._lots = lots
        self._targets = targets
        self._missing = missing

    def plan(self, record: Record, original: Record | None) -> Allocation | HubError:
        """Which lots a conversion would take; none for a source elsewhere. original: what it takes back, if it does.

        A reversal takes the points that came with the original first, and may leave less than the minimum.
        Answers with: ProgrammeMissing, MembershipMissing, MembershipNotActive, InsufficientPoints.
        """
        for unit in _hosted_units(record):
            if unit in self._missing:
                return self._missing[unit]
        if record.target_hosted:
            refusal = refusal_of(self._targets.get(_target(record)), record.target_unit)
            if refusal is not None:
                return refusal
        if not record.source_hosted or self._lots is None:
            return ()
        place = _source(record)
        refusal = self._lots.refusal_of(place)
        if refusal is not None:
            return refusal
        minimum = 0 if original else self._lots.members[place].programme.rules.balance.minimum
        source = post_key(original.key) if original else ""
        planned = self._lots.plan(place, record.debit_amount, minimum=minimum, source=source)
        if isinstance(planned, HubError):
            # How many there are is between the member and the programme.
            return InsufficientPoints("The membership has too few points.", partner=record.source_partner)
        return planned

    def hold(self, record: Record, planned: Allocation) -> None:
        """Reserve what was planned, now that the ledger holds it too."""
        if planned and self._lots is not None:
            self._lots.hold(debit_key(record.key), planned)

    def write(self, work: Work) -> None:
        """Store what was reserved."""
        if self._lots is not None:
            write_lots(work, self._lots)


def lock_reserves(work: Work, programmes: ProgrammePort, records: Collection[Record], *, now: datetime) -> Reserves:
    """The lots that these conversions may take from, their memberships locked; nothing is asked where none is hosted.

    Before the ledger's balances are locked, as everywhere.
    """
    missing: dict[str, HubError] = {}
    for unit in sorted({unit for record in records for unit in _hosted_units(record)}):
        try:
            programmes.programme(unit)
        except ProgrammeMissing as refusal:
            missing[unit] = refusal
    places = {_source(one) for one in records if one.source_hosted and one.source_unit not in missing}
    arriving = {_target(one) for one in records if one.target_hosted}
    lots = lock_lots(work, programmes, places, (), now=now) if places else None
    return Reserves(lots, find_many(work, arriving) if arriving else {}, missing)


def lock_moving(
    work: Work, programmes: ProgrammePort, moving: Collection[Record], records: Mapping[str, Record], *, now: datetime
) -> LotBook:
    """The lots that steps of these conversions may move. records: with the originals of reversals among them."""
    places: set[Place] = set()
    keys: set[str] = set()
    for record in moving:
        if record.source_hosted:
            places.add(_source(record))
            keys.add(debit_key(record.key))
        if record.target_hosted:
            places.add(_target(record))
            keys |= {debit_key(records[record.reverses].key)} if record.reverses else set()
    return lock_lots(work, programmes, places, keys, now=now)


def lots_of(
    work: Work, programmes: ProgrammePort, turns: Sequence[Turn], records: Mapping[str, Record], *, now: datetime
) -> LotBook | None:
    """The lots as these turns leave them; None when they move none."""
    moving = [turn.record for turn in turns if turn.acts and any(_hosted_units(turn.record))]
    if not moving:
        return None
    lots = lock_moving(work, programmes, moving, records, now=now)
    for turn in turns:
        move_lots(lots, turn, records.get(turn.record.reverses))
    return lots


def decided(lots: LotBook, role: LegRole, record: Record) -> Done | Refused:
    """What the programme says to a leg. What was reserved leaves unless the membership may not; a give-back comes back
    unless it was closed; what arrives needs room as well.
    """
    arrives = role is LegRole.CREDIT
    place = _target(record) if arrives else _source(record)
    refusal = lots.refusal_of(place)
    if refusal is None and arrives and not record.reverses:
        refusal = lots.refusal_of_room(place, record.target_amount)
    if refusal is None:
        return Done(record.id)
    reason = _reason(lots, place, refusal)
    if role is LegRole.GIVEBACK and reason is Reason.MEMBER_BLOCKED:
        return Done(record.id)
    return Refused(reason, refusal.code)


def move_lots(lots: LotBook, turn: Turn, original: Record | None) -> None:
    """Do to lots what this turn's acts do to the ledger. original: what the conversion takes back, if it does."""
    for act in turn.acts:
        _move(lots, act, turn.record, original)


def _move(lots: LotBook, act: Act, record: Record, original: Record | None) -> None:
    match act:
        case PostHold(key=key) if record.source_hosted and key == debit_key(record.key):
            lots.post(key, None if original else Activity.CONVERT_OUT)
        case VoidHold(key=key) if record.source_hosted and key == debit_key(record.key):
            lots.void(key)
        case Undo(key=key, of=of) if record.source_hosted:
            lots.restore(key, of, record.debit_amount)
        case Post(posting=posting) if record.target_hosted and posting.key == post_key(record.key):
            if original is not None:
                lots.restore(posting.key, debit_key(original.key), record.base)
            else:
                lots.earn(posting.key, _target(record), _grants(lots, record), Activity.CONVERT_IN)
        case _:
            return


def _grants(lots: LotBook, record: Record) -> list[Grant]:
    """The lots that arrive: base and bonus each its own, or one, as the programme says."""
    apart = lots.members[_target(record)].programme.rules.bonus_lot is BonusLot.OWN
    amounts = (record.base, record.bonus) if apart else (record.target_amount,)
    return [Grant(amount, lots.now) for amount in amounts if amount]


def _reason(lots: LotBook, place: Place, refusal: HubError) -> Reason:
    if isinstance(refusal, MembershipMissing):
        return Reason.MEMBER_UNKNOWN
    if isinstance(refusal, BalanceAboveMaximum):
        return Reason.LIMIT_REACHED
    closed = lots.members[place].membership.state is MembershipState.CLOSED
    return Reason.MEMBER_CLOSED if closed else Reason.MEMBER_BLOCKED


def _hosted_units(record: Record) -> tuple[str, ...]:
    sides = ((record.source_unit, record.source_hosted), (record.target_unit, record.target_hosted))
    return tuple(unit for unit, hosted in sides if hosted)


def _source(record: Record) -> Place:
    return (record.source_unit, record.source_membership)


def _target(record: Record) -> Place:
    return (record.target_unit, record.target_membership)
