"""Requests about OAuth clients."""

from marshmallow import fields, validate

from schemas.base import StrictSchema, Text
from schemas.partners import CODE


class ClientRequest(StrictSchema):
    """A program of a partner that is to call the hub; of the kind, live or test, of the client that adds it.

    jwks: its public keys as JSON text, for `private_key_jwt`.
    """

    partner = Text(63, pattern=CODE, required=True)
    auth = fields.String(required=True, validate=validate.OneOf(["private_key_jwt", "secret"]))
    jwks = Text(32_768)
    scopes = fields.List(Text(64, pattern=r"[a-z:_-]{1,64}"), required=True, validate=validate.Length(min=1, max=64))
