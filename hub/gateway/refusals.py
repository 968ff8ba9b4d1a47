"""What the door itself refuses, before any function of the core is called. Knows codes; statuses are in `statuses`."""

from collections.abc import Sequence

from hub.kernel.errors import HubError
from schemas.base import FieldProblem


class NotFound(HubError):
    """There is nothing at this address."""

    code = "not_found"


class MethodNotAllowed(HubError):
    """This address does not take this method."""

    code = "method_not_allowed"


class BadRequest(HubError):
    """A request that is not well-formed HTTP."""

    code = "bad_request"


class BodyTooLarge(HubError):
    """A body with more bytes than this address takes."""

    code = "body_too_large"


class MediaTypeUnsupported(HubError):
    """A body that does not say it is JSON."""

    code = "media_type_unsupported"


class JsonInvalid(HubError):
    """A body that is not strict JSON: malformed, NaN or Infinity, a name twice, too deep, not UTF-8."""

    code = "json_invalid"


class ValidationFailed(HubError):
    """A request with missing, unknown or wrong fields; `errors` names each."""

    code = "validation_failed"

    def __init__(self, problems: Sequence[FieldProblem]) -> None:
        count = len(problems)
        super().__init__("One field is not right." if count == 1 else f"{count} fields are not right.")
        self.problems = tuple(problems)

    def __reduce__(self) -> tuple[object, ...]:
        return (ValidationFailed, (self.problems,))


class CursorInvalid(HubError):
    """A cursor that this list did not hand out, or that belongs to other filters."""

    code = "cursor_invalid"


class CursorExpired(HubError):
    """A cursor that is too old to go on from."""

    code = "cursor_expired"


class PreconditionMissing(HubError):
    """A change without If-Match, which says what version of the thing was seen."""

    code = "precondition_missing"


class PreconditionInvalid(HubError):
    """An If-Match that is no list of entity tags."""

    code = "precondition_invalid"


class PreconditionFailed(HubError):
    """A change of something that has changed since it was seen."""

    code = "precondition_failed"


class ActingMissing(HubError):
    """An operator who does what is a partner's to do, without saying for which partner and why."""

    code = "acting_missing"


class ActingInvalid(HubError):
    """An operator who acts for a partner that cannot be, or for no readable reason."""

    code = "acting_invalid"


class ActingNotAllowed(HubError):
    """A partner's client that says it acts for somebody."""

    code = "acting_not_allowed"


class ClientOfHub(HubError):
    """One of the hub's own clients, which are not made or renewed over HTTP."""

    code = "client_of_hub"


class TokenMissing(HubError):
    """A request without an access token."""

    code = "token_missing"


class ScopeMissing(HubError):
    """A token that does not allow this."""

    code = "scope_missing"


class RateLimited(HubError):
    """More requests than this client may send in a while; try again after `retry_after_seconds`."""

    code = "rate_limited"


class IdempotencyKeyMissing(HubError):
    """A request that moves or creates something without an Idempotency-Key."""

    code = "idempotency_key_missing"


class IdempotencyKeyInvalid(HubError):
    """An Idempotency-Key that is too long or has characters other than visible ASCII."""

    code = "idempotency_key_invalid"


class IdempotencyKeyReused(HubError):
    """An Idempotency-Key that was used before, with another content."""

    code = "idempotency_key_reused"


class IdempotencyInProgress(HubError):
    """The first request with this Idempotency-Key is still being decided."""

    code = "idempotency_in_progress"


class Unavailable(HubError):
    """The database cannot be reached right now; try again after `retry_after_seconds`."""

    code = "unavailable"


class InternalFault(HubError):
    """A mistake of the hub's own; nothing was decided."""

    code = "internal_fault"


class ConsentMissing(HubError):
    """There is no open consent of this member with this id."""

    code = "consent_missing"


class ConsentForeign(HubError):
    """A consent to debit a membership, stated by a client of another partner than the membership's."""

    code = "consent_foreign"
