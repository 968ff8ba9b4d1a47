"""A worker process to be killed: every message takes effect, slowly enough to die in the middle of many.

Arguments: database URL, broker URL, prefix, lease in seconds. Writes a line when it has begun. Ends with its parent's
signal only.
"""

import sys
import time

from hub.kernel.clock import SystemClock
from hub.outbox import Delivery
from hub.storage import Database
from hub.worker.process import Worker
from tests.worker.effects import apply_once


def main(url: str, broker_url: str, prefix: str, lease_seconds: str) -> None:
    """Work until a signal comes."""
    database = Database(url, pool_size=16)

    def handler(delivery: Delivery) -> None:
        if delivery.subject == "deadly":
            sys.stdout.flush()
            _die()
        time.sleep(0.01)
        apply_once(database, delivery)
        time.sleep(0.01)

    handlers = {"leg.due": handler}
    worker = Worker(
        database, broker_url, prefix, handlers, SystemClock(), 8, 10, lease_seconds=int(lease_seconds), lane_max=24
    )
    sys.stdout.write("begun\n")
    sys.stdout.flush()
    worker.run_until_signal()
    sys.stdout.write("left\n")


def _die() -> None:
    import os
    import signal

    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main(*sys.argv[1:])
