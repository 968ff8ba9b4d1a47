"""The world of files."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hub.kernel.clock import ManualClock
from hub.storage import Database
from partners.files.faults import FileFault, in_order
from tests.exchange.world import FileWorld

Making = Callable[..., FileWorld]


@pytest.fixture
def making(database: Database, clock: ManualClock, tmp_path: Path) -> Iterator[Making]:
    """Makes worlds whose shop speaks files, with these faults in order."""
    made: list[FileWorld] = []

    def make(*faults: FileFault | None) -> FileWorld:
        made.append(FileWorld(database, clock, tmp_path, faults=in_order(*faults)))
        return made[-1]

    yield make
    for world in made:
        world.locks.close()


@pytest.fixture
def files(making: Making) -> FileWorld:
    """One whose files are faultless."""
    return making()
