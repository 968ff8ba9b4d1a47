"""Requests about programmes that the hub keeps itself: memberships and points."""

from marshmallow import fields, validate

from schemas.base import Amount, StrictSchema, Text, Time

NUMBER = r"[0-9A-Z-]{1,40}"
REFERENCE = r"[!-~]{1,128}"


class MembershipRequest(StrictSchema):
    """Somebody joins. number: one that exists already, on a card; left out for a new one. reference: opaque, yours."""

    number = Text(40, pattern=NUMBER)
    reference = Text(128, pattern=REFERENCE)


class MembershipStateRequest(StrictSchema):
    """What a membership may do from now on. reason: for the audit log."""

    to = fields.String(required=True, validate=validate.OneOf(["active", "blocked", "closed"]))
    reason = Text(400, required=True)


class PointsRequest(StrictSchema):
    """Points that come, go, or change hands. membership: id or number.

    amount: in smallest units; may be left out to reverse all that is left. to: with `transfer`, the other membership.
    of: with `reverse`, the id of the posting. earned_at: with `earn` and `adjust_up`, when, if not now.
    """

    kind = fields.String(
        required=True,
        validate=validate.OneOf(["earn", "spend", "adjust_up", "adjust_down", "transfer", "reverse"]),
    )
    membership = Text(80, required=True)
    amount = Amount()
    to = Text(80)
    of = Text(36, pattern=r"[0-9a-f-]{36}")
    earned_at = Time()
    reference = Text(128, pattern=REFERENCE)
