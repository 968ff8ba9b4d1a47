"""Requests about agreements."""

from marshmallow import fields, validate

from schemas.base import Flag, StrictSchema, Text, Time, Whole
from schemas.partners import CODE, UNIT_CODE

# A price is written as it was agreed: a decimal, or a fraction where no decimal is exact.
EXACT = r"(0|[1-9][0-9]{0,11})(\.[0-9]{1,6}|/[1-9][0-9]{0,11})?"
DECIMAL = r"(0|[1-9][0-9]{0,14})(\.[0-9]{1,12})?"


class PriceShape(StrictSchema):
    """One clearing price. per_thousand: currency units per 1,000 whole points."""

    unit = Text(127, pattern=UNIT_CODE, required=True)
    kind = fields.String(required=True, validate=validate.OneOf(["debit", "credit", "accrual"]))
    per_thousand = Text(25, pattern=EXACT, required=True)


class AgreementRequest(StrictSchema):
    """A new version of a partner's agreement; it never rewrites an older one."""

    partner = Text(63, pattern=CODE, required=True)
    currency = Text(3, pattern=r"[A-Z]{3}", required=True)
    ledger_scale = Whole(0, 12, required=True)
    prices = fields.List(fields.Nested(PriceShape), required=True, validate=validate.Length(min=1, max=64))
    billing_percent = Text(25, pattern=EXACT, required=True)
    net_debit_cap = Text(28, pattern=DECIMAL, required=True)
    reversals = Flag(required=True)
    effective_from = Time(required=True)
    effective_until = Time(nullable=True)
    settlement_model = fields.String(validate=validate.OneOf(["multilateral_net", "bilateral_net", "gross"]))
    calendar = Text(40, pattern=r"[A-Za-z0-9_-]{1,40}")
    late_days = Whole(0, 366)
    notes = Text(2_000, shortest=0)
