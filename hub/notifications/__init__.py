"""What partners tell the hub of their own accord: proven genuine on its raw bytes, stored before it is thanked for.

Knows senders' keys, signatures, the store and its quarantine. Does not know what a notification does to the books: the
worker hands each to the room that acts on it.
"""
