"""What the doors and the flows above may do with limits. Knows where each function lives."""

from hub.limits import tables
from hub.limits.counting import LimitBook, allowances, give_back, lock_limits
from hub.limits.rules import LimitCache, import_limits, list_limits, remove_limit

__all__ = [
    "LimitBook",
    "LimitCache",
    "allowances",
    "give_back",
    "import_limits",
    "list_limits",
    "lock_limits",
    "remove_limit",
    "tables",
]
