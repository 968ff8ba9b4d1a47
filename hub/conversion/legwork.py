"""The legs of a conversion: which instruction at which partner, for each step. Pure.

Knows a conversion's row. Does not know how a leg is carried out.
"""

from datetime import datetime

from hub.conversion.record import Record
from hub.kernel.ids import new_id
from hub.legs.states import LegRole
from hub.legs.types import NewLeg

OWNER_KIND = "conversion"


def debit_leg(record: Record, *, original: str = "") -> NewLeg:
    """Take the points, and a fee in points, from the member. original: the credit leg that a reversal takes back."""
    return NewLeg(
        id=record.debit_leg,
        owner_kind=OWNER_KIND,
        owner=record.id,
        role=LegRole.DEBIT,
        partner=record.source_partner,
        membership=record.source_membership,
        unit=record.source_unit,
        scale=record.source_scale,
        amount=record.debit_amount,
        original=original,
        trace=record.trace,
        hosted=record.source_hosted,
    )


def credit_leg(record: Record, now: datetime, *, original: str = "") -> NewLeg:
    """Give base and bonus to the member. original: the debit leg that a reversal gives back."""
    return NewLeg(
        id=new_id("leg", now),
        owner_kind=OWNER_KIND,
        owner=record.id,
        role=LegRole.CREDIT,
        partner=record.target_partner,
        membership=record.target_membership,
        unit=record.target_unit,
        scale=record.target_scale,
        amount=record.base,
        bonus=record.bonus,
        original=original,
        trace=record.trace,
        hosted=record.target_hosted,
    )


def giveback_leg(record: Record, now: datetime) -> NewLeg:
    """Give back what the debit leg took."""
    return NewLeg(
        id=new_id("leg", now),
        owner_kind=OWNER_KIND,
        owner=record.id,
        role=LegRole.GIVEBACK,
        partner=record.source_partner,
        membership=record.source_membership,
        unit=record.source_unit,
        scale=record.source_scale,
        amount=record.debit_amount,
        original=record.debit_leg,
        trace=record.trace,
        hosted=record.source_hosted,
    )


def bonus_leg(record: Record, now: datetime) -> NewLeg:
    """Give the bonus as a credit of its own."""
    return NewLeg(
        id=new_id("leg", now),
        owner_kind=OWNER_KIND,
        owner=record.id,
        role=LegRole.BONUS,
        partner=record.target_partner,
        membership=record.target_membership,
        unit=record.target_unit,
        scale=record.target_scale,
        amount=record.bonus,
        trace=record.trace,
    )
