"""Who did what to the hub: append-only, each entry sealed over the one before it.

Knows actors, actions and subjects as strings. Does not know what they mean or who may read them.
"""

from hub.audit.service import AuditEntry, Head, Sought, entries, find, head, record, verify

__all__ = ["AuditEntry", "Head", "Sought", "entries", "find", "head", "record", "verify"]
