"""Starting other processes of the hub, and ending them again whatever happens."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


class Other:
    """A process that waits for its line."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"

    def go(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write("go\n")
        self._process.stdin.flush()

    def answers(self) -> list[object]:
        assert self._process.stdout is not None
        found: list[object] = json.loads(self._process.stdout.readline())
        return found


@contextmanager
def others(told: Sequence[Mapping[str, object]]) -> Iterator[list[Other]]:
    """One process for each of these, ready to go."""
    with ExitStack() as stack:
        started = []
        for one in told:
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.sessions.caller", json.dumps(one)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                cwd=ROOT,
            )
            stack.enter_context(process)
            stack.callback(process.kill)
            started.append(process)
        yield [Other(process) for process in started]
