"""Ties a process's life to the one that started it, so that `kill -9` of a parent leaves nobody behind."""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1

# Holds the process id of whoever starts processes that must not outlive it.
ENDS_WITH = "HUB_ENDS_WITH"


def end_with_parent() -> None:
    """Be asked to end (SIGTERM) as soon as the process named in the environment is gone, however it went.

    It has to be this process's parent. Without a name, and but on Linux, nothing happens.
    """
    starter = os.environ.get(ENDS_WITH, "")
    if not starter.isdigit() or not sys.platform.startswith("linux"):
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != int(starter):  # it went before the kernel was asked
        os.kill(os.getpid(), signal.SIGTERM)
