"""Waiting for somebody to say that it is enough."""

import signal
import threading
from types import FrameType


def wait_for_signal() -> None:
    """Return when SIGTERM or SIGINT arrives. Called by the main thread."""
    asked = threading.Event()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        asked.set()

    before = {number: signal.signal(number, on_signal) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        while not asked.wait(timeout=1):
            pass
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
