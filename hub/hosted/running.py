"""Runs that let points lapse and warn before they do: part by part, each a transaction of its own.

A run that is stopped, killed or out of parts leaves whole parts behind, and the next one goes on from the rows. Knows
how large a part is. Does not know who starts a run or how often.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from hub.hosted.directory import ProgrammeDirectory
from hub.hosted.lapsing import Lapsed, count_due
from hub.hosted.service import Hosted
from hub.storage import Database

# Enough lots to make a part's fixed cost small, few enough that nobody waits long for one of their memberships.
LAPSE_LOTS = 2_000
WARN_MEMBERS = 20_000

# A scheduler's other tasks wait for a run, so it ends after some seconds' work and begins again soon.
_PARTS_AT_ONCE = 10

# (done so far, of how many); None while that is not known.
Progress = Callable[[int, int | None], None]


@dataclass(frozen=True, slots=True)
class LapseRun:
    """What a run came to. over: whether nothing is left that was due when it began."""

    memberships: int
    lots: int
    points: int
    over: bool


@dataclass(frozen=True, slots=True)
class WarnRun:
    """What a run came to. over: whether nobody is left who was to be warned."""

    warnings: int
    over: bool


class ProgrammeRuns:
    """Lets points of all programmes lapse, and warns of it. lapse_lots, warn_members: how much one part does."""

    def __init__(
        self,
        database: Database,
        hosted: Hosted,
        directory: ProgrammeDirectory,
        *,
        lapse_lots: int = LAPSE_LOTS,
        warn_members: int = WARN_MEMBERS,
    ) -> None:
        self._database = database
        self._hosted = hosted
        self._directory = directory
        self._lapse_lots = lapse_lots
        self._warn_members = warn_members

    def lapse(self, *, now: datetime, parts_max: int | None = None, progress: Progress | None = None) -> LapseRun:
        """Let lapse what is due at `now`, in at most so many parts; None for all of it."""
        total = self._due(now) if progress else None
        memberships = lots = points = parts = 0
        while parts_max is None or parts < parts_max:
            done = self._lapse_part(now)
            if not done.found:
                return LapseRun(memberships, lots, points, over=True)
            parts += 1
            memberships, lots, points = memberships + done.memberships, lots + done.lots, points + done.points
            if progress:
                progress(lots, total)
        return LapseRun(memberships, lots, points, over=False)

    def warn(self, *, now: datetime, parts_max: int | None = None, progress: Progress | None = None) -> WarnRun:
        """Warn whoever is to be warned at `now`, in at most so many parts; None for all of them."""
        units = [one.unit for one in self._directory.programmes()]
        warnings = parts = 0
        while parts_max is None or parts < parts_max:
            with self._database.work() as work:
                written = self._hosted.warn_due(work, units, now=now, limit=self._warn_members)
            if not written:
                return WarnRun(warnings, over=True)
            parts += 1
            warnings += written
            if progress:
                progress(warnings, None)
        return WarnRun(warnings, over=False)

    def lapse_some(self, now: datetime) -> None:
        """Let lapse as much of what is due as is done in some seconds; the rest is for the next time."""
        self.lapse(now=now, parts_max=_PARTS_AT_ONCE)

    def warn_some(self, now: datetime) -> None:
        """Warn as many as is done in some seconds; the rest is for the next time."""
        self.warn(now=now, parts_max=_PARTS_AT_ONCE)

    def _lapse_part(self, now: datetime) -> Lapsed:
        with self._database.work() as work:
            return self._hosted.lapse_due(work, now=now, limit=self._lapse_lots)

    def _due(self, now: datetime) -> int:
        with self._database.read() as work:
            return count_due(work, now=now)
