"""Endpoints, deliveries and attempts as data between modules."""

from dataclasses import dataclass, field
from datetime import datetime

from hub.webhooks.numbering import NumberedEvent
from hub.webhooks.states import DeliveryState, EndpointState, Scheme


@dataclass(frozen=True, slots=True)
class EndpointDraft:
    """What a partner says of an endpoint. types: empty for all. rate_per_second: deliveries at most; 0 for no limit.

    fifo: whether events of one subject wait for the one before them, even while that one fails.
    """

    url: str
    description: str = ""
    types: tuple[str, ...] = ()
    schemes: tuple[Scheme, ...] = (Scheme.V1,)
    fifo: bool = False
    rate_per_second: int = 0


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a partner is told of events. reason: why it is disabled. failing_since: when the attempts that failed in a
    row began; None while the newest one arrived.
    """

    id: str
    partner: str
    url: str
    description: str
    types: tuple[str, ...]
    schemes: tuple[Scheme, ...]
    fifo: bool
    rate_per_second: int
    live: bool
    state: EndpointState
    reason: str
    created_at: datetime
    updated_at: datetime
    failing_since: datetime | None


@dataclass(frozen=True, slots=True)
class SecretInfo:
    """What may be shown of a secret. public: verifies `v1a`. expires_at: None for the one in use."""

    id: str
    endpoint: str
    scheme: Scheme
    public: str
    created_at: datetime
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class NewSecret:
    """A secret at the only moment it is known outside the vault. text: `whsec_…`; empty for `v1a`, whose key stays."""

    info: SecretInfo
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class WebhookDelivery:
    """One event on its way to one endpoint. attempts: made so far. next_at: of the next one, while it waits."""

    id: str
    partner: str
    endpoint: str
    event: str
    number: int
    subject: str
    type: str
    state: DeliveryState
    reason: str
    attempts: int
    next_at: datetime
    created_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One request and what came back. outcome: empty while it is under way. request, response: heads, as text."""

    number: int
    url: str
    request: str
    started_at: datetime
    answered_at: datetime | None
    latency_ms: int | None
    status: int | None
    outcome: str
    response: str


@dataclass(frozen=True, slots=True)
class Dispatch:
    """An attempt that was begun and may be performed. secrets: id, scheme and sealed key, newest first."""

    delivery: str
    endpoint: str
    attempt: int
    url: str
    event: NumberedEvent
    started_at: datetime
    secrets: tuple[tuple[str, Scheme, bytes], ...]


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of one request. outcome: `delivered`, or a word for what went wrong. status: None without an answer.

    response: head of the answer, bounded, without what could be a secret. retry_after: as the receiver wrote it.
    """

    outcome: str
    status: int | None = None
    response: str = ""
    retry_after: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """A performed attempt, to be taken home."""

    delivery: str
    endpoint: str
    attempt: int
    sent: Sent
    request: str
    latency_ms: int


@dataclass(frozen=True, slots=True)
class Pending:
    """How many deliveries have not arrived yet, and how many endpoints are disabled."""

    waiting: int = 0
    parked: int = 0
    endpoints_disabled: int = 0


@dataclass(frozen=True, slots=True)
class Replaying:
    """What is to be sent again: events that occurred at `since` or later, before `until` where there is one.

    all: also those that have arrived. after: id of an event to go on after; empty for the beginning.
    """

    since: datetime
    until: datetime | None = None
    all: bool = False
    after: str = ""


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a replay set going. next_after: id of the last event looked at, to go on after; None when that was all."""

    count: int
    next_after: str | None
