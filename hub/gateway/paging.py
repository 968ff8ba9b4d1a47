"""Cursors of lists: opaque, signed, and good only for the filters they were made with.

Knows the sort key (time, id), newest first, so pages stay stable under inserts. Does not know the rows.
"""

import hashlib
import threading
from collections.abc import Mapping
from datetime import datetime

from itsdangerous import BadData, URLSafeSerializer

from hub.access.keys import secrets
from hub.access.vault import Vault
from hub.gateway.refusals import CursorInvalid
from hub.kernel.clock import Clock, parse_rfc3339, rfc3339
from hub.storage import Database

_CURSOR_CHARS_MAX = 512


class Cursors:
    """Makes and reads cursors with the hub's own secret, which is read once per process, on first use."""

    def __init__(self, database: Database, vault: Vault, clock: Clock) -> None:
        self._database = database
        self._vault = vault
        self._clock = clock
        self._lock = threading.Lock()
        self._serializer: URLSafeSerializer | None = None

    def write(self, at: datetime, id: str, *, route: str, filters: Mapping[str, str]) -> str:
        """The cursor after the row with this time and id."""
        return str(self._signer().dumps([rfc3339(at), id, _digest(route, filters)]))

    def read(self, text: str | None, *, route: str, filters: Mapping[str, str]) -> tuple[datetime, str] | None:
        """Where to go on; None without a cursor. Raises: CursorInvalid."""
        if text is None:
            return None
        try:
            if len(text) > _CURSOR_CHARS_MAX:
                raise ValueError("longer than ours are")
            at, id, digest = self._signer().loads(text)
            if digest != _digest(route, filters):
                raise ValueError("made with other filters")
            return parse_rfc3339(at), str(id)
        except (BadData, ValueError, TypeError) as fault:
            raise CursorInvalid("Take the cursor from next_cursor of the same list with the same filters.") from fault

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


def _digest(route: str, filters: Mapping[str, str]) -> str:
    text = "&".join(f"{name}={filters[name]}" for name in sorted(filters) if name not in ("cursor", "limit"))
    return hashlib.sha256(f"{route}?{text}".encode()).hexdigest()[:16]
