"""Plays partners that speak files, beside the simulators that answer over HTTP and on the same books.

Knows threads and how often a turn is taken. What a turn does stands in `partners/files/simulator.py`.
"""

import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from hub.kernel.clock import SystemClock
from partners.files.faults import Chooses
from partners.files.simulator import FileSimulator
from partners.profile import Profile
from partners.sandbox.server import RunningSimulator

# As a nightly batch, for people who cannot wait for the night.
_TURN_SECONDS = 1.0

_log = logging.getLogger(__name__)


def file_player(
    profile: Profile, simulator: RunningSimulator, folder: Path, faults: Chooses, *, partner: str, unit: str
) -> FileSimulator:
    """A partner in its folder below `folder`, on the books that the simulator keeps of it."""
    return FileSimulator(profile, folder / partner, SystemClock(), faults, simulator.books(partner), unit=unit)


@contextmanager
def playing_files(players: Sequence[FileSimulator]) -> Iterator[None]:
    """Let each take its turn every second for as long as the block lasts."""
    stop = threading.Event()
    thread = threading.Thread(target=_play, args=(players, stop), name="file-players", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _play(players: Sequence[FileSimulator], stop: threading.Event) -> None:
    while not stop.wait(_TURN_SECONDS):
        for player in players:
            try:
                player.turn()
            except OSError as fault:
                # A folder that is gone for a moment ends no partner.
                _log.warning("no turn", extra={"partner": player.root.name, "fault": type(fault).__name__})
