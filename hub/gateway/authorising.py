"""Who is calling, whether they may, and whether they call too often.

Knows bearer tokens, scopes and one token bucket per client in this process. Does not know what is asked for.
"""

import threading
import time
from dataclasses import dataclass

from hub.access.guard import Guard
from hub.access.types import Principal
from hub.gateway.refusals import RateLimited, ScopeMissing, TokenMissing

# Clients that a process remembers the pace of; beyond it the oldest half starts afresh.
_CLIENTS_MAX = 10_000

_WINDOW_SECONDS = 60


def authorised(guard: Guard, header: str, scope: str) -> Principal:
    """Who is calling, if the token of this Authorization header allows `scope`.

    Raises: TokenMissing, TokenInvalid, ScopeMissing.
    """
    kind, _, token = header.partition(" ")
    if kind.lower() != "bearer" or not token:
        raise TokenMissing("Send an access token as Authorization: Bearer; get one at /oauth/token.")
    principal = guard.check(token.strip())
    if scope not in principal.scopes:
        raise ScopeMissing(f"This token lacks the scope {scope}.", scope=scope)
    return principal


@dataclass(frozen=True, slots=True)
class Pace:
    """How much of a client's allowance is left. reset_seconds: until it is full again."""

    left: int
    reset_seconds: int


class RateLimiter:
    """One token bucket per client and process: `per_minute` requests in a burst, refilled evenly.

    Safe between threads. Each process counts for itself, so several together allow that many times more.
    """

    def __init__(self, per_minute: int) -> None:
        self.per_minute = per_minute
        self.policy = f'"default";q={per_minute};w={_WINDOW_SECONDS}'
        self._lock = threading.Lock()
        # Thousandths of a request and monotonic milliseconds: whole numbers, exact however long the hub runs.
        self._buckets: dict[str, tuple[int, int]] = {}

    def take(self, client: str, *, cost: int = 1) -> Pace:
        """Count requests of this client. cost: items of a batch count one each. Raises: RateLimited."""
        full = self.per_minute * 1_000
        now = time.monotonic_ns() // 1_000_000
        with self._lock:
            left, since = self._buckets.get(client, (full, now))
            left = min(full, left + (now - since) * self.per_minute // _WINDOW_SECONDS)
            wanted = min(cost * 1_000, full)
            if left < wanted:
                self._buckets[client] = (left, now)
                seconds = -(-(wanted - left) * _WINDOW_SECONDS // (self.per_minute * 1_000))
                raise RateLimited(
                    f"This client may send {self.per_minute} requests a minute.", retry_after_seconds=max(1, seconds)
                )
            if len(self._buckets) >= _CLIENTS_MAX and client not in self._buckets:
                for old in list(self._buckets)[: _CLIENTS_MAX // 2]:
                    del self._buckets[old]
            left -= wanted
            self._buckets[client] = (left, now)
        return Pace(left // 1_000, (full - left) * _WINDOW_SECONDS // full)
