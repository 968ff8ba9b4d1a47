"""Members and links as data."""

from dataclasses import dataclass
from datetime import datetime

from hub.members.names import NameMatch
from hub.members.states import LinkState
from partners.check_digits import CheckDigit
from partners.names import NamePolicy


@dataclass(frozen=True, slots=True)
class Member:
    """A member as the hub knows it. partner: whose client added it, empty for the hub; reference: what it is there."""

    id: str
    partner: str
    reference: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class NewLink:
    """A tie to be recorded and proven.

    membership: the member's number at the partner. number_pattern: what such a number looks like there, from the
    partner's profile. recorded_by: who asks. debit_by: partners whose clients may debit this membership, as the
    member consented. check_digit: the scheme of the number's last characters.
    """

    member: str
    partner: str
    membership: str
    number_pattern: str
    recorded_by: str
    debit_by: tuple[str, ...] = ()
    check_digit: CheckDigit = CheckDigit.NONE


@dataclass(frozen=True, slots=True)
class Link:
    """A tie as it stands. proof: the validation that proved it, and when. reason: why it was refused or closed.

    tier: the partner's word, as it said it last; empty if it never did. names: how like the member's name and the
    partner's are; None where they were not compared.
    """

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
    tier: str = ""
    names: NameMatch | None = None


@dataclass(frozen=True, slots=True)
class NamesCompared:
    """What came of comparing the member's name with the partner's. match: None where one of them is not known."""

    match: NameMatch | None
    policy: NamePolicy


@dataclass(frozen=True, slots=True)
class Merge:
    """A partner merged two memberships: `old` lives on as `new`."""

    partner: str
    old: str
    new: str
