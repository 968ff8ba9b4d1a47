"""How an endpoint stands while it is delivered to: how much of it may be under way, how it has been answering, and when
it may be sent to again.

So one dead or slow endpoint never delays another: it may have one delivery under way, it rests between two, and all
such endpoints together take a bounded share of the threads. Knows the bounds. Does not choose deliveries.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from hub import outbox
from hub.outbox import Message
from hub.outbox.events import QUEUE
from hub.storage import Question, Work
from hub.webhooks.backoff import rest
from hub.webhooks.states import EndpointState

WEBHOOK_WAKE = "webhook.wake"

# Deliveries under way at once: to one endpoint that answers well, and to all endpoints at one host, whose owner may
# have many. Three eighths of the threads of a worker, as for partners.
OPENING_MAX = 24
HOST_MAX = 24

# Deliveries under way at once to all endpoints that fail or are slow: a quarter of a worker's threads, by default.
SICK_MAX = 16

# Of an endpoint that nobody knows yet, or that begins anew: the first fast answer opens it.
OPENING_FIRST = 1

# Answers within a second are what the specification asks of receivers; those of five hold a thread for long.
_FAST_MS = 1_000
_SLOW_MS = 5_000

# Failing for so long, without one success, disables an endpoint.
FAILING_MAX = timedelta(days=5)

# How soon to look again where nothing of this endpoint's own will give the sign.
AGAIN = timedelta(seconds=1)

# A wake that is so long overdue was lost.
_WAKE_LOST = timedelta(minutes=2)

# A rate is kept to a tenth of a second, so that an endpoint is woken at most ten times a second.
_RATE_WINDOW = timedelta(milliseconds=100)


@dataclass(slots=True)
class Standing:
    """An endpoint whose row this transaction holds. opening: deliveries that may be under way; failures: in a row."""

    id: str
    partner: str
    url: str
    host: str
    fifo: bool
    rate_per_second: int
    state: EndpointState
    opening: int
    failures: int
    failing_since: datetime | None
    rest_until: datetime | None
    slot_at: datetime | None
    wake_at: datetime | None

    @property
    def changing(self) -> tuple[object, ...]:
        """What deliveries change of it."""
        return (self.opening, self.failures, self.failing_since, self.rest_until, self.slot_at, self.wake_at)

    @property
    def is_sick(self) -> bool:
        """Whether it fails or is slow."""
        return self.failures > 0 or self.rest_until is not None

    def succeeded(self, latency_ms: int, now: datetime) -> None:
        """One more arrived: the opening grows while answers are fast; after a slow one it closes to one, and the
        endpoint rests for as long as it took.
        """
        self.failures, self.failing_since, self.rest_until = 0, None, None
        if latency_ms < _FAST_MS:
            self.opening = min(self.opening + 1, OPENING_MAX)
        elif latency_ms >= _SLOW_MS:
            self.opening = 1
            self.rest_until = now + timedelta(milliseconds=latency_ms)

    def failed(self, now: datetime, until: datetime | None) -> None:
        """One more failed: one at a time from now on, after a rest. until: what the receiver asked for, if it did."""
        self.failures += 1
        self.failing_since = self.failing_since or now
        self.opening = 1
        self.rest_until = max(one for one in (now + rest(self.failures), until, self.rest_until) if one is not None)

    def has_failed_too_long(self, now: datetime) -> bool:
        """Whether it is to be disabled."""
        return self.failing_since is not None and now - self.failing_since >= FAILING_MAX

    def take_slot(self, now: datetime) -> None:
        """One delivery of its rate is used."""
        if self.rate_per_second:
            each = timedelta(microseconds=1_000_000 // self.rate_per_second)
            self.slot_at = max(self.slot_at or now, now) + each

    def slots(self, now: datetime) -> int:
        """How many deliveries its rate allows at this instant."""
        if not self.rate_per_second:
            return OPENING_MAX
        if self.slot_at is not None and self.slot_at - now >= _RATE_WINDOW:
            return 0
        return max(1, self.rate_per_second // 10)


@dataclass(slots=True)
class Ground:
    """Endpoints held by this transaction, and what is under way at this instant, all endpoints counted.

    sick: under way to those that fail or are slow; sick_max: how many may be. kept: `changing` as it is written down.
    """

    now: datetime
    standings: dict[str, Standing]
    flying: dict[str, int] = field(default_factory=dict)
    of_host: dict[str, int] = field(default_factory=dict)
    sick: int = 0
    sick_max: int = SICK_MAX
    kept: dict[str, tuple[object, ...]] = field(default_factory=dict)

    def hindrance(self, one: Standing) -> datetime | None:
        """When to look again at an endpoint that may not be sent to right now; None when it may.

        The instant is past for one that is told by the end of what it has under way.
        """
        if one.rest_until is not None and one.rest_until > self.now:
            return one.rest_until
        if self.flying.get(one.id, 0) >= one.opening:
            return self.now
        if self.of_host.get(one.host, 0) >= HOST_MAX or (one.is_sick and self.sick >= self.sick_max):
            return self.now + AGAIN
        if one.slots(self.now) == 0:
            return one.slot_at
        return None

    def begin(self, one: Standing) -> None:
        """One more of this endpoint is under way."""
        self._count(one, 1)
        one.take_slot(self.now)

    def end(self, one: Standing) -> None:
        """One less is under way."""
        self._count(one, -1)

    def _count(self, one: Standing, by: int) -> None:
        self.flying[one.id] = self.flying.get(one.id, 0) + by
        self.of_host[one.host] = self.of_host.get(one.host, 0) + by
        self.sick += by if one.is_sick else 0


def hold(work: Work, ids: Collection[str], *, now: datetime, sick_max: int = SICK_MAX) -> Ground:
    """Lock these endpoints, those of them that exist, and count what is under way. Two statements.

    Counts of other endpoints are of this instant; transactions of other processes may add to them meanwhile.
    """
    return ground_of(work, ask_ground(work, ids, now=now), now=now, sick_max=sick_max)


def ask_ground(work: Work, ids: Collection[str], *, now: datetime) -> tuple[Question, Question]:
    """Ask for what `hold` holds; `ground_of` has the answer."""
    endpoints = work.ask(
        "SELECT id, partner, url, host, fifo, rate_per_second, state, opening, failures, failing_since, rest_until, "
        "slot_at, wake_at FROM webhook_endpoint WHERE id = ANY(%s::text[]) ORDER BY id FOR UPDATE",
        (sorted(ids),),
    )
    under_way = work.ask(
        "SELECT d.endpoint, e.host, e.failures > 0 OR e.rest_until IS NOT NULL, count(*) FROM webhook_delivery d "
        "JOIN webhook_endpoint e ON e.id = d.endpoint WHERE d.lease_until > %s GROUP BY 1, 2, 3",
        (now,),
    )
    return endpoints, under_way


def ground_of(work: Work, asked: tuple[Question, Question], *, now: datetime, sick_max: int = SICK_MAX) -> Ground:
    """The endpoints that were asked for, and what is under way."""
    ground = Ground(now, {row[0]: _standing(row) for row in work.answer(asked[0])}, sick_max=sick_max)
    ground.kept = {id: one.changing for id, one in ground.standings.items()}
    for endpoint, host, sick, count in work.answer(asked[1]):
        ground.flying[endpoint] = count
        ground.of_host[host] = ground.of_host.get(host, 0) + count
        ground.sick += count if sick else 0
    return ground


def _standing(row: tuple[Any, ...]) -> Standing:
    id, partner, url, host, fifo, rate, state, opening, failures, since, rest_until, slot_at, wake_at = row
    return Standing(
        id,
        partner,
        url,
        host,
        fifo,
        rate,
        EndpointState(state),
        opening,
        failures,
        since,
        rest_until,
        slot_at,
        wake_at,
    )


def keep(work: Work, ground: Ground) -> None:
    """Write down how those endpoints stand that stand otherwise than they did. One statement at most."""
    held = [one for one in ground.standings.values() if one.changing != ground.kept[one.id]]
    if not held:
        return
    ground.kept |= {one.id: one.changing for one in held}
    work.run_later(
        "UPDATE webhook_endpoint e SET opening = n.opening, failures = n.failures, failing_since = n.failing_since, "
        "rest_until = n.rest_until, slot_at = n.slot_at, wake_at = n.wake_at "
        "FROM unnest(%s::text[], %s::integer[], %s::integer[], %s::timestamptz[], %s::timestamptz[], "
        "%s::timestamptz[], %s::timestamptz[]) "
        "AS n (id, opening, failures, failing_since, rest_until, slot_at, wake_at) WHERE e.id = n.id",
        (
            [one.id for one in held],
            [one.opening for one in held],
            [one.failures for one in held],
            [one.failing_since for one in held],
            [one.rest_until for one in held],
            [one.slot_at for one in held],
            [one.wake_at for one in held],
        ),
    )


def wake(work: Work, one: Standing, at: datetime, *, now: datetime) -> None:
    """Have somebody look after what is parked for this endpoint at that instant, unless somebody will earlier."""
    if one.wake_at is not None and now - _WAKE_LOST < one.wake_at <= at:
        return
    one.wake_at = at
    outbox.announce(work, [Message(QUEUE, WEBHOOK_WAKE, one.id, one.id, available_at=at)], now=now)
