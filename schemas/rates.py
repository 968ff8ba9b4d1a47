"""Requests about rate rules."""

from marshmallow import fields, validate

from schemas.base import AMOUNT_MAX, Amount, StrictSchema, Text, Time, Traits, Whole
from schemas.conversions import UNIT

BLOCKS_MAX = 16


class BlockShape(StrictSchema):
    """From `above` source units on, every further `give` yields `get` more."""

    above = Whole(0, AMOUNT_MAX, required=True)
    give = Amount(required=True)
    get = Amount(required=True)


class FeeShape(StrictSchema):
    """What a conversion costs on top. per_point: exact fraction such as `3/5` smallest units for one source unit."""

    kind = fields.String(required=True, validate=validate.OneOf(["points", "money"]))
    currency = Text(3, pattern=r"[A-Z]{3}")
    flat = Whole(0, AMOUNT_MAX, required=True)
    per_point = Text(40, pattern=r"(0|[1-9][0-9]{0,17})(/[1-9][0-9]{0,17})?", required=True)
    cap = Amount(nullable=True)


class RateRuleRequest(StrictSchema):
    """A new rate rule, to be activated by a second person."""

    source_unit = Text(81, pattern=UNIT, required=True)
    target_unit = Text(81, pattern=UNIT, required=True)
    blocks = fields.List(fields.Nested(BlockShape), required=True, validate=validate.Length(min=1, max=BLOCKS_MAX))
    minimum = Amount(required=True)
    step = Amount(required=True)
    maximum = Amount(nullable=True)
    fee = fields.Nested(FeeShape, allow_none=True)
    selectors = Traits()
    priority = Whole(-1_000, 1_000)
    effective_from = Time(required=True)
    effective_until = Time(nullable=True)
    typical_time = Text(80, shortest=0)


class WithdrawalRequest(StrictSchema):
    """Why a rule is taken back."""

    reason = Text(400, required=True)
