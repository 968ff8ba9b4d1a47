"""The command line as a person and a script use it."""

import json
from importlib.resources import files
from pathlib import Path

from tests.commands.conftest import Run, document

ROUTES = str(files("hub.trials") / "data" / "transfer-routes.csv")


def test_real_routes_are_imported_once_and_quoted_exactly(hub: Run) -> None:
    first = document(hub("rates", "import", ROUTES, "--json"))
    again = document(hub("rates", "import", ROUTES, "--json"))
    quoted = document(
        hub("quote", "--source", "amex_mr.point", "--target", "cathay.point", "--amount", "5000", "--json")
    )

    assert (first["added"], first["partners_added"]) == (81, 40)
    assert (again["added"], again["changed"], again["unchanged"]) == (0, 0, 81)
    amounts = {name: quoted[name] for name in ("source_amount", "target_amount", "base", "bonus", "fee", "rate")}
    assert amounts == {
        "source_amount": 5000,
        "target_amount": 4000,
        "base": 4000,
        "bonus": 0,
        "fee": 0,
        "rate": "4/5",
    }
    assert quoted["clearing"] is None
    assert quoted["explain"]


def test_a_refusal_is_said_in_words_and_for_machines(hub: Run, tmp_path: Path) -> None:
    broken = tmp_path / "broken.csv"
    broken.write_text(Path(ROUTES).read_text().replace(",5,4,1000,1000,", ",5,0,1000,1000,", 1))

    words = hub("rates", "import", str(broken))
    machine = hub("rates", "import", str(broken), "--json")
    unknown = hub("quote", "--source", "nobody.point", "--target", "cathay.point", "--amount", "1", "--json")
    small = hub("quote", "--source", "amex_mr.point", "--target", "cathay.point", "--amount", "5", "--json")

    assert words.returncode == 1
    assert "rates_file_invalid" in words.stderr
    assert words.stdout == ""
    assert machine.returncode == 1
    assert json.loads(machine.stdout)["error"]["code"] == "rates_file_invalid"
    assert unknown.returncode == 1
    assert json.loads(unknown.stdout)["error"]["code"] == "unit_missing"
    assert json.loads(small.stdout)["error"]["code"] == "unit_missing", "nothing of the broken file was imported"


def test_wrong_use_ends_with_2_and_says_what_is_wrong(hub: Run) -> None:
    done = hub("quote", "--source", "amex_mr.point")

    assert done.returncode == 2
    assert "--target" in done.stderr


def test_a_client_is_added_and_its_secret_shown_once(hub: Run) -> None:
    hub("rates", "import", ROUTES)

    added = document(hub("client", "add", "amex_mr", "--auth", "secret", "--json"))
    rotated = document(hub("client", "rotate", str(added["client_id"]), "--json"))
    foreign = hub("client", "add", "nobody", "--auth", "secret", "--json")

    assert len(str(added["client_secret"])) >= 32
    assert rotated["client_secret"] != added["client_secret"]
    assert json.loads(foreign.stdout)["error"]["code"] == "partner_unknown"


def test_the_books_of_an_empty_hub_verify(hub: Run) -> None:
    done = hub("verify", "--json")

    assert done.returncode == 0
    assert document(done) == {"ok": True, "differences": [], "audit": [], "audit_head": "0:"}


def test_a_noted_head_of_the_audit_log_must_still_be_there(hub: Run) -> None:
    hub("keys", "rotate", "--compromised")
    head = str(document(hub("verify", "--json"))["audit_head"])
    forged = head.split(":")[0] + ":" + "00" * 32

    again = hub("verify", "--audit-head", head)
    wrong = hub("verify", "--audit-head", forged)
    nonsense = hub("verify", "--audit-head", "yesterday")

    assert (again.returncode, wrong.returncode, nonsense.returncode) == (0, 3, 2)
    assert f"audit log up to {head}" in again.stdout
    assert "is not the one that was noted" in wrong.stdout


