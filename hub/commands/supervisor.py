"""Runs the hub's processes as children of one, starts again what dies, and ends them together.

Knows command lines and exit codes. Does not know what the processes do.
"""

import contextlib
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from types import FrameType

from hub.kernel.errors import HubError
from hub.kernel.parent import ENDS_WITH

_STOP_SECONDS_MAX = 30
_START_SECONDS_MAX = 60
_RESTARTS_MAX = 10

_log = logging.getLogger(__name__)


class ProcessFailed(HubError):
    """A process of the hub that does not stay up."""

    code = "process_failed"


class PortTaken(HubError):
    """A port that something else listens on."""

    code = "port_taken"


class Supervisor:
    """Children by name. environment: what all of them are given on top of this process's own."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = {**os.environ, **environment, ENDS_WITH: str(os.getpid())}
        self._commands: dict[str, list[str]] = {}
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._restarts = 0
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._watcher = threading.Thread(target=self._watch, name="supervisor", daemon=True)

    def start(self, name: str, arguments: Sequence[str]) -> None:
        """Start `hub <arguments>` and keep it running until `stop`."""
        with self._lock:
            self._commands[name] = [sys.executable, "-m", "hub", *arguments]
            self._spawn(name)
            if not self._watcher.is_alive():
                self._watcher.start()

    def pid(self, name: str) -> int:
        """The process id of a child at present."""
        return self._children[name].pid

    def wait_until_answers(self, url: str, name: str) -> None:
        """Wait until `url` answers 200. Raises: ProcessFailed."""
        deadline = time.monotonic() + _START_SECONDS_MAX
        while time.monotonic() < deadline and not self._stopping.is_set():
            with contextlib.suppress(urllib.error.URLError, OSError), urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310 - our own loopback address
                if answer.status == 200:
                    return
            time.sleep(0.05)
        raise ProcessFailed(f"The {name} did not come up within {_START_SECONDS_MAX} s; its messages are above.")

    def stop(self) -> None:
        """Ask every child to end, in reverse order of starting, and end by force those that do not."""
        self._stopping.set()
        with self._lock:
            children = list(self._children.values())[::-1]
        for child in children:
            with contextlib.suppress(ProcessLookupError):
                child.terminate()
        deadline = time.monotonic() + _STOP_SECONDS_MAX
        for child in children:
            try:
                child.wait(timeout=max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()

    def _spawn(self, name: str) -> None:
        # A group of their own: Ctrl-C reaches only this process, which then ends them in order.
        self._children[name] = subprocess.Popen(
            self._commands[name], env=self._environment, stdin=subprocess.DEVNULL, process_group=0
        )

    def _watch(self) -> None:
        while not self._stopping.wait(0.2):
            with self._lock:
                for name, child in list(self._children.items()):
                    if child.poll() is None or self._stopping.is_set():
                        continue
                    self._restarts += 1
                    if self._restarts > _RESTARTS_MAX:
                        _log.error("process given up", extra={"child": name, "exit_code": child.returncode})
                        del self._children[name]
                        continue
                    _log.warning("process started again", extra={"child": name, "exit_code": child.returncode})
                    self._spawn(name)


@contextlib.contextmanager
def supervised(environment: Mapping[str, str]) -> Iterator[Supervisor]:
    """A supervisor whose children end with the block, whatever ends it; SIGTERM ends it like Ctrl-C."""
    supervisor = Supervisor(environment)

    def interrupt(_signal: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    previous = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield supervisor
    finally:
        supervisor.stop()
        signal.signal(signal.SIGTERM, previous)


def require_free_port(host: str, port: int, setting: str) -> None:
    """Raises: PortTaken, naming the setting to change."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as fault:
            raise PortTaken(f"Port {port} of {host} cannot be used ({fault.strerror}); set {setting}.") from fault


def free_port() -> int:
    """A loopback port that nothing listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
