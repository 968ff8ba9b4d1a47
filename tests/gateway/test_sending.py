"""The documented ways to sign a notification are taken by a served hub, each as a partner would run it."""

import json
import shutil
import socket
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from hub.gateway.app import stop_app
from hub.kernel.clock import ManualClock
from tests.gateway.contract_client import ROOT, World
from tests.gateway.senders import PRIVATE, address, secret_of, told
from tests.gateway.serving import served

PAGE = (ROOT / "docs" / "webhooks" / "sending.md").read_text(encoding="utf-8")
SHELL = "sh" if all(map(shutil.which, ("sh", "curl", "openssl", "od"))) else ""


def blocks(kind: str) -> list[str]:
    return [part.split("```")[0] for part in PAGE.split(f"```{kind}\n")[1:]]


@pytest.fixture
def hub(world: World, clock: ManualClock) -> Iterator[str]:
    """A served hub that publishes the address it is served at, at the present time."""
    clock.advance(datetime.now(UTC) - clock.now())
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    again = world.restarted(public_url=f"http://127.0.0.1:{port}")
    with served(again.app, port=port) as url:
        yield url
    stop_app(again.app)


def test_python_for_standard_webhooks(hub: str) -> None:
    program: dict[str, Any] = {}
    exec(blocks("python")[0], program)

    told_twice = [
        program["send"](hub + address("aerojet"), secret_of("aerojet"), "msg_1", json.loads(told())) for _ in range(2)
    ]

    assert [status for status, _ in told_twice] == [202, 200]
    assert told_twice[0][1] == told_twice[1][1]


def test_python_for_rfc_9421(hub: str) -> None:
    program: dict[str, Any] = {}
    exec(blocks("python")[1], program)

    status, answer = program["send"](hub + address("staywell"), PRIVATE, json.loads(told()))

    assert (status, set(answer)) == (202, {"id"})


@pytest.mark.parametrize("shell", [SHELL] if SHELL else [])
@pytest.mark.parametrize(("block", "partner"), [(0, "aerojet"), (1, "staywell")])
def test_curl_with_openssl(hub: str, tmp_path: Path, shell: str, block: int, partner: str) -> None:
    (tmp_path / "key.pem").write_text(PRIVATE)
    environment = {"PATH": "/usr/bin:/bin:/usr/local/bin", "URL": hub + address(partner), "SECRET": secret_of(partner)}

    done = subprocess.run(
        [shell, "-ec", blocks("sh")[block]], env=environment, cwd=tmp_path, capture_output=True, text=True, check=True
    )

    assert set(json.loads(done.stdout)) == {"id"}, done.stdout
