"""A partner's engineer makes a brand, checks it and tries it, with nothing but the command line."""

import json
from pathlib import Path

import pytest

from tests.commands.conftest import Run, document
from tests.partners.mistakes import TEN, planted


@pytest.mark.parametrize("kind", ["rest", "declarative", "hosted"])
def test_a_new_brand_works_at_once(hub: Run, tmp_path: Path, kind: str) -> None:
    made = document(hub("partner", "new", "newcomer", "--kind", kind, "--into", str(tmp_path / "brands"), "--json"))

    checked = document(hub("partner", "check", str(made["folder"]), "--format", "json"))

    assert made == {"brand": "newcomer", "kind": kind, "folder": str(tmp_path / "brands" / "newcomer")}
    assert (checked["brand"], checked["kind"], checked["passed"]) == ("newcomer", kind, True)
    left = [file for file in (tmp_path / "brands").rglob("*") if file.is_file() and "your_brand" in file.read_text()]
    assert left == []


def test_a_folder_that_is_there_is_left_alone(hub: Run, tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "mine.txt").write_text("mine")

    done = hub("partner", "new", "taken", "--into", str(tmp_path), "--json")

    assert done.returncode == 1
    assert json.loads(done.stdout)["error"]["code"] == "brand_exists"
    assert [file.name for file in (tmp_path / "taken").iterdir()] == ["mine.txt"]


@pytest.mark.parametrize("name", ["Acme", "1st", "a", "acme-air", "../acme", "_acme", ""])
def test_a_name_that_is_no_code_is_wrong_use(hub: Run, tmp_path: Path, name: str) -> None:
    done = hub("partner", "new", "--into", str(tmp_path), "--", name)

    assert done.returncode == 2
    assert list(tmp_path.iterdir()) in ([], [tmp_path / "data"])


def test_a_broken_brand_fails_with_exit_code_1_in_every_form(hub: Run, tmp_path: Path) -> None:
    folder = str(planted(tmp_path, TEN["amount in wrong unit"]))
    out = tmp_path / "report.xml"

    text = hub("partner", "check", folder, "--only", "move")
    written = hub("partner", "check", folder, "--only", "move", "--format", "junit", "--out", str(out))

    assert (text.returncode, written.returncode) == (1, 1)
    assert "1. move.amount: The amount is in the wrong unit" in text.stdout
    assert "The contract is NOT kept." in text.stdout
    assert written.stdout == ""
    assert "NOT kept" in written.stderr
    assert "<failure" in out.read_text(encoding="utf-8")


def test_what_cannot_be_checked_is_refused(hub: Run, tmp_path: Path) -> None:
    unknown = hub("partner", "check", "nowhere")
    empty = hub("partner", "check", str(tmp_path))
    check = hub("partner", "check", "aerojet", "--only", "move.sideways")
    none = hub("partner", "check")

    assert [done.returncode for done in (unknown, empty, check, none)] == [1, 1, 1, 2]
    assert "brand_unknown" in unknown.stderr
    assert "brand_unknown" in empty.stderr
    assert "check_unknown" in check.stderr


def test_the_checks_are_listed_with_their_promises(hub: Run) -> None:
    done = hub("partner", "check", "--list")

    lines = done.stdout.splitlines()
    assert done.returncode == 0
    assert len(lines) == len({line.split()[0] for line in lines}) > 80
    assert any(line.startswith("fault.silence ") for line in lines)


def test_what_brands_can_do_is_listed_without_a_database(hub: Run, environment: dict[str, str]) -> None:
    listed = document(hub("partner", "list", "--brands", "--json"))
    plain = hub("partner", "list", "--brands")

    assert isinstance(listed["adapters"], list)
    speaks = {one["profile"]: one["speaks"] for one in listed["adapters"]}
    assert speaks == {
        "aerojet": "rest",
        "bluebean": "hosted",
        "corner_shop": "files",
        "greenroots": "declarative",
        "northbank": "rest",
        "sandbox": "rest",
        "staywell": "rest",
    }
    [northbank] = [one for one in listed["adapters"] if one["profile"] == "northbank"]
    assert (northbank["signing"], northbank["key_life_hours"], northbank["notifications"]) == ("rfc9421", 24, "rfc9421")
    assert "client_secret_post+rfc9421" in plain.stdout
    assert not (Path(environment["HUB_DATA_DIR"]) / "postgres").exists()


def test_a_brand_that_is_not_called_cannot_be_tried(hub: Run) -> None:
    done = hub("partner", "try", "bluebean")

    assert done.returncode == 1
    assert "brand_hosted" in done.stderr
