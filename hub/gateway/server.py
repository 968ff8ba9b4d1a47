"""Runs the door on Granian: several processes, each with several threads that wait for the database.

Knows Granian. Does not know what the application is made of: each process builds it from the factory named by `target`,
after it was started, so no thread or connection crosses a fork.
"""

import logging
import os
import shutil
from pathlib import Path

from granian import Granian
from granian.constants import HTTPModes, Interfaces, RuntimeModes
from granian.log import LogLevels

from hub.config import Settings
from hub.kernel.parent import ENDS_WITH

_log = logging.getLogger(__name__)

# Requests per thread that wait in one process; more are not read from their sockets until some are done.
_WAITING_PER_THREAD = 4

# Granian's loggers hand their lines to the hub's own; it merges this into a configuration that names handlers.
_LOGGING = {
    "handlers": {},
    "formatters": {},
    "loggers": {name: {"handlers": [], "propagate": True} for name in ("_granian", "granian.access")},
}

# Seconds that requests being worked on get to end when the server stops. Idle keep-alive connections are waited for
# too, so more would only delay every stop; a request that is cut off has either committed or left nothing behind.
_STOPPING_SECONDS = 5


def serve(settings: Settings, target: str) -> None:
    """Serve until SIGTERM or SIGINT; requests being worked on are answered first.

    target: `module:function`; the function takes nothing and returns the WSGI application.
    """
    _share_metrics(settings.data_dir / "metrics")
    os.environ[ENDS_WITH] = str(os.getpid())  # the serving processes ask for it, see `hub.wiring.wsgi`
    server = Granian(
        target,
        address=settings.api_host,
        port=settings.api_port,
        interface=Interfaces.WSGI,
        factory=True,
        workers=settings.api_processes,
        blocking_threads=settings.api_threads,
        backpressure=settings.api_threads * (1 + _WAITING_PER_THREAD),
        runtime_threads=1,
        runtime_mode=RuntimeModes.st,
        http=HTTPModes.http1,
        websockets=False,
        respawn_failed_workers=True,
        workers_kill_timeout=_STOPPING_SECONDS,
        log_enabled=True,
        log_level=LogLevels.error,
        log_dictconfig=_LOGGING,
    )
    _log.info("serving", extra={"host": settings.api_host, "port": settings.api_port})
    server.serve()


def _share_metrics(folder: Path) -> None:
    """An empty folder for the counters of all processes of this server, named in the environment they inherit."""
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        return
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)
