"""Settlement: windows from cut-off to payment, each step once. Where the functions of this folder live; no logic.

Every step may be asked for again: a window that is further already answers as it stands.
"""

from hub.settlement.closing import abort, add_calendar, add_closing_days, close, opened
from hub.settlement.disputing import acknowledge, decide, object_to
from hub.settlement.paying import instruct, pay
from hub.settlement.reading import find_lines, read
from hub.settlement.stating import Renderer, net, state

__all__ = [
    "Renderer",
    "abort",
    "acknowledge",
    "add_calendar",
    "add_closing_days",
    "close",
    "decide",
    "find_lines",
    "instruct",
    "net",
    "object_to",
    "opened",
    "pay",
    "read",
    "state",
]