def test_partners_and_adapters_are_listed(hub: Run) -> None:
    hub("rates", "import", ROUTES)

    listed = document(hub("partner", "list", "--json"))

    partners = listed["partners"]
    adapters = listed["adapters"]
    assert isinstance(partners, list)
    assert isinstance(adapters, list)
    assert {"amex_mr", "cathay", "hyatt"} <= {one["code"] for one in partners}
    assert {"aerojet", "northbank", "sandbox", "staywell"} <= {one["profile"] for one in adapters}


def test_one_person_stops_a_partner_and_two_start_it_again(hub: Run) -> None:
    hub("rates", "import", ROUTES)
    ask = ("quote", "--source", "amex_mr.point", "--target", "cathay.point", "--amount", "5000", "--json")

    stopped = hub("partner", "stop", "cathay", "--reason", "incident", "--actor", "ann", "--json")
    refused = hub(*ask)
    hub("partner", "start", "cathay", "--propose", "--actor", "ann")
    alone = hub("partner", "start", "cathay", "--actor", "ann", "--json")
    started = hub("partner", "start", "cathay", "--actor", "bob", "--json")
    quoted = hub(*ask)

    assert stopped.returncode == 0
    assert refused.returncode == 1
    assert json.loads(alone.stdout)["error"]["code"] == "four_eyes"
    assert started.returncode == 0
    assert quoted.returncode == 0


def test_signing_keys_are_listed_and_rotated_with_care(hub: Run) -> None:
    listed = json.loads(hub("keys", "list", "--json").stdout)
    early = hub("keys", "rotate", "--json")
    after = json.loads(hub("keys", "rotate", "--compromised", "--actor", "ann", "--json").stdout)

    assert [one["state"] for one in listed] == ["active", "next"]
    assert (early.returncode, json.loads(early.stdout)["error"]["code"]) == (1, "key_too_fresh")
    assert [one["state"] for one in after] == ["active", "next"]
    assert after[0]["kid"] == listed[1]["kid"]
    assert document(hub("verify", "--json"))["ok"]


def test_another_master_key_takes_the_place_of_the_one_in_the_data_folder(
    hub: Run, environment: dict[str, str], tmp_path: Path
) -> None:
    made = hub("keys", "list", "--json").stdout
    fresh = tmp_path / "fresh.key"
    fresh.write_text("a new master key of more than thirty-two characters\n")
    environment["HUB_MASTER_KEY_FILE"] = str(fresh)
    alone = hub("keys", "list", "--json")
    environment["HUB_MASTER_KEY_OLD_FILE"] = str(tmp_path / "data" / "master.key")

    words = hub("keys", "rewrap")
    again = document(hub("keys", "rewrap", "--json"))
    del environment["HUB_MASTER_KEY_OLD_FILE"]
    after = hub("keys", "list", "--json").stdout
    del environment["HUB_MASTER_KEY_FILE"]
    refused = hub("keys", "list")

    assert (alone.returncode, json.loads(alone.stdout)["error"]["code"]) == (1, "master_key_invalid")
    assert "sealed again" in words.stdout
    tables = again["tables"]
    assert isinstance(tables, list)
    assert (sum(one["resealed"] for one in tables), sum(one["lost"] for one in tables)) == (0, 0)
    assert sum(one["current"] for one in tables) >= 4
    assert after == made
    assert refused.returncode == 1
    assert "master_key_invalid" in refused.stderr


def test_a_plan_on_the_real_routes_is_made_of_what_quotes_say(hub: Run) -> None:
    hub("rates", "import", ROUTES)

    held = ("--hold", "amex_mr.point=40000", "--hold", "capital_one.point=30000")
    found = document(hub("plan", "--target", "emirates.point", "--amount", "40000", *held, "--json"))
    words = hub("plan", "--target", "emirates.point", "--amount", "400000", *held)
    wrong = hub("plan", "--target", "emirates.point", "--amount", "1", "--hold", "amex_mr.point=x")

    first = found["ways"][0]  # type: ignore[index]
    assert first["target_amount"] >= 40_000
    assert {step["target_unit"] for step in first["steps"]} == {"emirates.point"}
    assert "of 400000 emirates.point could be reached" in words.stdout
    assert wrong.returncode == 2
