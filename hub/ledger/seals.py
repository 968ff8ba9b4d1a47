"""Who writes seals: one chain per thread of a process, so that writers never wait for each other.

Knows processes and threads. What a seal covers is in `batch.py`.
"""

import os
import threading
import uuid

_process = uuid.uuid4()


def _renew() -> None:
    """A forked child is another writer: two processes in one chain would race for its next number."""
    global _process
    _process = uuid.uuid4()


os.register_at_fork(after_in_child=_renew)


def writer() -> uuid.UUID:
    """The chain that this thread appends to. A thread has one transaction at a time, so its chain has no races."""
    return uuid.uuid5(_process, str(threading.get_ident()))
