"""What `docs/programmes.md` shows is what happens."""

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from hub.__main__ import main

PAGE = Path(__file__).parents[2] / "docs" / "programmes.md"


def plain(text: str) -> str:
    """Without what differs from run to run: ids and dates."""
    text = re.sub(r"mbs_[0-9a-z]{26}", "<membership>", text)
    text = re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "<posting>", text)
    return re.sub(r"[0-9]{4}-[0-9]{2}-[0-9]{2}( [0-9]{2}:[0-9]{2})?", "<date>", text).strip()


def test_the_commands_of_the_page_print_what_it_says(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUB_DATABASE_URL", database_url)
    monkeypatch.setenv("HUB_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("HUB_LOG_LEVEL", "ERROR")
    blocks = re.findall(r"```console\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.S)
    shown = [part for block in blocks for part in re.split(r"^\$ hub ", block, flags=re.M) if part]

    assert len(shown) == 9
    for part in shown:
        command, _, expected = part.partition("\n")
        done = CliRunner().invoke(main, shlex.split(command))
        assert done.exit_code == 0, (command, done.output)
        assert plain(done.stdout) == plain(expected), command
