"""Cursors of lists: opaque, signed, good for a day, and only for the list, filters and client they were made for.

Knows that a list is ordered by a unique key, of which a cursor holds the last one seen; so pages stay stable when rows
are inserted, and rows of one instant are neither skipped nor shown twice. Does not know the rows.
"""

import hashlib
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from itsdangerous import BadData, URLSafeSerializer

from hub.access.keys import secrets
from hub.access.vault import Vault
from hub.gateway.refusals import CursorExpired, CursorInvalid
from hub.gateway.replies import Reply, json_reply
from hub.kernel.clock import Clock, parse_rfc3339, rfc3339
from hub.storage import Database

_CURSOR_CHARS_MAX = 512

# Long enough to page through anything, short enough that nobody keeps one.
_CURSOR_SECONDS = 86_400

Row = TypeVar("Row")


class Cursors:
    """Makes and reads cursors with the hub's own secret, which is read once per process, on first use.

    holder: who is asking at this moment.
    """

    def __init__(self, database: Database, vault: Vault, clock: Clock, holder: Callable[[], str]) -> None:
        self._database = database
        self._vault = vault
        self._clock = clock
        self._holder = holder
        self._lock = threading.Lock()
        self._serializer: URLSafeSerializer | None = None

    def seal(self, position: Sequence[str], *, route: str, filters: Mapping[str, str]) -> str:
        """The cursor after the row with this key."""
        issued = int(self._clock.now().timestamp())
        return str(self._signer().dumps([issued, self._digest(route, filters), *position]))

    def open(self, text: str | None, *, route: str, filters: Mapping[str, str]) -> tuple[str, ...]:
        """The key to go on after; empty without a cursor. Raises: CursorInvalid, CursorExpired."""
        if text is None:
            return ()
        try:
            if len(text) > _CURSOR_CHARS_MAX:
                raise ValueError("longer than ours are")
            issued, digest, *position = self._signer().loads(text)
            if digest != self._digest(route, filters):
                raise ValueError("made with other filters or for another client")
        except (BadData, ValueError, TypeError) as fault:
            raise CursorInvalid("Take the cursor from next_cursor of the same list with the same filters.") from fault
        if issued + _CURSOR_SECONDS < self._clock.now().timestamp():
            raise CursorExpired("This cursor is more than a day old; start again from the first page.")
        return tuple(str(part) for part in position)

    def write(self, at: datetime, id: str, *, route: str, filters: Mapping[str, str]) -> str:
        """The cursor after the row with this time and id."""
        return self.seal((rfc3339(at), id), route=route, filters=filters)

    def read(self, text: str | None, *, route: str, filters: Mapping[str, str]) -> tuple[datetime, str] | None:
        """Where to go on, by time and id; None without a cursor. Raises: CursorInvalid, CursorExpired."""
        position = self.open(text, route=route, filters=filters)
        return (parse_rfc3339(position[0]), position[1]) if position else None

    def _digest(self, route: str, filters: Mapping[str, str]) -> str:
        text = "&".join(f"{name}={filters[name]}" for name in sorted(filters) if name not in ("cursor", "limit"))
        return hashlib.sha256(f"{self._holder()}\n{route}?{text}".encode()).hexdigest()[:16]

    def _signer(self) -> URLSafeSerializer:
        with self._lock:
            if self._serializer is None:
                with self._database.work() as work:
                    keys = secrets(work, self._vault, "cursor", now=self._clock.now())
                # itsdangerous signs with the last key it is given and verifies with all.
                self._serializer = URLSafeSerializer(
                    [key.hex() for key in reversed(keys)],
                    salt="cursor",
                    signer_kwargs={"digest_method": hashlib.sha256, "key_derivation": "hmac"},
                )
            return self._serializer


@dataclass(frozen=True, slots=True)
class Listing:
    """What was asked of a list. after: key of the last row seen, empty at its start. filters: as they were sent."""

    route: str
    limit: int
    after: tuple[str, ...]
    filters: Mapping[str, str]
    cursors: Cursors

    @property
    def last(self) -> str:
        """The last row seen of a list that is ordered by one text; empty at its start."""
        return self.after[0] if self.after else ""

    def get(self, name: str) -> str | None:
        """A filter that was given."""
        return self.filters.get(name)

    def page(
        self,
        rows: Sequence[Row],
        view: Callable[[Row], Mapping[str, object]],
        position: Callable[[Row], tuple[str, ...]],
    ) -> Reply:
        """The answer. rows: one more than `limit` where there are more. position: the key of the list's order."""
        more = len(rows) > self.limit
        last = position(rows[self.limit - 1]) if more else ()
        cursor = self.cursors.seal(last, route=self.route, filters=self.filters) if more else None
        return json_reply({"data": [view(row) for row in rows[: self.limit]], "next_cursor": cursor})
