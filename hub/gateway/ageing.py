"""Which routes are growing old: one table, from which the headers Deprecation and Sunset follow.

Knows RFC 9745 and RFC 8594. To announce the end of a route, add a line to `AGEING`; nothing else is needed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime


@dataclass(frozen=True, slots=True)
class Ageing:
    """deprecated_at: from when it should not be used any more. sunset_at: from when it may be gone, not earlier.

    guide: address of what to use instead, relative to the hub or absolute. Times are aware and UTC.
    """

    deprecated_at: datetime
    sunset_at: datetime
    guide: str

    def headers(self) -> list[tuple[str, str]]:
        """What every answer of the route says. Source: RFC 9745 §2, RFC 8594 §3, RFC 8288."""
        assert self.sunset_at >= self.deprecated_at, "a route is not gone before it is deprecated"
        return [
            ("Deprecation", f"@{int(self.deprecated_at.timestamp())}"),
            ("Sunset", format_datetime(self.sunset_at, usegmt=True)),
            ("Link", f'<{self.guide}>; rel="deprecation"; type="text/html"'),
        ]


# By method and route as the application spells it, such as ("GET", "/v1/units"). None is growing old at present.
AGEING: Mapping[tuple[str, str], Ageing] = {}
