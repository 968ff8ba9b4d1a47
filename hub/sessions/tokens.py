"""Access tokens of partners in the database, sealed, renewed by one thread of one process at a time.

Knows one table, the vault and shared locks. Does not know how a token is got.
"""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager

from hub.access.vault import MasterKeyInvalid, Vault
from hub.storage import Database
from hub.storage.locks import SharedLocks
from partners.base import RenewalLock, Token

_log = logging.getLogger("hub.sessions")

# Seconds to wait for a renewal somewhere else: longer than one can take (connection 3, reply at most 50). After that
# the other one hangs, and a second renewal does no harm.
_PATIENCE_SECONDS = 60


class DatabaseTokenStore:
    """The port `TokenStore` over the database. Put `partners.memory.CachedTokenStore` before it: each `get` reads."""

    def __init__(self, database: Database, vault: Vault, locks: SharedLocks) -> None:
        self._database = database
        self._vault = vault
        self._locks = locks

    def __repr__(self) -> str:
        return "DatabaseTokenStore()"

    def get(self, partner: str, scope: str) -> Token | None:
        """The current token, expired or not; None too when it was sealed with another master key."""
        with self._database.aside() as work:
            rows = work.fetch(
                "SELECT sealed, renew_at, expires_at FROM partner_token WHERE partner = %s AND scope = %s",
                (partner, scope),
            )
        if not rows:
            return None
        sealed, renew_at, expires_at = rows[0]
        try:
            opened = json.loads(self._vault.open(sealed, label=_label(partner, scope)))
        except MasterKeyInvalid:
            _log.warning("a token was sealed with another master key", extra={"partner": partner})
            return None
        return Token(opened["value"], renew_at, expires_at, opened["holder"])

    def put(self, partner: str, scope: str, token: Token) -> None:
        """Replace it for everybody."""
        content = json.dumps({"value": token.value, "holder": token.holder}).encode()
        sealed = self._vault.seal(content, label=_label(partner, scope))
        with self._database.work() as work:
            work.run(
                "INSERT INTO partner_token (partner, scope, sealed, renew_at, expires_at) VALUES (%s, %s, %s, %s, %s) "
                "ON CONFLICT (partner, scope) DO UPDATE SET sealed = excluded.sealed, renew_at = excluded.renew_at, "
                "expires_at = excluded.expires_at",
                (partner, scope, sealed, token.renew_at, token.expires_at),
            )

    def renewing(self, partner: str, scope: str) -> RenewalLock:
        """A lock that one thread of one process holds while it renews."""
        return self._renewing(_label(partner, scope))

    @contextmanager
    def _renewing(self, name: str) -> Iterator[object]:
        with self._locks.held(name, patience_seconds=_PATIENCE_SECONDS) as mine:
            if not mine:
                _log.warning("a renewal takes too long elsewhere", extra={"lock": name})
            yield mine


def _label(partner: str, scope: str) -> str:
    return f"partner_token {partner} {scope}"
