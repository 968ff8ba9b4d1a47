"""Requests about partners and their units."""

from marshmallow import fields, validate

from schemas.base import Flag, StrictSchema, Text, Whole

CODE = r"[a-z][a-z0-9_]{0,62}"
UNIT_CODE = rf"{CODE}\.{CODE}"
URL = r"https?://[!-~]{1,300}"
ZONE = r"[A-Za-z0-9_+/-]{1,64}"


class PartnerRequest(StrictSchema):
    """A brand that is to take part; of the kind, live or test, of the client that adds it."""

    code = Text(63, pattern=CODE, required=True)
    name = Text(200, required=True)
    kind = Text(40, pattern=r"[a-z][a-z0-9_]{0,39}", required=True)
    profile = Text(63, pattern=CODE, required=True)
    base_url = Text(308, pattern=URL)
    token_url = Text(308, pattern=URL)
    time_zone = Text(64, pattern=ZONE)


class PartnerEditRequest(StrictSchema):
    """What may be changed of a partner; what is left out stays. An empty address takes the profile's own again."""

    name = Text(200)
    base_url = Text(308, shortest=0, pattern=rf"({URL})?")
    token_url = Text(308, shortest=0, pattern=rf"({URL})?")
    time_zone = Text(64, pattern=ZONE)


class PartnerMoveRequest(StrictSchema):
    """The next state of a partner's life."""

    to = fields.String(required=True, validate=validate.OneOf(["live", "winding_down", "exited"]))


class PartnerStopRequest(StrictSchema):
    """What of a partner is stopped, and why."""

    direction = fields.String(required=True, validate=validate.OneOf(["debit", "credit", "both"]))
    reason = Text(400, required=True)


class UnitRequest(StrictSchema):
    """What amounts of a partner count. scale: decimal digits of the smallest unit."""

    code = Text(127, pattern=UNIT_CODE, required=True)
    name = Text(200, required=True)
    scale = Whole(0, 9, required=True)
    kind = fields.String(required=True, validate=validate.OneOf(["points", "money"]))
    currency = Text(3, pattern=r"[A-Z]{3}")
    hosted = Flag()
