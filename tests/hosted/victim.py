"""Lets points lapse in small parts until nothing is due: to be killed while it does so."""

import sys
from datetime import datetime

from hub.storage import Database
from tests.hosted.support import BLUEBEAN, Hosted, Programmes, programme


def main(url: str, now: str) -> None:
    """Argument: the database and the instant."""
    hosted = Hosted(Programmes(programme(BLUEBEAN)))
    database = Database(url)
    while True:
        with database.work() as work:
            if not hosted.lapse_due(work, now=datetime.fromisoformat(now), limit=3).found:
                return


if __name__ == "__main__":
    main(*sys.argv[1:])
