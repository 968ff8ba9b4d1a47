"""When a failed delivery is tried again, and how long an endpoint that fails is left alone. Whole milliseconds.

Knows numbers only. Source of the schedule: Standard Webhooks 1.0.0, "Retries and replays".
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

# Waits before the second, third ... tenth attempt; 75 h 35 min 5 s in all.
SCHEDULE = tuple(timedelta(seconds=one) for one in (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400))

ATTEMPTS_MAX = len(SCHEDULE) + 1

# Up to a tenth later, so that what failed together does not come back together.
_JITTER_PARTS = 10

# The longest an endpoint rests between two attempts of whatever waits for it. Its rests stay below the schedule of one
# delivery, which therefore keeps its times.
_REST_SECONDS_MAX = 60

# A receiver may ask for a day at most; whoever wants longer pauses the endpoint.
_RETRY_AFTER_MAX = timedelta(days=1)
_RETRY_AFTER_DIGITS_MAX = 9

Draw = Callable[[int], int]
"""A whole number from 0 up to and without its argument."""


def next_wait(failed: int, draw: Draw) -> timedelta | None:
    """How long to wait after the `failed`th failed attempt; None when that was the last one."""
    if failed > len(SCHEDULE):
        return None
    wait = SCHEDULE[failed - 1]
    return wait + timedelta(milliseconds=draw(wait // timedelta(milliseconds=_JITTER_PARTS) + 1))


def rest(failures: int) -> timedelta:
    """How long an endpoint is left alone after so many failures in a row: 1, 2, 4 ... 60 s."""
    return timedelta(seconds=min(1 << min(failures - 1, 6), _REST_SECONDS_MAX))


def retry_after(text: str, now: datetime) -> datetime | None:
    """The instant of a Retry-After header, seconds or a date, at most a day ahead; None when it says nothing usable.

    Source: RFC 9110 §10.2.3.
    """
    text = text.strip()
    if text.isascii() and text.isdigit() and len(text) <= _RETRY_AFTER_DIGITS_MAX:
        wait = timedelta(seconds=int(text))
    else:
        try:
            moment = parsedate_to_datetime(text)
        except ValueError:
            return None
        wait = moment.replace(tzinfo=moment.tzinfo or UTC) - now
    return now + min(wait, _RETRY_AFTER_MAX) if wait > timedelta(0) else None
