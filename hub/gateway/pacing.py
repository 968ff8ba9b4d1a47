"""How often a client may ask: one token bucket per client, shared by all processes of the hub.

The bucket is a row. A process takes a twentieth of the allowance out of it at a time and counts that down by itself, so
that the row is touched once in many requests; several processes together exceed the allowance by no more than what
each still holds. Knows buckets; does not know requests.
"""

import threading
from dataclasses import dataclass
from datetime import timedelta

from hub.gateway.refusals import RateLimited
from hub.kernel.clock import Clock
from hub.storage import Database

# Clients that a process remembers the pace of; beyond it the oldest half starts afresh.
_CLIENTS_MAX = 10_000

_WINDOW_SECONDS = 60
_SHARES = 20  # parts of an allowance that a process takes at once

# `level` is what was taken and has not flowed back yet, in thousandths of a request; it flows back evenly. What is
# asked for is given as far as it is there, and nothing unless at least `need` is.
_TAKE = """
    INSERT INTO client_pace AS kept (client, level, granted, at_ms) VALUES (%s, %s, %s, %s)
    ON CONFLICT (client) DO UPDATE SET (level, granted, at_ms) = (
        SELECT flowed.level + given.amount, given.amount, greatest(kept.at_ms, excluded.at_ms)
        FROM (SELECT least(greatest(excluded.at_ms - kept.at_ms, 0), %s)) AS since (ms),
            LATERAL (SELECT greatest(0, kept.level - since.ms * %s / 60)) AS flowed (level),
            LATERAL (SELECT %s - flowed.level) AS there (amount),
            LATERAL (SELECT CASE WHEN there.amount < %s THEN 0 ELSE least(%s, there.amount) END) AS given (amount)
    )
    RETURNING granted, level"""


@dataclass(frozen=True, slots=True)
class Pace:
    """How much of a client's allowance is left. reset_seconds: until it is full again."""

    left: int
    reset_seconds: int


@dataclass(slots=True)
class _Share:
    """What this process holds, and what it last saw in the row, in thousandths of a request and milliseconds."""

    held: int
    level: int
    at_ms: int
    refused_until_ms: int = 0


class Pacer:
    """Counts requests: `per_minute` in a burst, flowing back evenly. Safe between threads."""

    def __init__(self, database: Database, clock: Clock, per_minute: int) -> None:
        self.per_minute = per_minute
        self.policy = f'"default";q={per_minute};w={_WINDOW_SECONDS}'
        self._database = database
        self._clock = clock
        self._full = per_minute * 1_000
        self._lock = threading.Lock()
        self._shares: dict[str, _Share] = {}

    def take(self, client: str, *, cost: int = 1) -> Pace:
        """Count requests of this client. cost: items of a batch count one each. Raises: RateLimited."""
        now = int(self._clock.now().timestamp() * 1_000)
        wanted = min(cost * 1_000, self._full)
        with self._lock:
            share = self._shares.get(client)
            if share is not None and share.held >= wanted:
                share.held -= wanted
                return self._pace(share, now)
            if share is not None and share.refused_until_ms > now:
                raise self._refusal(share.refused_until_ms - now)
        granted, level = self._draw(client, wanted, now)
        with self._lock:
            share = self._shares.get(client) or self._remember(client)
            share.level, share.at_ms = level, now
            share.held += granted
            if not granted:
                wait = -(-(wanted - (self._full - level)) * 60 // self.per_minute)
                share.refused_until_ms = now + wait if cost == 1 else 0
                raise self._refusal(wait)
            share.held -= wanted
            return self._pace(share, now)

    def _draw(self, client: str, wanted: int, now: int) -> tuple[int, int]:
        """What the row gives: at least `wanted`, or nothing; and what is taken out of it now."""
        ask = max(wanted, self._full // _SHARES)
        row = (client, ask, ask, now, _WINDOW_SECONDS * 1_000, self.per_minute, self._full, wanted, ask)
        with self._database.work() as work:
            granted, level = work.fetch(_TAKE, row)[0]
        return granted, level

    def _remember(self, client: str) -> _Share:
        if len(self._shares) >= _CLIENTS_MAX:
            for old in list(self._shares)[: _CLIENTS_MAX // 2]:
                del self._shares[old]
        return self._shares.setdefault(client, _Share(0, 0, 0))

    def _pace(self, share: _Share, now: int) -> Pace:
        flowed = max(0, share.level - min(max(now - share.at_ms, 0), _WINDOW_SECONDS * 1_000) * self.per_minute // 60)
        taken = max(0, flowed - share.held)
        return Pace((self._full - taken) // 1_000, -(-taken * _WINDOW_SECONDS // self._full))

    def _refusal(self, wait_ms: int) -> RateLimited:
        wait = timedelta(milliseconds=wait_ms)
        seconds = max(1, -(-wait // timedelta(seconds=1)))
        return RateLimited(f"This client may send {self.per_minute} requests a minute.", retry_after_seconds=seconds)
