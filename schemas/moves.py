"""Requests that take a step in the life of something: why, and who signs."""

from schemas.base import StrictSchema, Text


class ReasonRequest(StrictSchema):
    """Why a step is taken; it stands in the audit log."""

    reason = Text(400, required=True)


class ActivationRequest(StrictSchema):
    """Something proposed is to bind from now on. signed_by: who signs for a loss, by name; only where there is one."""

    signed_by = Text(80)
