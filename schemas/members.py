"""Requests about members and links."""

from marshmallow import fields, validate

from schemas.base import Amount, StrictSchema, Text
from schemas.conversions import QUOTE_CHARS_MAX, UNIT

PARTNER = r"[a-z0-9_]{1,40}"


class MemberRequest(StrictSchema):
    """A member as its partner knows it. reference: opaque; never a name, a card's number or an address.

    name: as the member's documents have it, to be compared with what other partners say; it is never shown again.
    """

    reference = Text(128, pattern=r"[!-~]{1,128}", required=True)
    name = Text(120)


class ConsentRequest(StrictSchema):
    """Which partners' clients may debit a membership from now on, as the member consented; it replaces earlier ones."""

    debit_by = fields.List(Text(40, pattern=PARTNER), required=True, validate=validate.Length(max=20))


class LinkRequest(StrictSchema):
    """A membership to be tied to a member, once the partner has said that it exists.

    debit_by: other partners whose clients may debit this membership, as the member consented.
    """

    member = Text(80, required=True)
    partner = Text(40, pattern=PARTNER, required=True)
    membership = Text(64, pattern=r"[0-9A-Za-z][0-9A-Za-z ._-]{0,63}", required=True)
    debit_by = fields.List(Text(40, pattern=PARTNER), validate=validate.Length(max=20))


class OwnLinkRequest(StrictSchema):
    """A membership that a member ties to itself."""

    partner = Text(40, pattern=PARTNER, required=True)
    membership = Text(64, pattern=r"[0-9A-Za-z][0-9A-Za-z ._-]{0,63}", required=True)


class OwnConversionRequest(StrictSchema):
    """A quote that a member carries out itself."""

    quote = Text(QUOTE_CHARS_MAX, required=True)


class OwnQuoteRequest(StrictSchema):
    """What would a conversion of a member's own points be? amount: source units."""

    source_unit = Text(81, pattern=UNIT, required=True)
    target_unit = Text(81, pattern=UNIT, required=True)
    amount = Amount(required=True)
