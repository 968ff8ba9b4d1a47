"""Members and links as data."""

from dataclasses import dataclass
from datetime import datetime

from hub.members.states import LinkState


@dataclass(frozen=True, slots=True)
class NewLink:
    """A tie to be recorded and proven.

    membership: the member's number at the partner. number_pattern: what such a number looks like there, from the
    partner's profile. recorded_by: who asks. debit_by: partners whose clients may debit this membership, as the
    member consented.
    """

    member: str
    partner: str
    membership: str
    number_pattern: str
    recorded_by: str
    debit_by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Link:
    """A tie as it stands. proof: the validation that proved it, and when. reason: why it was refused or closed."""

    id: str
    member: str
    partner: str
    membership: str
    state: LinkState
    proof: str
    reason: str
    recorded_by: str
    debit_by: tuple[str, ...]
    created_at: datetime
    proven_at: datetime | None


@dataclass(frozen=True, slots=True)
class Merge:
    """A partner merged two memberships: `old` lives on as `new`."""

    partner: str
    old: str
    new: str
