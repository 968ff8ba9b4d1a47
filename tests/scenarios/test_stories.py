"""Money stories: each text table beside this file, told on the real ledger."""

from pathlib import Path

import pytest

from hub.kernel.clock import ManualClock
from hub.storage import Database
from tests.conversion.world import World
from tests.scenarios.runner import Story

STORIES = sorted(Path(__file__).parent.glob("*.txt"))


@pytest.mark.parametrize("path", STORIES, ids=lambda path: path.stem)
def test_the_story_ends_as_told(database: Database, clock: ManualClock, path: Path) -> None:
    Story(World(database, clock), database).tell(path)


def test_a_wrong_line_is_found_by_its_number(database: Database, clock: ManualClock, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.txt"
    wrong.write_text("# a comment\nconvert M1 aerojet 10000 -> staywell 4000 voided\n")

    with pytest.raises(AssertionError, match=r"wrong\.txt:2: convert M1"):
        Story(World(database, clock), database).tell(wrong)
