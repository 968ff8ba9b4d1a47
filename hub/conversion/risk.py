"""The port where risk is judged in the path of acceptance, and the judge that allows everything.

Knows what is asked and answered. Does not know any rule.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from hub.storage import Work


class RiskOutcome(StrEnum):
    """What the risk rules say."""

    ALLOW = "allow"  # go on
    REVIEW = "review"  # reserve, then wait for two persons
    DENY = "deny"  # refuse


@dataclass(frozen=True, slots=True)
class RiskQuestion:
    """A conversion about to be accepted. Amounts: smallest units of its two units."""

    member: str
    client_partner: str
    source_partner: str
    target_partner: str
    source_unit: str
    target_unit: str
    source_amount: int
    target_amount: int


@dataclass(frozen=True, slots=True)
class RiskAnswer:
    """An outcome and, in words, which rule said so."""

    outcome: RiskOutcome
    reason: str


class RiskPort(Protocol):
    """Judges many at once, in the transaction that accepts them."""

    def __call__(self, work: Work, questions: Sequence[RiskQuestion], *, now: datetime) -> Sequence[RiskAnswer]:
        """One answer per question, in order."""


def allow_all(work: Work, questions: Sequence[RiskQuestion], *, now: datetime) -> Sequence[RiskAnswer]:  # noqa: ARG001
    """Allows everything: for a hub without risk rules."""
    return [RiskAnswer(RiskOutcome.ALLOW, "")] * len(questions)
