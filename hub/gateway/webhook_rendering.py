"""Endpoints, deliveries and attempts as JSON for the world.

Knows which fields are shown. A secret is none of them but in the answer that made it.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from hub.kernel.clock import rfc3339
from hub.webhooks.numbering import NumberedEvent, event_view
from hub.webhooks.states import DeliveryState
from hub.webhooks.types import Attempt, Endpoint, NewSecret, SecretInfo, WebhookDelivery

Shown = Mapping[str, object]


def endpoint_view(endpoint: Endpoint, secrets: Sequence[SecretInfo]) -> Shown:
    """An endpoint with what may be shown of its secrets, the ones in use first."""
    return {
        "id": endpoint.id,
        "partner": endpoint.partner,
        "url": endpoint.url,
        "description": endpoint.description,
        "types": list(endpoint.types),
        "schemes": [str(one) for one in endpoint.schemes],
        "fifo": endpoint.fifo,
        "rate_per_second": endpoint.rate_per_second,
        "live": endpoint.live,
        "state": endpoint.state,
        "reason": endpoint.reason or None,
        "failing_since": _time(endpoint.failing_since),
        "secrets": [_secret_view(one) for one in secrets],
        "created_at": rfc3339(endpoint.created_at),
        "updated_at": rfc3339(endpoint.updated_at),
    }


def with_secrets(view: Shown, made: Sequence[NewSecret]) -> Shown:
    """An endpoint with the secrets that were just made, to be shown this once."""
    shown = [{**_secret_view(one.info), "secret": one.text or None} for one in made]
    return {**view, "new_secrets": shown}


def without_secrets(view: Shown, made: Sequence[NewSecret]) -> Shown:
    """The same for whoever asks again with the same key."""
    return {**view, "new_secrets": [{**_secret_view(one.info), "secret": None} for one in made]}


def delivery_view(delivery: WebhookDelivery) -> Shown:
    """A delivery in a list."""
    waits = delivery.state in (DeliveryState.WAITING, DeliveryState.PARKED)
    return {
        "id": delivery.id,
        "endpoint": delivery.endpoint,
        "event": delivery.event,
        "type": delivery.type,
        "subject": delivery.subject,
        "state": delivery.state,
        "reason": delivery.reason or None,
        "attempts": delivery.attempts,
        "next_at": rfc3339(delivery.next_at) if waits else None,
        "created_at": rfc3339(delivery.created_at),
        "ended_at": _time(delivery.ended_at),
    }


def delivery_log_view(delivery: WebhookDelivery, event: NumberedEvent | None, attempts: Sequence[Attempt]) -> Shown:
    """A delivery with the event as it is sent, and every attempt."""
    return {
        **delivery_view(delivery),
        "body": event_view(event) if event is not None else None,
        "log": [_attempt_view(one) for one in attempts],
    }


def _attempt_view(attempt: Attempt) -> Shown:
    return {
        "number": attempt.number,
        "url": attempt.url,
        "request": attempt.request or None,
        "started_at": rfc3339(attempt.started_at),
        "answered_at": _time(attempt.answered_at),
        "latency_ms": attempt.latency_ms,
        "status": attempt.status,
        "outcome": attempt.outcome or None,
        "response": attempt.response or None,
    }


def _secret_view(secret: SecretInfo) -> dict[str, object]:
    return {
        "id": secret.id,
        "scheme": secret.scheme,
        "public_key": secret.public or None,
        "created_at": rfc3339(secret.created_at),
        "expires_at": _time(secret.expires_at),
    }


def _time(moment: datetime | None) -> str | None:
    return rfc3339(moment) if moment is not None else None
