"""How long conversions of a route take, from history, and which open ones take too long.

Knows durations and open rows. Does not know what to do about a late one but to open a case.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from hub.storage import Work

# How many finished conversions of a route tell how long one takes.
HISTORY_ROWS = 1_000

# With fewer than this many the history says nothing, and a route counts as this slow: partners in real life take from
# seconds to days, and an alarm in the first hours of a new route would only teach people to ignore it.
HISTORY_ROWS_MIN = 20
_UNTRIED_P50 = timedelta(minutes=1)
_UNTRIED_P95 = timedelta(hours=1)

# An open conversion older than this many times the p95 of its route is an alarm.
LATE_TIMES_P95 = 4

# Faster than this nothing is late: a route that takes milliseconds would cry wolf at every pause.
_LATE_AFTER_MIN = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Pace:
    """How long conversions of a route take: half of them at most p50, 95 of 100 at most p95; by so many samples."""

    p50: timedelta
    p95: timedelta
    samples: int

    @property
    def late_after(self) -> timedelta:
        """An age at which an open conversion is an alarm."""
        return max(self.p95 * LATE_TIMES_P95, _LATE_AFTER_MIN)


@dataclass(frozen=True, slots=True)
class Outlook:
    """Who has to act next on a conversion, since when, and until when it should have ended; both None once it ended."""

    ball: str
    since: datetime
    pace: Pace
    expected_by: datetime | None
    late_at: datetime | None


@dataclass(frozen=True, slots=True)
class OpenConversion:
    """An open conversion, as far as its age matters."""

    id: str
    route: tuple[str, str]
    ball: str
    created_at: datetime


def paces(work: Work, routes: Collection[tuple[str, str]]) -> dict[tuple[str, str], Pace]:
    """The pace of each (source unit, target unit) over its newest finished conversions. One statement."""
    wanted = sorted(set(routes))
    rows = work.fetch(
        "SELECT route.source, route.target, history.p[1], history.p[2], history.samples "
        "FROM unnest(%s::text[], %s::text[]) AS route (source, target), LATERAL ("
        "SELECT percentile_disc(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY took) AS p, count(*) AS samples FROM ("
        "SELECT posted_at - created_at AS took FROM conversion WHERE source_unit = route.source "
        "AND target_unit = route.target AND state = 'posted' ORDER BY posted_at DESC LIMIT %s) AS newest) AS history",
        ([source for source, _ in wanted], [target for _, target in wanted], HISTORY_ROWS),
    )
    return {
        (source, target): Pace(p50, p95, samples)
        if samples >= HISTORY_ROWS_MIN
        else Pace(_UNTRIED_P50, _UNTRIED_P95, samples)
        for source, target, p50, p95, samples in rows
    }


def open_conversions(work: Work, *, limit: int) -> list[OpenConversion]:
    """Open conversions, the longest untouched first."""
    rows = work.fetch(
        "SELECT id, source_unit, target_unit, ball, created_at FROM conversion "
        "WHERE state IN ('review', 'held', 'debited', 'reversing') ORDER BY updated_at, id LIMIT %s",
        (limit,),
    )
    return [OpenConversion(id_, (source, target), ball, created) for id_, source, target, ball, created in rows]


def stuck_legs(work: Work, *, before: datetime, limit: int) -> list[str]:
    """Legs that open conversions, untouched since `before`, wait for."""
    rows = work.fetch(
        "SELECT CASE state WHEN 'held' THEN debit_leg WHEN 'debited' THEN credit_leg ELSE giveback_leg END "
        "FROM conversion WHERE state IN ('held', 'debited', 'reversing') AND updated_at < %s "
        "ORDER BY updated_at, id LIMIT %s",
        (before, limit),
    )
    return [leg for (leg,) in rows]


def count_by_state(work: Work) -> dict[str, int]:
    """How many conversions are open, by state; and how many are owed."""
    rows = work.fetch(
        "SELECT state, count(*) FROM conversion WHERE state IN ('review', 'held', 'debited', 'reversing') "
        "GROUP BY state ORDER BY state"
    )
    return dict(rows)


def late(conversions: Collection[OpenConversion], known: dict[tuple[str, str], Pace], now: datetime) -> list[str]:
    """Those that are older than their route's alarm, in the order given."""
    return [one.id for one in conversions if now - one.created_at > known[one.route].late_after]
