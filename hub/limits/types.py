"""Limits as data: rules, what they look at, and what is left."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Per(StrEnum):
    """Whose uses are added up."""

    MEMBER = "member"  # over all memberships of a member, so over all cards of a customer
    MEMBERSHIP = "membership"  # of the programme that the points leave, or that they reach
    ROUTE = "route"  # of all members together
    CAMPAIGN = "campaign"  # bonuses of one campaign, of all members together


class Counts(StrEnum):
    """What is added up."""

    POINTS = "points"
    CONVERSIONS = "conversions"


class Period(StrEnum):
    """Over which time. Days and years are those of the rule's zone; the others end at this very moment."""

    DAY = "day"
    WEEK = "7_days"
    MONTH = "30_days"
    YEAR = "year"


class Direction(StrEnum):
    """Which side of a conversion is looked at."""

    OUT = "out"  # source units, and the membership they leave
    IN = "in"  # target units, and the membership they reach


@dataclass(frozen=True, slots=True)
class LimitRule:
    """At most `maximum` in a period. maximum: smallest units, or conversions; > 0.

    sources, targets: units it is about, sorted; empty for all. What one rule names shares one allowance.
    zone: IANA time zone of its days and years.
    """

    id: str
    per: Per
    counts: Counts
    period: Period
    maximum: int
    direction: Direction
    sources: tuple[str, ...]
    targets: tuple[str, ...]
    zone: str


@dataclass(frozen=True, slots=True)
class Movement:
    """A conversion as limits see it. memberships: with their partner, so that numbers of two programmes differ.

    bonuses: (campaign, target units).
    """

    member: str
    source_unit: str
    target_unit: str
    source_membership: str
    target_membership: str
    source_amount: int
    target_amount: int
    bonuses: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Allowance:
    """What is left of a rule for one subject. frees_at: when it is more, if nothing is used; None when all is left."""

    rule: LimitRule
    used: int
    left: int
    frees_at: datetime | None


@dataclass(frozen=True, slots=True)
class LimitsReport:
    """What an import did, in numbers of rules."""

    added: int
    changed: int
    unchanged: int
