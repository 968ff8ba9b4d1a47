"""Requests about card spend: transactions, tokens, targets."""

from marshmallow import fields, validate

from schemas.base import AMOUNT_MAX, Amount, Flag, StrictSchema, Text, Whole
from schemas.campaigns import DATE
from schemas.conversions import ITEMS_MAX
from schemas.partners import CODE, UNIT_CODE

REFERENCE = r"[\x21-\x7e]{1,128}"


class CardTransactionsRequest(StrictSchema):
    """Up to 1,000 transactions; each is decided and answered by itself, so each is looked at by itself."""

    items = fields.List(fields.Raw(allow_none=True), required=True, validate=validate.Length(min=1, max=ITEMS_MAX))


class CardTokenItem(StrictSchema):
    """A token and whose it is. member: as the bank calls it. unit: where the points go, if not where the rules say."""

    token = Text(64, required=True)
    member = Text(128, pattern=REFERENCE, required=True)
    product = Text(80)
    tier = Text(80)
    unit = Text(127, pattern=UNIT_CODE)


class CardTokensRequest(StrictSchema):
    """Up to 1,000 tokens, all of them or none."""

    items = fields.List(fields.Nested(CardTokenItem), required=True, validate=validate.Length(min=1, max=ITEMS_MAX))


class EarnTargetRequest(StrictSchema):
    """Where a member's points go. since: the first day, in the bank's own time zone; today without one."""

    unit = Text(127, pattern=UNIT_CODE, required=True)
    since = Text(10, pattern=DATE)


class EarnRulesRequest(StrictSchema):
    """A set of earn rules: the document that a TOML file of rules is, as JSON, with decimals as texts."""

    document = fields.Dict(keys=fields.String(), required=True)


class ClaimRequest(StrictSchema):
    """A purchase whose points are missing. amount: smallest units of the currency; day: when it was made."""

    token = Text(64, required=True)
    day = Text(10, pattern=DATE, required=True)
    amount = Amount(required=True)
    transaction = Text(64, pattern=r"[\x21-\x7e]{1,64}")
    merchant = Text(120)


class PrepaidBlockRequest(StrictSchema):
    """What a bank has paid in advance: points of a unit, or a deposit in its currency.

    amount, reorder_at: smallest units of the points, ledger units of the currency.
    """

    bank = Text(63, pattern=CODE, required=True)
    kind = Text(10, pattern=r"(points|deposit)", required=True)
    unit = Text(127, pattern=rf"({UNIT_CODE}|[A-Z]{{3}})", required=True)
    amount = Amount(required=True)
    reorder_at = Whole(0, AMOUNT_MAX)
    reserve = Flag()
