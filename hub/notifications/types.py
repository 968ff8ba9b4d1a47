"""Notifications, their senders and what proves them, as data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from hub.notifications.states import NotificationState
from partners.profile import NotificationScheme


@dataclass(frozen=True, slots=True)
class Sender:
    """How a partner proves its notifications. configured: secrets or keys from the hub's settings, oldest first."""

    partner: str
    live: bool
    scheme: NotificationScheme
    configured: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class SenderKey:
    """One secret or public key that is good now. text: `whsec_…`, `whpk_…` or PEM. name: what people call it."""

    name: str
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class SenderKeyInfo:
    """What is shown of a key. fingerprint: first digits of its SHA-256. expires_at: set by a rotation."""

    id: str
    partner: str
    kind: str
    fingerprint: str
    created_at: datetime
    created_by: str
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Incoming:
    """A notification as it reached the door. url: absolute, as the hub publishes it. headers: names in small letters,
    one value for each; values of a header that stood twice are joined by commas."""

    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Proven:
    """A genuine notification. sender_id: the partner's own for it, the same whenever it is sent again. key: by which it
    was proven."""

    partner: str
    sender_id: str
    signed_at: datetime
    key: str
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Stored:
    """Where a notification is kept. fresh: whether it was not there before."""

    id: str
    fresh: bool


@dataclass(frozen=True, slots=True)
class Received:
    """A stored notification. kind and subject: as it was understood, empty before. reason: what came of it."""

    id: str
    partner: str
    sender_id: str
    key: str
    kind: str
    subject: str
    state: NotificationState
    reason: str
    signed_at: datetime
    received_at: datetime
    ended_at: datetime | None
