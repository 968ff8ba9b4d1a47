"""Hosted programmes for doors: enrol, move points, let them lapse, answer for them; batch first.

Nothing here commits: a door does, through the batcher. Locks: period, memberships, ledger balances.
"""

import builtins
import secrets
from collections.abc import Sequence
from datetime import datetime

from hub.hosted import lapsing, memberships, points, reading
from hub.hosted.lapsing import Lapsed
from hub.hosted.states import MembershipState
from hub.hosted.types import (
    Enrolment,
    HistoryLine,
    Membership,
    PointsPosted,
    PointsRequest,
    ProgrammePort,
    Statement,
)
from hub.kernel.errors import HubError
from hub.storage import Work


class Hosted:
    """The programmes of a port. draw: a whole number below the one it is given, by chance. Safe between threads."""

    def __init__(self, programmes: ProgrammePort, *, draw: memberships.Draw = secrets.randbelow) -> None:
        self.programmes = programmes
        self._draw = draw

    def enrol(self, work: Work, requests: Sequence[Enrolment], *, now: datetime) -> list[Membership | HubError]:
        """New memberships; one or a refusal each, in order."""
        return memberships.enrol(work, self.programmes, requests, draw=self._draw, now=now)

    def post(
        self, work: Work, requests: Sequence[PointsRequest], *, now: datetime
    ) -> builtins.list[PointsPosted | HubError]:
        """Move points for a programme's own client; what was posted or a refusal each, in order."""
        return points.post_points(work, self.programmes, requests, now=now)

    def move(
        self, work: Work, unit: str, id: str, to: MembershipState, *, actor: str, reason: str = "", now: datetime
    ) -> Membership:
        """Block a membership, let it be active again, or close it. Raises: MembershipMissing, MembershipNotEmpty,
        MembershipTaken.
        """
        return memberships.move(work, unit, id, to, actor=actor, reason=reason, now=now)

    def find(self, work: Work, unit: str, id: str) -> Membership:
        """The membership with this id or number. Raises: MembershipMissing."""
        return memberships.find(work, unit, id)

    def list(
        self,
        work: Work,
        unit: str,
        *,
        state: MembershipState | None,
        after: tuple[datetime, str] | None,
        limit: int,
    ) -> builtins.list[Membership]:
        """Memberships of a programme, newest first; after: (enrolled_at, id) of the last seen."""
        return memberships.page(work, unit, state=state, after=after, limit=limit)

    def statement(self, work: Work, unit: str, id: str, *, now: datetime) -> Statement:
        """What is in a membership. Raises: MembershipMissing."""
        return reading.statement(work, memberships.find(work, unit, id), now=now)

    def history(self, work: Work, member: Membership, *, before: int | None, limit: int) -> builtins.list[HistoryLine]:
        """What happened at a membership, newest first; before: number of the last line seen."""
        return reading.history(work, member, before=before, limit=limit)

    def lapse_due(self, work: Work, *, now: datetime, limit: int) -> Lapsed:
        """One bounded batch of what is due to lapse."""
        return lapsing.lapse_due(work, self.programmes, now=now, limit=limit)

    def warn_due(self, work: Work, units: Sequence[str], *, now: datetime, limit: int) -> int:
        """One bounded batch of warnings; how many."""
        return lapsing.warn_due(work, self.programmes, units, now=now, limit=limit)
