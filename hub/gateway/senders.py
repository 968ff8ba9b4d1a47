"""Where a request came from. Knows how many proxies of our own stand in front; believes nobody else's headers."""

from collections.abc import Mapping


def address_of(environ: Mapping[str, object], hops: int) -> str:
    """The sender's address. hops: proxies of our own, each of which appended to X-Forwarded-For whom it heard from."""
    direct = str(environ.get("REMOTE_ADDR", ""))
    if hops == 0:
        return direct
    known = [one.strip() for one in str(environ.get("HTTP_X_FORWARDED_FOR", "")).split(",")]
    return known[-hops] if len(known) >= hops and known[-hops] else direct
