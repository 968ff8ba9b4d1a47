"""Checks tokens on every request without asking the database on every request.

Knows the keys, the checked tokens and the denied ids of one process, and how old that knowledge may be. Does not know
HTTP. Nothing here is needed by another process: each reads the same rows.
"""

import hashlib
import threading
from collections.abc import Sequence
from datetime import datetime, timedelta

from joserfc.jwk import KeySet

from hub.access.keys import signing_keys
from hub.access.service import denied
from hub.access.tokens import TokenInvalid, published_keys, sign_token, verification_keys, verify_token
from hub.access.types import Client, Grant, Principal, SigningKey
from hub.access.vault import Vault
from hub.kernel.clock import Clock
from hub.kernel.ids import new_id
from hub.storage import Database

# Denied ids are read again when they are this old; a revocation must be in effect everywhere within 5 s.
_DENIED_SECONDS = 2
_DENIED_SECONDS_MAX = 4

# Keys are read again this often, and sooner when a token names one that is not known (but not for every forged one).
_KEYS_SECONDS = 60
_KEYS_SECONDS_MIN = 2

# Checked tokens that a process remembers; beyond it the oldest half is forgotten.
_TOKENS_MAX = 10_000


class Guard:
    """Signs tokens and tells who is calling. Safe between threads; starts empty in each process.

    issuer: also the audience, since the hub issues tokens for itself only.
    """

    def __init__(self, database: Database, vault: Vault, clock: Clock, *, issuer: str) -> None:
        self._database = database
        self._vault = vault
        self._clock = clock
        self._issuer = issuer
        self._lock = threading.Lock()
        self._checked: dict[bytes, tuple[Principal, datetime]] = {}
        self._denied: frozenset[str] = frozenset()
        self._denied_at: datetime | None = None
        self._keys: list[SigningKey] = []
        self._key_set: KeySet | None = None
        self._keys_at: datetime | None = None

    def check(self, token: str) -> Principal:
        """Who is calling with this bearer token. Raises: TokenInvalid."""
        now = self._clock.now()
        self._refresh_keys(now, older_than=_KEYS_SECONDS)
        checked = self._checked
        digest = hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
        known = checked.get(digest)
        if known is None:
            known = self._verify(token, now)
            with self._lock:
                if len(checked) >= _TOKENS_MAX:
                    for old in list(checked)[: _TOKENS_MAX // 2]:
                        del checked[old]
                checked[digest] = known
        principal, until = known
        if until <= now:
            checked.pop(digest, None)
            raise TokenInvalid("This token is not valid here or not any more; get a new one.")
        refused = self._denied_now(now)
        if refused and not refused.isdisjoint(_ids(principal)):
            raise TokenInvalid("This token is not valid here or not any more; get a new one.")
        return principal

    def issue(self, client: Client, scopes: Sequence[str], *, grant: Grant | None = None, bound_to: str = "") -> str:
        """A new access token of `client` for these scopes. grant: whose consent it acts on. bound_to: key's thumbprint.

        Raises: MasterKeyInvalid.
        """
        assert (grant is None) == (client.people is None), "an app acts for a person, another program for itself"
        now = self._clock.now()
        self._refresh_keys(now, older_than=_KEYS_SECONDS)
        principal = Principal(
            client_id=client.id,
            partner=client.partner,
            scopes=frozenset(scopes),
            live=client.live,
            jti=new_id("tok", now),
            kind=client.kind,
            subject=grant.subject if grant else client.id,
            grant=grant.id if grant else "",
            bound_to=bound_to,
        )
        return sign_token(self._keys[0], principal, issuer=self._issuer, audience=self._issuer, now=now)

    def until(self, token: str) -> tuple[Principal, datetime]:
        """Whose token this is and when it ends, read anew. Raises: TokenInvalid, also for a denied one."""
        self.check(token)
        return self._verify(token, self._clock.now())

    def key_set(self) -> dict[str, list[dict[str, str]]]:
        """What `/jwks.json` shows. Raises: MasterKeyInvalid."""
        self._refresh_keys(self._clock.now(), older_than=_KEYS_SECONDS_MIN)
        return published_keys(self._keys)

    def _verify(self, token: str, now: datetime) -> tuple[Principal, datetime]:
        self._refresh_keys(now, older_than=_KEYS_SECONDS)
        try:
            return self._verify_once(token, now)
        except TokenInvalid:
            # Perhaps signed with a key that another process has just made.
            if not self._refresh_keys(now, older_than=_KEYS_SECONDS_MIN):
                raise
            return self._verify_once(token, now)

    def _verify_once(self, token: str, now: datetime) -> tuple[Principal, datetime]:
        assert self._key_set is not None, "keys were read before"
        return verify_token(self._key_set, token, issuer=self._issuer, audience=self._issuer, now=now)

    def _refresh_keys(self, now: datetime, *, older_than: int) -> bool:
        """Read the keys again if what is known is older than this many seconds; whether it did."""
        if self._are_keys_fresh(now, older_than):
            return False
        with self._lock:
            if self._are_keys_fresh(now, older_than):
                return False
            with self._database.work() as work:
                keys = signing_keys(work, self._vault, now=now)
            gone = {key.id for key in self._keys} - {key.id for key in keys}
            self._keys, self._key_set, self._keys_at = keys, verification_keys(keys), now
            if gone:
                # What a key of those signed is no longer good; whoever checks right now writes into the old memory.
                self._checked = {}
            return True

    def _are_keys_fresh(self, now: datetime, older_than: int) -> bool:
        return self._keys_at is not None and _age(self._keys_at, now) < older_than

    def _denied_now(self, now: datetime) -> frozenset[str]:
        """The denied ids, at most `_DENIED_SECONDS_MAX` old: one thread reads, others wait only when it is late."""
        age = _DENIED_SECONDS_MAX if self._denied_at is None else _age(self._denied_at, now)
        if age < _DENIED_SECONDS:
            return self._denied
        if not self._lock.acquire(blocking=age >= _DENIED_SECONDS_MAX):
            return self._denied
        try:
            if self._denied_at is None or _age(self._denied_at, now) >= _DENIED_SECONDS:
                with self._database.read() as work:
                    self._denied = denied(work, now=now)
                self._denied_at = now
            return self._denied
        finally:
            self._lock.release()


def _ids(principal: Principal) -> tuple[str, ...]:
    """Everything of a token that may be denied."""
    return principal.jti, principal.client_id, principal.subject, principal.grant


def _age(since: datetime, now: datetime) -> int:
    """Whole seconds; a clock that went backwards makes everything old."""
    return _DENIED_SECONDS_MAX + _KEYS_SECONDS if now < since else int((now - since) / timedelta(seconds=1))
