"""Authorization requests that an app pushed ahead (PAR), so that none of them passes through a browser.

Knows parameters under a handle, for whom and until when. Does not know what they mean. Source: RFC 9126.
"""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta

from hub.access.clients import hash_of, new_secret
from hub.storage import Work

REQUEST_URN = "urn:ietf:params:oauth:request_uri:"

# Long enough to sign in meanwhile, shorter than the ten minutes of FAPI 2.0.
REQUEST_SECONDS = 300


def push_request(work: Work, parameters: Mapping[str, str], *, client: str, now: datetime) -> str:
    """Keep these parameters; the `request_uri` that stands for them."""
    text, hashed = new_secret()
    work.run(
        "INSERT INTO access_requests (hash, client, parameters, expires_at) VALUES (%s, %s, %s, %s)",
        (hashed, client, json.dumps(dict(parameters)), now + timedelta(seconds=REQUEST_SECONDS)),
    )
    return REQUEST_URN + text


def pushed_request(work: Work, uri: str, *, client: str, now: datetime) -> dict[str, str] | None:
    """The parameters this client pushed; None if it did not, or they expired or were decided on."""
    rows = work.fetch(
        "SELECT parameters FROM access_requests"
        " WHERE hash = %s AND client = %s AND expires_at > %s AND used_at IS NULL",
        (hash_of(uri.removeprefix(REQUEST_URN)), client, now),
    )
    if not rows or not uri.startswith(REQUEST_URN):
        return None
    found: dict[str, str] = json.loads(rows[0][0])
    return found


def use_request(work: Work, uri: str, *, now: datetime) -> bool:
    """Whether this request is decided on for the first time."""
    touched = work.run(
        "UPDATE access_requests SET used_at = %s WHERE hash = %s AND used_at IS NULL",
        (now, hash_of(uri.removeprefix(REQUEST_URN))),
    )
    return touched == 1
