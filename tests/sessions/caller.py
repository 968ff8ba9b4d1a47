"""Another process of the hub that calls partners: told what to do on its command line, it waits for a line first."""

import json
import sys
import threading
import time
from collections.abc import Mapping
from datetime import timedelta

from hub.access.vault import Vault
from hub.kernel.clock import SystemClock
from hub.sessions.breaker import DatabaseBreaker
from hub.sessions.tokens import DatabaseTokenStore
from hub.storage import Database
from hub.storage.locks import SharedLocks
from partners.base import Connection, Ports
from partners.memory import CachedTokenStore
from partners.profile import AuthKind, HttpProfile
from partners.session import PartnerSession, Reply
from partners.transport import Transport


def breaker_of(database: Database) -> DatabaseBreaker:
    seconds = timedelta(seconds=1)
    return DatabaseBreaker(database, SystemClock(), failures_max=3, rest=60 * seconds, probe=60 * seconds)


def call_together(told: Mapping[str, object], database: Database) -> list[object]:
    """Many threads that call at once; the statuses of their answers."""
    locks = SharedLocks(database.url)
    tokens = CachedTokenStore(DatabaseTokenStore(database, Vault(str(told["master"])), locks))
    ports = Ports(tokens, breaker_of(database), SystemClock())
    http = HttpProfile("", "", "movements", AuthKind.CLIENT_SECRET_BASIC, 5, "")
    session = PartnerSession(Connection(**told["connection"]), http, ports, Transport())  # type: ignore[arg-type]
    answers: list[object] = []

    def call() -> None:
        reply = session.get("/v1/movements/nothing")
        answers.append(reply.status if isinstance(reply, Reply) else reply.why)

    threads = [threading.Thread(target=call) for _ in range(int(str(told["threads"])))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    locks.close()
    return answers


def watch_breaker(told: Mapping[str, object], database: Database) -> list[object]:
    """Calls as a worker would until the breaker stops it; the seconds that took, from the line on."""
    breaker, begun = breaker_of(database), time.monotonic()
    while breaker.closed(str(told["partner"])) and time.monotonic() < begun + 10:
        time.sleep(0.01)
    return [time.monotonic() - begun]


def main() -> None:
    told = json.loads(sys.argv[1])
    database = Database(told["database_url"])
    work = {"call": call_together, "watch": watch_breaker}[told["work"]]
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    sys.stdout.write(json.dumps(work(told, database)) + "\n")
    database.close()


if __name__ == "__main__":
    main()
