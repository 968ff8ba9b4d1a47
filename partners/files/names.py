"""Names of files: a pattern with `{sequence:0N}` and perhaps `{date}`, written and read back.

Knows patterns only. A name is a plain name, never a path.
"""

import re
from datetime import date, datetime
from functools import lru_cache

_PLACE = re.compile(r"\{(sequence:0([1-9])|date)\}")
_PLAIN = re.compile(r"[A-Za-z0-9_.-]*")
# Longer names are cut or refused by file systems in use.
_NAME_CHARS_MAX = 120


def name_is_good(pattern: str) -> bool:
    """Whether `pattern` is a plain file name with one sequence and at most one date in it."""
    places = [match[1] for match in _PLACE.finditer(pattern)]
    rest = _PLACE.sub("", pattern)
    return (
        0 < len(pattern) <= _NAME_CHARS_MAX
        and _PLAIN.fullmatch(rest) is not None
        and not pattern.startswith((".", "-"))
        and sum(place.startswith("sequence") for place in places) == 1
        and places.count("date") <= 1
    )


def file_name(pattern: str, *, sequence: int, day: date) -> str:
    """The name of file number `sequence`, made on `day`; a sequence beyond its digits simply has more of them."""

    def filled(match: re.Match[str]) -> str:
        return day.strftime("%Y%m%d") if match[1] == "date" else f"{sequence:0{match[2]}d}"

    return _PLACE.sub(filled, pattern)


def read_name(pattern: str, name: str) -> tuple[int, date | None] | None:
    """The sequence, and the date if it has one, that `name` states; None when it is no name of this pattern."""
    match = _expression(pattern).fullmatch(name)
    if match is None:
        return None
    stated = match.groupdict()
    try:
        day = datetime.strptime(stated["date"], "%Y%m%d").date() if "date" in stated else None  # noqa: DTZ007 - a day
    except ValueError:
        return None
    return int(stated["sequence"]), day


@lru_cache(maxsize=256)
def _expression(pattern: str) -> re.Pattern[str]:
    parts, at = [], 0
    for match in _PLACE.finditer(pattern):
        parts.append(re.escape(pattern[at : match.start()]))
        parts.append(r"(?P<date>[0-9]{8})" if match[1] == "date" else rf"(?P<sequence>[0-9]{{{match[2]},18}})")
        at = match.end()
    return re.compile("".join(parts) + re.escape(pattern[at:]))
