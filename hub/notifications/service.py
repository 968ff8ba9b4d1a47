"""The calls of notifications that doors make, in one place."""

from hub.notifications.keys import OVERLAP, add_key, good_keys, list_keys, new_secret, remove_key
from hub.notifications.store import (
    KEPT,
    NOTIFICATION_RECEIVED,
    acknowledge,
    acknowledged,
    body_of,
    dismiss,
    end,
    forget,
    get,
    list_received,
    lock,
    note,
    retry,
    store,
)
from hub.notifications.verifying import prove

__all__ = [
    "KEPT",
    "NOTIFICATION_RECEIVED",
    "OVERLAP",
    "acknowledge",
    "acknowledged",
    "add_key",
    "body_of",
    "dismiss",
    "end",
    "forget",
    "get",
    "good_keys",
    "list_keys",
    "list_received",
    "lock",
    "new_secret",
    "note",
    "prove",
    "remove_key",
    "retry",
    "store",
]
