"""Carries credits of one partner out together: one message, one call where the partner takes many, one answer for each.

Knows that a leg without proof goes on by itself afterwards. Does not know whose legs they are.
"""

from collections.abc import Sequence

from hub import ledger, outbox
from hub.kernel.clock import Clock
from hub.legs.service import Legs, announce_due
from hub.legs.states import LegState
from hub.legs.types import Answer, LegResult, Pause, Step
from hub.outbox import Delivery
from hub.storage import Database
from hub.worker.owners import Settle


class LotHandler:
    """Begins all legs of a lot, performs them together, and takes the answers home."""

    def __init__(self, database: Database, legs: Legs, settle: Settle, clock: Clock) -> None:
        self._database, self._legs, self._settle, self._clock = database, legs, settle, clock

    def __call__(self, delivery: Delivery) -> None:
        """Carry the lot out once; what has no proof then is announced leg by leg."""
        steps = self._begin(delivery)
        if steps:
            self._finish(delivery, self._legs.perform_many(steps))

    def _begin(self, delivery: Delivery) -> list[Step]:
        """Commit attempts for legs that need one. A lot that another worker died with goes on leg by leg."""
        ids = str(delivery.body["legs"]).split(" ")
        now = self._clock.now()
        with self._database.work() as work:
            if not outbox.claim_for_effect(work, [delivery.id]):
                return []
            ledger.enter(work)
            begun = self._legs.begin(work, ids, now=now)
            steps = [one for one in begun if isinstance(one, Step)]
            self._settle(work, [one for one in begun if isinstance(one, LegResult)], now)
            waits = [(one.leg, delivery.lane, one.until) for one in begun if isinstance(one, Pause)]
            announce_due(work, waits, now=now)
            if not steps:
                outbox.done(work, [delivery.id], now=now)
        return steps

    def _finish(self, delivery: Delivery, answers: Sequence[Answer]) -> None:
        now = self._clock.now()
        with self._database.work() as work:
            ledger.enter(work)
            outbox.claim_for_effect(work, [delivery.id])
            results = self._legs.finish(work, answers, now=now)
            self._settle(work, results, now)
            waits = [
                (one.leg, one.partner, one.retry_at)
                for one in results
                if one.state is LegState.OPEN and one.current and one.retry_at is not None
            ]
            announce_due(work, waits, now=now)
            outbox.done(work, [delivery.id], now=now)
