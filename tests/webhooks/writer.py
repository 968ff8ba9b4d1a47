"""Another process of the hub that announces events and numbers whatever is announced; waits for a line first."""

import json
import sys

from hub.outbox.events import Event, announce_events
from hub.storage import Database
from hub.webhooks.numbering import number_announced
from tests.conftest import START


def main() -> None:
    told = json.loads(sys.argv[1])
    database = Database(told["database_url"])
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    for step in range(told["steps"]):
        # Two subjects: one of this process alone, and one that all of them write to.
        events = [
            Event("conversion.posted", subject, ("aerojet",), {"by": told["name"], "step": step}, live=False)
            for subject in (f"cnv_{told['name']}", "cnv_shared")
        ]
        with database.work() as work:
            announce_events(work, events, now=START)
        with database.work() as work:
            number_announced(work, now=START)
    database.close()


if __name__ == "__main__":
    main()
