"""Memberships, lots and what may be done to points, as data. Amounts are whole smallest units."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from zoneinfo import ZoneInfo

from hub.hosted.states import MembershipState
from partners.hosted.programme import Programme

# A membership by its unit and number.
Place = tuple[str, str]


@dataclass(frozen=True, slots=True)
class HostedProgramme:
    """A programme as it is kept: whose, in which zone its days end, and by which rules."""

    partner: str
    unit: str
    live: bool
    zone: ZoneInfo
    rules: Programme


class ProgrammePort(Protocol):
    """Port: hosted programmes by their unit."""

    def programme(self, unit: str) -> HostedProgramme:
        """The programme of this unit. Raises: ProgrammeMissing."""


@dataclass(frozen=True, slots=True)
class Enrolment:
    """Somebody joins. number: one that exists already (a paper card); empty for a new one.

    reference: the client's own word for the member, opaque, once for each programme; empty for none.
    """

    unit: str
    number: str = ""
    reference: str = ""


@dataclass(frozen=True, slots=True)
class Membership:
    """One member's enrolment. lapses_at: when all points lapse, where activity keeps them alive; None otherwise."""

    id: str
    unit: str
    number: str
    partner: str
    state: MembershipState
    reference: str
    enrolled_at: datetime
    active_at: datetime
    lapses_at: datetime | None

    @property
    def place(self) -> Place:
        """Unit and number."""
        return (self.unit, self.number)


@dataclass(frozen=True, slots=True)
class Lot:
    """Points earned together. remaining: what is left of `amount`; held: how much of that is reserved.

    expires_at: the instant they lapse; None for never. source: ledger key of the posting that brought them.
    """

    id: str
    unit: str
    number: str
    source: str
    earned_at: datetime
    expires_at: datetime | None
    amount: int
    remaining: int
    held: int


class MoveKind(StrEnum):
    """What happened to a lot."""

    EARN = "earn"  # it began
    HOLD = "hold"  # part of it was reserved
    POST = "post"  # what was reserved left
    VOID = "void"  # what was reserved was given back
    TAKE = "take"  # part of it left at once
    LAPSE = "lapse"  # what was left of it lapsed
    RESTORE = "restore"  # what had left came back


@dataclass(frozen=True, slots=True)
class Move:
    """One thing that happened to one lot, never changed. key: ledger key it happened under; number: its place there.

    change and change_held: what it did to `remaining` and `held`. undoes: ledger key of what it undoes; empty for none.
    """

    key: str
    number: int
    lot: str
    kind: MoveKind
    change: int
    change_held: int
    undoes: str


class PointsKind(StrEnum):
    """What a programme's own client may do."""

    EARN = "earn"  # points for an activity
    SPEND = "spend"  # points for a reward
    ADJUST_UP = "adjust_up"  # points added by hand
    ADJUST_DOWN = "adjust_down"  # points removed by hand
    TRANSFER = "transfer"  # points from one member to another
    REVERSE = "reverse"  # undo an earlier one of these, in whole or in part


@dataclass(frozen=True, slots=True)
class PointsRequest:
    """Points to be moved by the programme's own client.

    key: as scoped and hashed by the door. membership: id or number; of whom they leave for a transfer, whose `to` is
    the other one. amount: None for all that is left to reverse, else > 0. of: id of the posting to reverse. earned_at:
    when they were earned, if not now. reference: the client's own word for the activity; opaque.
    """

    key: str
    unit: str
    kind: PointsKind
    membership: str
    amount: int | None
    to: str = ""
    of: str = ""
    earned_at: datetime | None = None
    reference: str = ""


@dataclass(frozen=True, slots=True)
class PointsPosted:
    """Points that were moved. id: the posting's. balance: of the (first) membership afterwards."""

    id: str
    kind: PointsKind
    unit: str
    membership: str
    amount: int
    balance: int
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class Expiring:
    """Points that lapse together."""

    lapses_at: datetime
    amount: int


@dataclass(frozen=True, slots=True)
class Statement:
    """A membership with what is in it. available: balance less what is held and what has lapsed but is still booked.

    lots: those that hold something, the first to lapse first.
    """

    membership: Membership
    balance: int
    held: int
    available: int
    lots: tuple[Lot, ...]
    expiring: tuple[Expiring, ...]


@dataclass(frozen=True, slots=True)
class HistoryLine:
    """One entry of a membership's account. number: its place, from 1. amount: above zero points came."""

    number: int
    posting: str
    kind: str
    amount: int
    balance_after: int
    reference: str
    at: datetime
