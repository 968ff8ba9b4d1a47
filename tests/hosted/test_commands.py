"""`hub hosted` as an operator uses it."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from hub.__main__ import main

UNIT = "bluebean.bean"

Run = Callable[..., Result]


@pytest.fixture
def hub(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs `hub hosted <arguments>` on a database of its own."""
    monkeypatch.setenv("HUB_DATABASE_URL", database_url)
    monkeypatch.setenv("HUB_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("HUB_LOG_LEVEL", "ERROR")
    return lambda *arguments: CliRunner().invoke(main, ["hosted", *arguments])


def told(result: Result) -> dict[str, object]:
    """The one JSON document that a command printed."""
    assert result.exit_code == 0, (result.output, result.exception)
    found = json.loads(result.stdout)
    assert isinstance(found, dict)
    return found


def test_a_programme_is_kept_from_its_file_to_what_lapses(hub: Run) -> None:
    before = told(hub("list", "--json"))
    told(hub("add", "bluebean", "--time-zone", "Asia/Jakarta", "--json"))
    kept = told(hub("list", "--json"))
    number = str(told(hub("enrol", UNIT, "--reference", "till-7", "--json"))["number"])
    for _ in range(2):
        earned = told(hub("post", UNIT, "earn", number, "300", "--key", "receipt-1", "--json"))
    told(hub("post", UNIT, "spend", number, "120", "--json"))
    blocked = told(hub("move", UNIT, number, "blocked", "--reason", "card lost", "--json"))
    refused = hub("post", UNIT, "spend", number, "1")
    shown = told(hub("show", UNIT, number, "--json"))

    assert (before["programmes"], before["not_added"]) == ([], ["bluebean"])
    assert [one["unit"] for one in kept["programmes"]] == [UNIT]  # type: ignore[attr-defined]
    assert (earned["amount"], earned["balance"]) == (300, 300)
    assert blocked["state"] == "blocked"
    assert (refused.exit_code, "membership_not_active" in refused.stderr) == (1, True)
    assert (shown["balance"], shown["available"]) == (180, 180)
    assert [one["kind"] for one in shown["history"]] == ["spend", "earn"]  # type: ignore[attr-defined]
    assert told(hub("lapse", "--json")) == {"memberships": 0, "lots": 0, "points": 0, "over": True}
    assert told(hub("warn", "--json")) == {"warnings": 0}


def test_people_are_told_in_words(hub: Run) -> None:
    missing = hub("enrol", "nobody.point")
    hub("add", "bluebean", "--time-zone", "Asia/Jakarta")

    assert (missing.exit_code, "programme_missing" in missing.stderr) == (1, True)
    assert "points lapse 12 months after they were earned, at the end of the month" in hub("list").output
    assert "0 points of 0 lots" in hub("lapse").output
