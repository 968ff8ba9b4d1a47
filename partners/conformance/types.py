"""What a check is, what it finds, and what a report holds. Data only; no brand and no format."""

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Generic, TypeVar

from hub.kernel.errors import HubError

# What a check is run on: a brand on trial, the layouts of its files, a folder.
On = TypeVar("On")


class CheckUnknown(HubError):
    """A check of the conformance kit that does not exist."""

    code = "check_unknown"


class ContractBroken(AssertionError):
    """A brand does not keep the contract. seen: what happened. must: what it must be. advice: what to do about it."""

    def __init__(self, seen: str, must: str, advice: str) -> None:
        super().__init__(f"{seen}. It must be {must}. {advice}.")


class NotApplicable(Exception):
    """The brand has nothing that this check is about; the text says why."""


class Group(StrEnum):
    """What checks are about, in the order in which they run."""

    PROFILE = "profile"
    HAPPY = "happy paths"
    MEMBERS = "members"
    KEYS = "idempotency"
    REFUSALS = "refusals"
    REVERSALS = "reversals"
    INQUIRIES = "inquiries"
    FAULTS = "faults"
    SECRECY = "secrecy"
    ANSWERS = "odd answers"
    FILES = "files"
    HOSTED = "hosted"
    MANY = "many at once"
    NOTICES = "notifications"


@dataclass(frozen=True, slots=True)
class Check(Generic[On]):
    """One promise, and how it is tried. run: raises ContractBroken or NotApplicable, and returns when it is kept."""

    id: str
    group: Group
    promise: str
    run: Callable[[On], None]


class Verdict(StrEnum):
    """How a check ended."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_APPLICABLE = "not applicable"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found. sentence: what was seen, must be and is to be done, or why the check does not apply."""

    check: str
    group: Group
    promise: str
    verdict: Verdict
    sentence: str = ""
    milliseconds: int = 0


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that was found about one brand. kind: rest, declarative, files or hosted."""

    brand: str
    name: str
    kind: str
    at: datetime
    findings: tuple[Finding, ...]

    @property
    def passed(self) -> bool:
        """Whether nothing failed, and something was tried."""
        return self.count(Verdict.FAILED) == 0 and self.count(Verdict.PASSED) > 0

    def count(self, verdict: Verdict) -> int:
        """How many checks ended so."""
        return sum(finding.verdict is verdict for finding in self.findings)

    @property
    def failures(self) -> tuple[Finding, ...]:
        """The findings of checks that failed, in order."""
        return tuple(finding for finding in self.findings if finding.verdict is Verdict.FAILED)


def check(id_: str, group: Group, promise: str) -> Callable[[Callable[[On], None]], Check[On]]:
    """A function made a check."""

    def made(run: Callable[[On], None]) -> Check[On]:
        return Check(id_, group, promise, run)

    return made


def found(one: Check[On], on: On) -> Finding:
    """What a check finds."""
    begun = time.monotonic_ns()
    verdict, sentence = Verdict.PASSED, ""
    try:
        one.run(on)
    except ContractBroken as broken:
        verdict, sentence = Verdict.FAILED, str(broken)
    except NotApplicable as why:
        verdict, sentence = Verdict.NOT_APPLICABLE, str(why)
    milliseconds = (time.monotonic_ns() - begun) // 1_000_000
    return Finding(one.id, one.group, one.promise, verdict, sentence, milliseconds)


def is_chosen(one: str, only: Collection[str]) -> bool:
    """Whether a check's id is among these ids, or begins with one of these first parts (`fault`); any for none."""
    return not only or any(one == wanted or one.startswith(f"{wanted}.") for wanted in only)
