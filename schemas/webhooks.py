"""Requests about webhook endpoints."""

from marshmallow import fields, validate

from schemas.base import Flag, StrictSchema, Text, Time, Whole

EVENT_TYPE = r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+"
URL = r"[!-~]+"
RATE_MAX = 1_000
_TYPES_MAX = 50


def _types() -> fields.List[str]:
    return fields.List(Text(100, pattern=EVENT_TYPE), validate=validate.Length(max=_TYPES_MAX))


class EndpointRequest(StrictSchema):
    """Where a partner wants to be told of events, of which ones, and how they are signed."""

    url = Text(500, pattern=URL, required=True)
    description = Text(200, shortest=0)
    types = _types()
    schemes = fields.List(Text(3, pattern="v1a?"), validate=validate.Length(min=1, max=2))
    fifo = Flag()
    rate_per_second = Whole(0, RATE_MAX)


class EndpointEditRequest(StrictSchema):
    """What may be changed of an endpoint; what is left out stays."""

    url = Text(500, pattern=URL)
    description = Text(200, shortest=0)
    types = _types()
    fifo = Flag()
    rate_per_second = Whole(0, RATE_MAX)


class ReplayRequest(StrictSchema):
    """Which part of the log an endpoint is sent again. after: the `next_after` of the replay before."""

    since = Time(required=True)
    until = Time()
    what = Text(7, pattern="(missing|all)")
    after = Text(80, pattern=r"[a-z]{1,16}_[0-9a-z]{26}")
