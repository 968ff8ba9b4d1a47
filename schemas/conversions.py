"""Requests about quotes and conversions."""

import re
from typing import TypeGuard

from marshmallow import fields, validate

from schemas.base import Amount, StrictSchema, Text, Traits

# Characters of a quote's token: a full one has about 1,200.
QUOTE_CHARS_MAX = 8_192
MEMBER_CHARS_MAX = 80
ITEMS_MAX = 1_000

UNIT = r"[A-Za-z0-9_]{1,40}(\.[A-Za-z0-9_]{1,40})?"
ID = r"[a-z]{1,16}_[0-9a-z]{26}"
KEY = r"[\x21-\x7e]{1,255}"
_KEY = re.compile(KEY)


class QuoteRequest(StrictSchema):
    """What would a conversion be? amount: source units."""

    source_unit = Text(81, pattern=UNIT, required=True)
    target_unit = Text(81, pattern=UNIT, required=True)
    amount = Amount(required=True)
    member = Text(MEMBER_CHARS_MAX)
    traits = Traits()


class ConversionRequest(StrictSchema):
    """Carry out this quote for this member."""

    quote = Text(QUOTE_CHARS_MAX, required=True)
    member = Text(MEMBER_CHARS_MAX, required=True)


class ConversionItem(ConversionRequest):
    """One conversion of a batch, with a key of its own."""

    idempotency_key = Text(255, pattern=KEY, required=True)


class ConversionBatchRequest(StrictSchema):
    """Up to 1,000 conversions; each is decided and answered by itself, so each is looked at by itself."""

    items = fields.List(fields.Raw(allow_none=True), required=True, validate=validate.Length(min=1, max=ITEMS_MAX))


class ReversalRequest(StrictSchema):
    """Convert back. amount: target units to give back; absent or null for all that is left."""

    amount = Amount(nullable=True)


class NothingRequest(StrictSchema):
    """An empty object: the route says it all."""


def is_conversion_request(value: object) -> TypeGuard[dict[str, object]]:
    """Whether `value` is plainly right as a `ConversionRequest`; when it is not, the schema says what is wrong.

    The shape of nearly every request, looked at in a hundredth of the time.
    """
    return type(value) is dict and len(value) == 2 and _is_quote_of_member(value)


def is_conversion_item(value: object) -> TypeGuard[dict[str, object]]:
    """Whether `value` is plainly right as a `ConversionItem`; when it is not, the schema says what is wrong."""
    if type(value) is not dict or len(value) != 3 or not _is_quote_of_member(value):
        return False
    key = value.get("idempotency_key")
    return type(key) is str and _KEY.fullmatch(key) is not None


def _is_quote_of_member(value: dict[object, object]) -> bool:
    quote, member = value.get("quote"), value.get("member")
    return (
        type(quote) is str
        and type(member) is str
        and 0 < len(quote) <= QUOTE_CHARS_MAX
        and 0 < len(member) <= MEMBER_CHARS_MAX
    )
