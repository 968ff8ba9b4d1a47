"""The real command in a process of its own, on a data folder of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """What the command finds in its environment: nothing of the hub but a data folder."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HUB_")}
    return {**kept, "HUB_DATA_DIR": str(tmp_path / "data"), "HUB_LOG_LEVEL": "ERROR"}


@pytest.fixture
def hub(environment: dict[str, str]) -> Run:
    """Runs `hub <arguments>`."""

    def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "hub", *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)

    return run


def document(done: "subprocess.CompletedProcess[str]") -> dict[str, object]:
    """The one JSON document that a command printed."""
    found = json.loads(done.stdout)
    assert isinstance(found, dict)
    return found
