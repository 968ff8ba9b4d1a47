"""The guide for partners' engineers is true: its commands are run in their order, and print what it shows."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.partners.mistakes import TEN

pytestmark = pytest.mark.timeout(900)

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "partners" / "guide.md"
FILES = GUIDE.with_name("files.md")
_BLOCK = re.compile(
    r"<!-- edit: (?P<file>\S+): (?P<old>.+?) -> (?P<new>.+?) -->|```console\n(?P<shell>.*?)```", re.DOTALL
)


@dataclass(frozen=True)
class Command:
    """A command of the guide, and the lines that it shows; `...` stands for anything."""

    line: str
    shown: list[str]


def _steps(page: Path) -> Iterator[Command | tuple[str, str, str]]:
    for found in _BLOCK.finditer(page.read_text(encoding="utf-8")):
        if found["file"]:
            yield found["file"], found["old"], found["new"]
            continue
        for part in re.split(r"^\$ ", found["shell"], flags=re.MULTILINE)[1:]:
            line, *shown = part.rstrip("\n").split("\n")
            yield Command(line, shown)


def _run(command: Command, environment: dict[str, str], folder: Path) -> tuple[str, int]:
    words = shlex.split(command.line)
    settings = dict(word.split("=", 1) for word in words if re.fullmatch(r"[A-Z_]+=.*", word))
    arguments = words[len(settings) + 1 :]
    assert words[len(settings)] == "hub"
    done = subprocess.run(
        [sys.executable, "-m", "hub", *arguments],
        env={**environment, **settings},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    return done.stdout, done.returncode


def _pattern(lines: list[str]) -> re.Pattern[str]:
    """What is shown as a pattern: a line of dots is any lines, dots in a line are any characters of it."""
    pieces = ["(.*\n)*?" if line == "..." else ".*".join(map(re.escape, line.split("..."))) + "\n" for line in lines]
    return re.compile("".join(pieces))


def _follow(page: Path, tmp_path: Path, environment: dict[str, str]) -> int:
    """Do what a page says, in its order; how many commands there were."""
    root = str(GUIDE.parents[2])
    environment = {**environment, "PYTHONPATH": os.pathsep.join([root, os.environ.get("PYTHONPATH", "")])}
    run = 0
    for step in _steps(page):
        if isinstance(step, tuple):
            name, old, new = step
            text = (tmp_path / name).read_text(encoding="utf-8")
            assert text.count(old) == 1
            (tmp_path / name).write_text(text.replace(old, new), encoding="utf-8")
            continue
        shown = list(step.shown)
        expected = int(shown.pop().removeprefix("exit ")) if shown and shown[-1].startswith("exit ") else 0

        said, code = _run(step, environment, tmp_path)

        assert (step.line, code) == (step.line, expected), said
        assert _pattern(shown).match(said) or not shown, (step.line, said)
        run += 1

    return run


def test_the_commands_of_the_guide_do_what_it_shows(tmp_path: Path, environment: dict[str, str]) -> None:
    run = _follow(GUIDE, tmp_path, environment)

    assert run >= 10
    assert (tmp_path / "report.html").read_text(encoding="utf-8").startswith("<!doctype html>")


def test_the_commands_of_the_page_on_files_do_what_it_shows(tmp_path: Path, environment: dict[str, str]) -> None:
    assert _follow(FILES, tmp_path, environment) == 5


def test_the_guide_lists_the_ten_mistakes_as_they_are_told() -> None:
    rows = re.findall(r"^\| (.+?) \| (.+?) \| `([a-z_.]+)` \|$", GUIDE.read_text(encoding="utf-8"), re.MULTILINE)

    assert rows == [(name, mistake.words, mistake.check) for name, mistake in TEN.items()]
