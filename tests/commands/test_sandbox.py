"""A partner's engineer plays one brand alone, without a database, and sees in its books what became of a call."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from tests.commands.conftest import Run


@contextmanager
def played(environment: dict[str, str], *arguments: str) -> Iterator[dict[str, str]]:
    """What `hub sandbox` tells about a brand, while it is played."""
    command = [sys.executable, "-m", "hub", "sandbox", *arguments, "--json"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline()]
        while lines[-1] not in ("}\n", ""):
            lines.append(process.stdout.readline())
        try:
            yield json.loads("".join(lines))
        finally:
            process.terminate()
            process.wait(10)


def test_one_brand_is_played_alone_and_its_books_are_read_over_http(environment: dict[str, str]) -> None:
    with played(environment, "aerojet", "--port", "0") as told:
        keys = json.loads(Path(told["credentials_file"]).read_text())
        books = requests.get(told["books_url"], timeout=5).json()
        member = requests.get(f"{told['members_url']}/AJ00000100", timeout=5).json()
        unproven = requests.get(f"{told['base_url']}/v3/movements/x", timeout=5)

    assert (told["brand"], told["auth"], told["members"]) == ("aerojet", "private_key_jwt", "AJ00000100 to AJ00000199")
    assert keys["client_id"] == "hub-sandbox"
    assert Path(told["credentials_file"]).stat().st_mode & 0o777 == 0o600
    assert (books["partner"], books["movements"]) == ("aerojet", 0)
    assert member["balances"] == {"aerojet.mile": 3_000_000}
    assert unproven.status_code == 401
    assert not (Path(environment["HUB_DATA_DIR"]) / "postgres").exists()


def test_what_is_to_go_wrong_and_where_results_go_is_said_at_the_start(environment: dict[str, str]) -> None:
    notify = "http://127.0.0.1:9/v1/partners/northbank/notifications"
    rates = "timeout_after=20,notice_late=50"

    with played(environment, "northbank", "--seed", "7", "--faults", rates, "--notify", notify) as told:
        plan = requests.get(told["faults_url"], timeout=5).json()["plan"]
        posted = requests.get(told["notifications_url"], timeout=5).json()

    assert (plan["seed"], plan["per_mille"], plan["notices_per_mille"], plan["magic"]) == (
        7,
        {"timeout_after": 20},
        {"notice_late": 50},
        False,
    )
    assert posted == {"url": notify, "posted": []}


@pytest.mark.parametrize("rates", ["sabotage=1", "timeout_after", "timeout_after=x", "timeout_after=1001", "-1", "126"])
def test_rates_that_make_no_sense_are_wrong_use(hub: Run, rates: str) -> None:
    done = hub("sandbox", "aerojet", f"--faults={rates}")

    assert done.returncode == 2
    assert "--faults" in done.stderr


def test_a_brand_that_is_not_there_is_refused(hub: Run) -> None:
    done = hub("sandbox", "nowhere", "--json")

    assert done.returncode == 1
    assert json.loads(done.stdout)["error"]["code"] == "brand_unknown"
