"""Requests about plans."""

from marshmallow import ValidationError, fields, validate, validates_schema

from schemas.base import AMOUNT_MAX, Amount, StrictSchema, Text, Traits, Whole
from schemas.conversions import MEMBER_CHARS_MAX, UNIT

HOLDINGS_MAX = 20
DECIMAL = r"(0|[1-9][0-9]{0,17})(\.[0-9]{1,12})?"


class HoldingShape(StrictSchema):
    """A membership's balance of one unit, which may be zero. worth: of one smallest unit, a decimal."""

    unit = Text(81, pattern=UNIT, required=True)
    balance = Whole(0, AMOUNT_MAX, required=True)
    worth = Text(40, pattern=DECIMAL)


class PlanRequest(StrictSchema):
    """How is so much of a unit best got? amount: target units. holdings: one a unit; all have a worth, or none has."""

    target_unit = Text(81, pattern=UNIT, required=True)
    amount = Amount(required=True)
    holdings = fields.List(
        fields.Nested(HoldingShape), required=True, validate=validate.Length(min=1, max=HOLDINGS_MAX)
    )
    currency = Text(3, shortest=3, pattern=r"[A-Z]{3}")
    member = Text(MEMBER_CHARS_MAX)
    traits = Traits()

    @validates_schema(skip_on_field_errors=True)
    def _alike(self, data: dict[str, object], **_: object) -> None:
        """Each unit once, and worths that can be compared."""
        holdings = data["holdings"]
        assert isinstance(holdings, list)
        units = [one["unit"] for one in holdings]
        for index, unit in enumerate(units):
            if unit in units[:index]:
                raise ValidationError({"holdings": {index: {"unit": ["This unit comes twice; add the balances up."]}}})
        if len({"worth" in one for one in holdings}) > 1:
            raise ValidationError({"holdings": ["Every holding has a worth here, or none has."]})
        if "currency" in data and "worth" not in holdings[0]:
            raise ValidationError({"currency": ["A currency is what worths are in; there are none."]})
