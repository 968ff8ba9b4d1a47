"""Counts attempts in the database, so that all processes together allow no more than one would.

Knows keyed counters with an end. Does not know what is attempted. An attempt is counted before it is made: many at the
same moment cannot pass together.
"""

import hmac
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from hub.kernel.errors import HubError
from hub.storage import Work


class TooManyAttempts(HubError):
    """More attempts than are allowed in a while; try again after `retry_after_seconds`."""

    code = "too_many_attempts"


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `attempts` in `seconds`, counted from the first of them. what: names the counter."""

    what: str
    attempts: int
    seconds: int


def key_of(secret: bytes, limit: Limit, value: str) -> bytes:
    """The counter of this value. Keyed, so that addresses and logins cannot be found by trying."""
    return hmac.digest(secret, f"{limit.what}:{value}".encode("utf-8", "surrogatepass"), "sha256")


def network_of(address: str) -> str:
    """What of an address counts as one sender: all of IPv4, the first 64 bits of IPv6 (which one household has)."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return str(ipaddress.ip_network((found, 64), strict=False))
    return str(found)


def count_attempt(work: Work, counters: Sequence[tuple[bytes, Limit]], *, now: datetime) -> TooManyAttempts | None:
    """Count one attempt under each of these counters; the refusal if one of them is above its limit.

    Returned, not raised: the count has to be committed.
    """
    refused: TooManyAttempts | None = None
    for key, limit in sorted(counters, key=lambda one: one[0]):
        [(count, until)] = work.fetch(
            "INSERT INTO access_attempts AS a (key, count, expires_at) VALUES (%s, 1, %s)"
            " ON CONFLICT (key) DO UPDATE SET"
            " count = CASE WHEN a.expires_at <= %s THEN 1 ELSE least(a.count, 1000000000) + 1 END,"
            " expires_at = CASE WHEN a.expires_at <= %s THEN excluded.expires_at ELSE a.expires_at END"
            " RETURNING count, expires_at",
            (key, now + timedelta(seconds=limit.seconds), now, now),
        )
        if count > limit.attempts:
            wait = max(1, -(-(until - now) // timedelta(seconds=1)))
            if refused is None or wait > int(refused.facts["retry_after_seconds"] or 0):
                refused = TooManyAttempts("Too many attempts; try again later.", retry_after_seconds=wait)
    return refused


def forget_attempts(work: Work, key: bytes) -> None:
    """Start this counter afresh, after an attempt that was right."""
    work.run("DELETE FROM access_attempts WHERE key = %s", (key,))


def uncount_attempt(work: Work, key: bytes) -> None:
    """Take one attempt back that was right: this counter is for wrong ones."""
    work.run("UPDATE access_attempts SET count = count - 1 WHERE key = %s AND count > 0", (key,))
