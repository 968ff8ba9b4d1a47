"""Ties a process's life to the one that started it, so that `kill -9` of a parent leaves nobody behind."""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1

# Set by whoever starts processes that must not outlive it.
ENDS_WITH_PARENT = "HUB_ENDS_WITH_PARENT"


def end_with_parent() -> None:
    """Be asked to end (SIGTERM) as soon as the parent is gone, however it went. Does nothing but on Linux."""
    if not sys.platform.startswith("linux"):
        return
    parent = os.getppid()
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent:  # it went while we were asking
        os.kill(os.getpid(), signal.SIGTERM)


def end_with_parent_if_asked() -> None:
    """The same, if the starter wants it."""
    if os.environ.get(ENDS_WITH_PARENT) == "1":
        end_with_parent()
