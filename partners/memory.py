"""Ports kept in one process: for tests, for checking a partner alone, and for caches before a shared store.

Knows threads. Does not know other processes: what they must share lies in the hub's database.
"""

import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import TracebackType

from partners.base import PartnerClock, RenewalLock, Token, TokenStore


class MemoryTokenStore:
    """Access tokens of one process, renewed by one thread at a time for each partner and scope."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tokens: dict[tuple[str, str], Token] = {}
        self._renewals: dict[tuple[str, str], threading.Lock] = {}

    def __repr__(self) -> str:
        return f"MemoryTokenStore({len(self._tokens)} tokens)"

    def get(self, partner: str, scope: str) -> Token | None:
        """The current token, expired or not."""
        with self._lock:
            return self._tokens.get((partner, scope))

    def put(self, partner: str, scope: str, token: Token) -> None:
        """Replace it for every thread."""
        with self._lock:
            self._tokens[partner, scope] = token

    def forget(self, partner: str, scope: str) -> None:
        """Drop it, so that the next reader looks elsewhere."""
        with self._lock:
            self._tokens.pop((partner, scope), None)

    def renewing(self, partner: str, scope: str) -> RenewalLock:
        """A lock that one thread holds while it renews."""
        with self._lock:
            return self._renewals.setdefault((partner, scope), threading.Lock())


class CachedTokenStore:
    """A shared store with a memory of this process before it, so that a call does not cost a query.

    Inside `renewing` the memory is empty: there the shared store tells what other processes have renewed.
    """

    def __init__(self, shared: TokenStore) -> None:
        self._shared = shared
        self._near = MemoryTokenStore()

    def get(self, partner: str, scope: str) -> Token | None:
        """The token of memory, else the shared one."""
        token = self._near.get(partner, scope)
        if token is None:
            token = self._shared.get(partner, scope)
            if token is not None:
                self._near.put(partner, scope, token)
        return token

    def put(self, partner: str, scope: str, token: Token) -> None:
        """Replace it for everybody."""
        self._shared.put(partner, scope, token)
        self._near.put(partner, scope, token)

    def renewing(self, partner: str, scope: str) -> RenewalLock:
        """This process's turn first, so that only one of its threads waits for the shared one."""
        return _Renewal(self._near, self._shared, partner, scope)


class _Renewal:
    def __init__(self, near: MemoryTokenStore, shared: TokenStore, partner: str, scope: str) -> None:
        self._near, self._name = near, (partner, scope)
        self._first = near.renewing(partner, scope)
        self._second = shared.renewing(partner, scope)

    def __enter__(self) -> object:
        self._first.__enter__()
        try:
            self._second.__enter__()
        except BaseException:
            self._first.__exit__(None, None, None)
            raise
        self._near.forget(*self._name)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._second.__exit__(kind, fault, trace)
        finally:
            self._first.__exit__(kind, fault, trace)


@dataclass(slots=True)
class _Health:
    failures: int = 0
    open_until: datetime | None = None


class MemoryBreaker:
    """Opens after `failures_max` calls in a row without a sensible answer; lets one probe through after `rest`."""

    def __init__(self, clock: PartnerClock, *, failures_max: int, rest: timedelta) -> None:
        self._clock = clock
        self._failures_max = failures_max
        self._rest = rest
        self._lock = threading.Lock()
        self._partners: dict[str, _Health] = {}

    def closed(self, partner: str) -> bool:
        """True when calls may go out; while it is open, once per `rest` for a probe."""
        with self._lock:
            health = self._partners.get(partner)
            if health is None or health.open_until is None:
                return True
            now = self._clock.now()
            if now < health.open_until:
                return False
            health.open_until = now + self._rest
            return True

    def record(self, partner: str, *, healthy: bool) -> None:
        """Tell how a call went; one sensible answer closes it."""
        with self._lock:
            if healthy:
                self._partners.pop(partner, None)
                return
            health = self._partners.setdefault(partner, _Health())
            health.failures += 1
            if health.failures >= self._failures_max:
                health.open_until = self._clock.now() + self._rest
