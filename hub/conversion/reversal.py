"""Converting back all or part of a posted conversion: what a part takes back and restores. Pure.

Everything is taken at the original's own amounts and values. A part is floor(total × cumulative share) less what
earlier parts took, so that whole and parts add up exactly, whatever was asked for in between and given up again. The
fee stays.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction

from hub.agreements.roster import Roster
from hub.conversion.acceptance import (
    Candidate,
    conversion_id,
    require_debit_allowed,
    require_taking_part,
    sides,
)
from hub.conversion.errors import (
    IdempotencyKeyReused,
    ReversalExceedsRest,
    ReversalNotAllowed,
    ReversalTooSmall,
)
from hub.conversion.record import Record
from hub.conversion.states import ConversionState
from hub.conversion.types import ReversalRequest
from hub.kernel.amounts import floor_of
from hub.kernel.errors import InvalidAmount
from hub.kernel.ids import new_id
from hub.members.types import Link


@dataclass(frozen=True, slots=True)
class Part:
    """What one reversal moves. amount: target units taken back; restored: source units given back.

    credit_value, bonus_values, debit_value: the original's values of the same names, as far as this part undoes them.
    remainder: exact source units that rounding kept, cumulative over the parts so far.
    """

    amount: int
    restored: int
    credit_value: int
    bonus_values: tuple[tuple[str, int], ...]
    debit_value: int
    remainder: Fraction


def earlier(request: ReversalRequest, found: Mapping[str, Record]) -> Record | None:
    """The reversal that this very request made before, if any. Raises: IdempotencyKeyReused."""
    same = found.get(request.key)
    if same is None:
        return None
    asked = request.amount is None or request.amount == same.source_amount
    if same.reverses != request.conversion or not asked or same.client_partner != request.client_partner:
        raise IdempotencyKeyReused("This idempotency key was used for another conversion.")
    return same


def part_of(original: Record, before: Sequence[Record], amount: int) -> Part:
    """What taking back `amount` target units means. before: reversals of the original that were not voided."""
    taken = sum(one.source_amount for one in before)
    share = Fraction(taken + amount, original.target_amount)

    def part(total: int, earlier_parts: int) -> int:
        return max(0, floor_of(total * share) - earlier_parts)

    bonuses_before = [dict(one.bonus_values()) for one in before]
    restored_before = sum(one.base for one in before)
    restored = part(original.source_amount, restored_before)
    return Part(
        amount=amount,
        restored=restored,
        credit_value=part(original.credit_value, sum(one.debit_value for one in before)),
        bonus_values=tuple(
            (campaign, part(value, sum(one.get(campaign, 0) for one in bonuses_before)))
            for campaign, value in original.bonus_values()
        ),
        debit_value=part(original.debit_value, sum(one.credit_value for one in before)),
        remainder=original.source_amount * share - restored_before - restored,
    )


def candidate(
    request: ReversalRequest,
    original: Record,
    before: Sequence[Record],
    roster: Roster,
    link: Link | None,
    now: datetime,
) -> Candidate:
    """The row of the conversion that undoes this much of `original`.

    link: the member's present link at the partner that is to be debited now, for its consents.
    Raises: InvalidAmount, ReversalNotAllowed, ReversalExceedsRest, ReversalTooSmall, DebitNotAllowed, PartnerInactive,
    TestLiveMixed, UnitMissing, PartnerMissing, AgreementMissing.
    """
    ends = sides(
        roster,
        units=(original.target_unit, original.source_unit),
        partners=(original.target_partner, original.source_partner),
        terms=(original.target_terms, original.source_terms),
        now=now,
    )
    _require_reversible(original)
    if not (ends.source_terms.reversals and ends.target_terms.reversals):
        raise ReversalNotAllowed("An agreement of this conversion allows no reversals.")
    require_debit_allowed(request.client_partner, original.target_partner, link)
    require_taking_part(ends, live=original.live, winding_down=True)
    rest = original.target_amount - original.reversed_amount
    amount = rest if request.amount is None else request.amount
    if type(amount) is not int or amount <= 0 < rest:
        raise InvalidAmount("An amount is a whole number above zero.", pointer="/amount")
    if not 0 < amount <= rest:
        raise ReversalExceedsRest("Less than that is left to reverse.", pointer="/amount", rest=rest)
    part = part_of(original, before, amount)
    if part.restored < 1:
        raise ReversalTooSmall("This part is worth less than one smallest unit of the source.", pointer="/amount")
    record = _record(request, original, part, now)
    return Candidate(record, ends.source_cap, ends.target_cap)


def _require_reversible(original: Record) -> None:
    if original.state != ConversionState.POSTED or original.reverses:
        raise ReversalNotAllowed("Only a posted conversion that is no reversal itself can be reversed.")
    if original.ball:
        raise ReversalNotAllowed("Its bonus is still under way; reverse it when that has ended.")


def _record(request: ReversalRequest, original: Record, part: Part, now: datetime) -> Record:
    return Record(
        id=conversion_id(request.key, original.posted_at or original.created_at), key=request.key, quote="",
        state=ConversionState.HELD.value, ball=original.target_partner, live=original.live, trace=request.trace,
        member=original.member, client_partner=request.client_partner, reverses=original.id,
        source_partner=original.target_partner, target_partner=original.source_partner,
        source_unit=original.target_unit, target_unit=original.source_unit,
        source_scale=original.target_scale, target_scale=original.source_scale,
        source_hosted=original.target_hosted, target_hosted=original.source_hosted,
        source_membership=original.target_membership, target_membership=original.source_membership,
        source_amount=part.amount, base=part.restored, bonus=0, fee=0, fee_unit=original.target_unit,
        # At the original rate, read the other way round.
        rate_numerator=original.source_amount, rate_denominator=original.target_amount, rule=original.rule,
        remainder_numerator=part.remainder.numerator, remainder_denominator=part.remainder.denominator,
        source_terms=original.target_terms, target_terms=original.source_terms,
        source_currency=original.target_currency, target_currency=original.source_currency,
        debit_value=part.credit_value, fee_value=0, credit_value=part.debit_value,
        bonus_value=sum(value for _, value in part.bonus_values),
        bonuses=json.dumps([[campaign, 0, value] for campaign, value in part.bonus_values]),
        debit_leg=new_id("leg", now), created_at=now, updated_at=now,
    )  # fmt: skip
