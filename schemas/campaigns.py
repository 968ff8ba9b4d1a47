"""Requests about campaigns."""

from schemas.base import AMOUNT_MAX, Amount, Flag, StrictSchema, Text, Traits, Whole
from schemas.partners import CODE, UNIT_CODE

DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
EXACT = r"(0|[1-9][0-9]{0,17})(/[1-9][0-9]{0,17})?"


class CampaignRequest(StrictSchema):
    """A dated bonus on a route. Days are those of the funder's own time zone, the last one included."""

    name = Text(200, required=True)
    source_unit = Text(127, pattern=UNIT_CODE, required=True)
    target_unit = Text(127, pattern=UNIT_CODE, required=True)
    funder = Text(63, pattern=CODE, required=True)
    starts_on = Text(10, pattern=DATE, required=True)
    ends_on = Text(10, pattern=DATE, required=True)
    percent = Text(40, pattern=EXACT)
    flat = Whole(0, AMOUNT_MAX)
    exclusive = Flag()
    member_cap = Amount(nullable=True)
    selectors = Traits()


class FundingRequest(StrictSchema):
    """Money for a campaign's budget. amount: ledger units of the currency."""

    currency = Text(3, pattern=r"[A-Z]{3}", required=True)
    amount = Amount(required=True)
