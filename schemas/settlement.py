"""Requests about statements."""

from marshmallow import fields, validate

from schemas.base import StrictSchema, Text
from schemas.partners import CODE

LINES_MAX = 100


class ObjectionItem(StrictSchema):
    """Lines of a statement. currency, agreement: any without one."""

    kind = Text(20, pattern=r"[a-z_]{1,20}", required=True)
    counterparty = Text(63, pattern=CODE, required=True)
    currency = Text(3, pattern=r"[A-Z]{3}")
    agreement = Text(64)


class ObjectionRequest(StrictSchema):
    """What a partner does not accept, and why."""

    lines = fields.List(fields.Nested(ObjectionItem), required=True, validate=validate.Length(min=1, max=LINES_MAX))
    reason = Text(500, required=True)
