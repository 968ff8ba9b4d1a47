"""The circuit breaker of each partner, shared by all workers through the database.

Knows failures in a row, rest and the single probe. A process remembers what it last read for a second, so that a call
to a partner in good health costs no statement. Does not know calls.
"""

import threading
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from hub.kernel.clock import Clock
from hub.storage import Database

# How old a process's view of all breakers may be; what one process opens stops the others within twice that.
_VIEW_LIFE = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Trouble:
    """A partner with failures. resting_until and probe_until: None while calls go out, or while nobody probes."""

    failures: int
    opened_at: datetime | None = None
    resting_until: datetime | None = None
    probe_until: datetime | None = None


class DatabaseBreaker:
    """The port `Breaker` over the database.

    failures_max: failures in a row that open it. rest: how long nobody calls then. probe: how long the one call that
    tries again may take before another one may.
    """

    def __init__(
        self, database: Database, clock: Clock, *, failures_max: int, rest: timedelta, probe: timedelta
    ) -> None:
        self._database = database
        self._clock = clock
        self._failures_max = failures_max
        self._rest = rest
        self._probe = probe
        self._reading = threading.Lock()
        self._view: dict[str, Trouble] = {}
        self._read_at: datetime | None = None

    def closed(self, partner: str) -> bool:
        """True when calls may go out; while it is open, for one probe among all processes."""
        now = self._clock.now()
        self._refresh(now)
        trouble = self._view.get(partner)
        if trouble is None or trouble.opened_at is None:
            return True
        if any(until is not None and now < until for until in (trouble.resting_until, trouble.probe_until)):
            return False
        return self._won_probe(partner, trouble, now)

    def record(self, partner: str, *, healthy: bool) -> None:
        """Tell how a call went. A sensible answer closes it, a failure counts, and opens it when there are enough."""
        if healthy and partner not in self._view:
            return
        now = self._clock.now()
        if healthy:
            with self._database.work() as work:
                work.run("DELETE FROM partner_breaker WHERE partner = %s", (partner,))
            self._view.pop(partner, None)
            return
        with self._database.work() as work:
            rows = work.fetch(
                "INSERT INTO partner_breaker AS b (partner, failures, opened_at, resting_until) "
                "SELECT %s, 1, CASE WHEN 1 >= %s THEN %s::timestamptz END, CASE WHEN 1 >= %s THEN %s::timestamptz END "
                "ON CONFLICT (partner) DO UPDATE SET failures = b.failures + 1, "
                "opened_at = CASE WHEN b.failures + 1 >= %s THEN coalesce(b.opened_at, %s) END, "
                "resting_until = CASE WHEN b.failures + 1 >= %s THEN %s::timestamptz END, probe_until = NULL "
                "RETURNING failures, opened_at, resting_until, probe_until",
                (partner, *(self._failures_max, now, self._failures_max, now + self._rest) * 2),
            )
        self._view[partner] = Trouble(*rows[0])

    def _refresh(self, now: datetime) -> None:
        """Read all breakers again if the view is old. One thread reads; the others go on with what they have."""
        if self._read_at is not None and timedelta(0) <= now - self._read_at < _VIEW_LIFE:
            return
        if not self._reading.acquire(blocking=self._read_at is None):
            return
        try:
            if self._read_at is not None and timedelta(0) <= now - self._read_at < _VIEW_LIFE:
                return
            with self._database.aside() as work:
                rows = work.fetch(
                    "SELECT partner, failures, opened_at, resting_until, probe_until FROM partner_breaker"
                )
            self._view = {row[0]: Trouble(*row[1:]) for row in rows}
            self._read_at = now
        finally:
            self._reading.release()

    def _won_probe(self, partner: str, trouble: Trouble, now: datetime) -> bool:
        """Whether this call is the one that may try again. The loser looks at the database again before the next."""
        with self._database.work() as work:
            won = work.run(
                "UPDATE partner_breaker SET probe_until = %s WHERE partner = %s AND resting_until <= %s "
                "AND (probe_until IS NULL OR probe_until <= %s)",
                (now + self._probe, partner, now, now),
            )
        if won:
            self._view[partner] = replace(trouble, probe_until=now + self._probe)
        else:
            self._read_at = now - _VIEW_LIFE
        return won == 1
