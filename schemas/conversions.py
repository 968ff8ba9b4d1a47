"""Requests about quotes and conversions."""

from marshmallow import fields, validate

from schemas.base import Amount, StrictSchema, Text, Traits

# Characters of a quote's token: a full one has about 1,200.
QUOTE_CHARS_MAX = 8_192
ITEMS_MAX = 1_000

UNIT = r"[A-Za-z0-9_]{1,40}(\.[A-Za-z0-9_]{1,40})?"
ID = r"[a-z]{1,16}_[0-9a-z]{26}"
KEY = r"[\x21-\x7e]{1,255}"


class QuoteRequest(StrictSchema):
    """What would a conversion be? amount: source units."""

    source_unit = Text(81, pattern=UNIT, required=True)
    target_unit = Text(81, pattern=UNIT, required=True)
    amount = Amount(required=True)
    member = Text(80)
    traits = Traits()


class ConversionRequest(StrictSchema):
    """Carry out this quote for this member."""

    quote = Text(QUOTE_CHARS_MAX, required=True)
    member = Text(80, required=True)


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
