"""Posts the notices of simulated partners, signed by RFC 9421, at their time and again when they are not taken.

Knows addresses, keys and waits. Does not know what a notice says, nor what is to go wrong with it.
"""

import heapq
import itertools
import secrets
import threading
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

import requests

from hub.kernel.clock import Clock
from partners.signatures import SignedRequest, SigningKey
from partners.transport import Transport

# Posts of one notice, the wait before the second and the factor between waits, and seconds for one post.
_POSTS_MAX = 4
_WAIT_SECONDS = 0.3
_WAIT_FACTOR = 3
_TIMEOUT_SECONDS = 5
# Posts that are remembered for those who watch.
_REMEMBERED = 1_000


@dataclass(frozen=True, slots=True)
class Notice:
    """A body on its way. copies: how often the very same request is posted one after the other."""

    partner: str
    url: str
    body: bytes
    key: SigningKey = field(repr=False)
    copies: int = 1


@dataclass(frozen=True, slots=True)
class Posted:
    """A post that was made. status: of the answer; 0 for none."""

    partner: str
    url: str
    status: int


class Courier:
    """One thread for the notices of all partners; starts with the first. Safe between threads."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._transport = Transport()
        self._changed = threading.Condition()
        self._order = itertools.count()
        self._waiting: list[tuple[float, int, Notice, int]] = []
        self._posted: deque[Posted] = deque(maxlen=_REMEMBERED)
        self._thread: threading.Thread | None = None
        self._stopped = False

    def send(self, notice: Notice, *, after_ms: int) -> None:
        """Post it in so many milliseconds."""
        with self._changed:
            if self._stopped:
                return
            self._put(notice, 0, after_ms / 1_000)
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="courier", daemon=True)
                self._thread.start()

    def send_now(self, notice: Notice) -> None:
        """Post it before this returns; again later if it is not taken."""
        if not self._post(notice):
            self.send(notice, after_ms=int(_WAIT_SECONDS * 1_000))

    def posted(self, partner: str) -> list[Posted]:
        """The newest posts of a partner, oldest first."""
        with self._changed:
            return [post for post in self._posted if post.partner == partner]

    def stop(self) -> None:
        """Post nothing more."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
            thread = self._thread
        if thread is not None:
            thread.join()
        self._transport.close()

    def _put(self, notice: Notice, posts: int, seconds: float) -> None:
        heapq.heappush(self._waiting, (time.monotonic() + seconds, next(self._order), notice, posts))
        self._changed.notify_all()

    def _work(self) -> None:
        while (found := self._next()) is not None:
            notice, posts = found
            if not self._post(notice) and posts + 1 < _POSTS_MAX:
                with self._changed:
                    self._put(notice, posts + 1, _WAIT_SECONDS * _WAIT_FACTOR**posts)

    def _next(self) -> tuple[Notice, int] | None:
        with self._changed:
            while not self._stopped:
                left = self._waiting[0][0] - time.monotonic() if self._waiting else None
                if left is not None and left <= 0:
                    _, _, notice, posts = heapq.heappop(self._waiting)
                    return notice, posts
                self._changed.wait(left)
            return None

    def _post(self, notice: Notice) -> bool:
        """Whether it was taken."""
        headers = {"content-type": "application/json"}
        signed = self._sign(notice, headers)
        status = 0
        for _ in range(notice.copies):
            try:
                answer = self._transport.exchange(
                    "POST", notice.url, notice.body, {**headers, **signed}, (_TIMEOUT_SECONDS, _TIMEOUT_SECONDS)
                )
            except requests.RequestException:
                status = 0
            else:
                status = answer.status_code
            with self._changed:
                self._posted.append(Posted(notice.partner, notice.url, status))
        return 200 <= status < 300 or notice.copies > 1

    def _sign(self, notice: Notice, headers: Mapping[str, str]) -> Mapping[str, str]:
        request = SignedRequest("POST", notice.url, headers, notice.body)
        return notice.key.sign(request, created=self._clock.now(), nonce=secrets.token_urlsafe(16))
