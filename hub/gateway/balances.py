"""What memberships hold, asked at their partners all at once, within a time that no partner can stretch.

Knows adapters by their partner, and remembers what was last heard. A partner that answers late answers the next one who
asks; one that hangs has a few threads and never all of them. Nothing of this is stored: points are the partner's.
"""

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from hub.kernel.clock import Clock
from partners.base import MemberBalance, PartnerAdapter, Refused

_log = logging.getLogger(__name__)

# How long somebody who looks at a screen waits for the slowest partner.
_BUDGET_MS = 2_000
# How long an answer is as good as a new one, and how long it is better than none.
_FRESH = timedelta(seconds=30)
_KEPT = timedelta(hours=1)
_KEPT_MAX = 20_000
_THREADS = 16
# Calls to one partner at once: what a hanging one takes of the threads.
_THREADS_PER_PARTNER = 3

Place = tuple[str, str]


class Freshness(StrEnum):
    """How far a balance is to be believed."""

    FRESH = "fresh"  # the partner said so just now
    STALE = "stale"  # it said so a while ago and has not answered in time
    REFUSED = "refused"  # it says that it does not tell
    UNKNOWN = "unknown"  # it has not answered in time, and nothing is remembered


@dataclass(frozen=True, slots=True)
class Balance:
    """What a membership holds. amount: smallest units of the partner's unit; None if unknown. at: when it was said.

    reason: the word of the partner's refusal, else empty.
    """

    partner: str
    membership: str
    freshness: Freshness
    amount: int | None
    at: datetime | None
    reason: str = ""


class Balances:
    """Asks for the balances of memberships. Safe between threads; one for a process.

    adapter: how to call a partner. budget_ms: the longest that `gather` takes.
    """

    def __init__(self, adapter: Callable[[str], PartnerAdapter], clock: Clock, *, budget_ms: int = _BUDGET_MS) -> None:
        self._adapter = adapter
        self._clock = clock
        self._budget_ms = budget_ms
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="balances")
        self._lock = threading.Lock()
        self._known: OrderedDict[Place, tuple[MemberBalance, datetime]] = OrderedDict()
        self._asking: dict[Place, Future[None]] = {}

    def gather(self, memberships: Sequence[Place]) -> list[Balance]:
        """Of each (partner, membership) what is known within the time there is, in their order."""
        asking = [one for one in map(self._ask, dict.fromkeys(memberships)) if one is not None]
        wait(asking, timeout=self._budget_ms / 1_000)
        return [self._told(place) for place in memberships]

    def close(self) -> None:
        """Ask nothing more; what is under way is not waited for."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _ask(self, place: Place) -> Future[None] | None:
        """The question that is under way; None if the answer is known, or the partner has its share of threads."""
        with self._lock:
            if self._age(place) < _FRESH:
                return None
            if place in self._asking:
                return self._asking[place]
            if sum(partner == place[0] for partner, _ in self._asking) >= _THREADS_PER_PARTNER:
                return None
            asked: Future[None] = Future()
            self._asking[place] = asked
        try:
            self._pool.submit(self._answer, place, asked)
        except RuntimeError:  # the pool was closed
            self._forget(place, asked)
        return asked

    def _answer(self, place: Place, asked: "Future[None]") -> None:
        partner, membership = place
        try:
            told = self._adapter(partner).balance(membership)
            with self._lock:
                if told.amount is not None or isinstance(told.outcome, Refused):
                    self._known[place] = (told, self._clock.now())
                    self._known.move_to_end(place)
                while len(self._known) > _KEPT_MAX:
                    self._known.popitem(last=False)
        except Exception:  # a door of its own: nobody above would hear of it
            _log.exception("balance", extra={"partner": partner})
        finally:
            self._forget(place, asked)

    def _forget(self, place: Place, asked: "Future[None]") -> None:
        with self._lock:
            self._asking.pop(place, None)
        asked.set_result(None)

    def _age(self, place: Place) -> timedelta:
        """How long ago a place was told; as long as is kept if it never was."""
        known = self._known.get(place)
        return _KEPT if known is None else self._clock.now() - known[1]

    def _told(self, place: Place) -> Balance:
        with self._lock:
            known, age = self._known.get(place), self._age(place)
        if known is None or age >= _KEPT:
            return Balance(*place, Freshness.UNKNOWN, None, None)
        told, at = known
        if isinstance(told.outcome, Refused):
            return Balance(*place, Freshness.REFUSED, None, at, told.outcome.reason.value)
        return Balance(*place, Freshness.FRESH if age < _FRESH else Freshness.STALE, told.amount, at)
