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
    assert document(done) == {"ok": True, "differences": [], "audit": []}


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
