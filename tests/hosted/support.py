"""Hosted programmes for tests: their rules without a file, members, and what an activity would ask."""

import hashlib
import itertools
import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from hub import ledger
from hub.hosted import verification
from hub.hosted.errors import ProgrammeMissing
from hub.hosted.service import Hosted
from hub.hosted.types import (
    Enrolment,
    HostedProgramme,
    Membership,
    PointsKind,
    PointsPosted,
    PointsRequest,
    Statement,
)
from hub.kernel.clock import ManualClock
from hub.kernel.errors import HubError
from hub.storage import Database
from partners.hosted.programme import Activity, EndOf, ExpiryKind, ExpiryRule, Programme, read_programme

BLUEBEAN = read_programme(Path(__file__).parents[2] / "partners" / "bluebean")
UNIT = "bluebean.bean"
JAKARTA = ZoneInfo("Asia/Jakarta")

FIXED = ExpiryRule(ExpiryKind.FIXED, 12, EndOf.MONTH, frozenset(), (60, 30, 7))
BY_ACTIVITY = ExpiryRule(ExpiryKind.ACTIVITY, 18, EndOf.DAY, frozenset({Activity.EARN, Activity.SPEND}), (30,))
NEVER = ExpiryRule(ExpiryKind.NONE, 0, EndOf.DAY, frozenset(), ())


def rules(expiry: ExpiryRule = FIXED, **changes: object) -> Programme:
    """Bluebean's rules, but for these."""
    return replace(BLUEBEAN, expiry=expiry, **changes)  # type: ignore[arg-type]


class Programmes:
    """A port with these programmes."""

    def __init__(self, *programmes: HostedProgramme) -> None:
        self.known = {one.unit: one for one in programmes}

    def programme(self, unit: str) -> HostedProgramme:
        if unit not in self.known:
            raise ProgrammeMissing("There is no hosted programme with this unit.", unit=unit)
        return self.known[unit]


def programme(of: Programme, *, unit: str = UNIT, zone: ZoneInfo = JAKARTA) -> HostedProgramme:
    """A programme of a test partner with these rules."""
    return HostedProgramme(unit.split(".")[0], unit, False, zone, of)


class Cafe:
    """One hosted programme on a real database, and a client that moves points there."""

    def __init__(self, database: Database, clock: ManualClock, of: Programme | None = None) -> None:
        self.database = database
        self.clock = clock
        self.hosted = Hosted(Programmes(programme(of or BLUEBEAN)), draw=random.Random(1).randrange)
        self._numbers = itertools.count(1)

    def enrol(self, *requests: Enrolment) -> list[Membership | HubError]:
        """Enrol these in one transaction."""
        with self.database.work() as work:
            return self.hosted.enrol(work, requests, now=self.clock.now())

    def member(self, *earned: int) -> Membership:
        """A new member who earns these amounts now, each a lot."""
        [found] = self.enrol(Enrolment(UNIT))
        assert isinstance(found, Membership), found
        for amount in earned:
            self.do("earn", found, amount)
        return found

    def request(
        self,
        kind: str,
        member: Membership | str,
        amount: int | None,
        *,
        key: str = "",
        to: Membership | None = None,
        of: str = "",
        earned_at: datetime | None = None,
    ) -> PointsRequest:
        """What the client asks; under a key of its own unless one is given."""
        named = member.id if isinstance(member, Membership) else member
        text = key or f"request {next(self._numbers)}"
        return PointsRequest(
            key=hashlib.sha256(text.encode()).hexdigest(),
            unit=UNIT,
            kind=PointsKind(kind),
            membership=named,
            amount=amount,
            to=to.id if to else "",
            of=of,
            earned_at=earned_at,
        )

    def ask(self, *requests: PointsRequest) -> list[PointsPosted | HubError]:
        """Decide these in one transaction."""
        with self.database.work() as work:
            return self.hosted.post(work, requests, now=self.clock.now())

    def do(self, kind: str, member: Membership, amount: int | None, **more: object) -> PointsPosted:
        """Ask for one thing that must be granted."""
        [answer] = self.ask(self.request(kind, member, amount, **more))  # type: ignore[arg-type]
        assert isinstance(answer, PointsPosted), answer
        return answer

    def refused(self, kind: str, member: Membership, amount: int | None, **more: object) -> str:
        """Ask for one thing that must be refused; the code."""
        [answer] = self.ask(self.request(kind, member, amount, **more))  # type: ignore[arg-type]
        assert isinstance(answer, HubError), answer
        return answer.code

    def lapse(self, limit: int = 1_000) -> int:
        """Let everything lapse that is due; how many points that were."""
        points = 0
        while True:
            with self.database.work() as work:
                done = self.hosted.lapse_due(work, now=self.clock.now(), limit=limit)
            if not done.found:
                return points
            points += done.points

    def statement(self, member: Membership) -> Statement:
        """What is in a membership."""
        with self.database.read() as work:
            return self.hosted.statement(work, UNIT, member.id, now=self.clock.now())

    def lots(self, member: Membership) -> list[tuple[str, int]]:
        """(last good day or `never`, remaining) of each lot, the first to lapse first."""
        return [(day_of(lot.expires_at), lot.remaining) for lot in self.statement(member).lots]

    def differences(self) -> Sequence[object]:
        """Everything in which ledger and lots are not whole."""
        with self.database.read() as work:
            return [*ledger.verify(work), *verification.verify(work)]


def day_of(ends: datetime | None) -> str:
    """The last good day in Jakarta, before the midnight at which it ends."""
    if ends is None:
        return "never"
    from hub.hosted.expiry import last_day

    return last_day(ends, JAKARTA).isoformat()
