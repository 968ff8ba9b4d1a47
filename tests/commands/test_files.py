"""Files at the command line: a brand that speaks them is tried, played, exchanged with and looked at."""

import json
from pathlib import Path

from tests.commands.conftest import Run, document
from tests.commands.test_sandbox import played


def test_a_brand_of_files_is_tried_by_real_conversions_while_files_go_wrong(hub: Run) -> None:
    found = document(
        hub("partner", "try", "corner_shop", "--conversions", "4", "--faults", "truncated=200,missing=200", "--json")
    )

    assert found["ok"] is True
    conversions = found["conversions"]
    assert isinstance(conversions, list)
    assert {one["state"] for one in conversions} == {"posted"}


def test_a_partner_without_files_has_none_to_exchange(hub: Run) -> None:
    done = hub("files", "run", "nobody", "--json")
    listed = document(hub("files", "list", "--json"))
    missing = hub("files", "show", "fin_nothing", "--json")

    assert json.loads(done.stdout)["error"]["code"] == "partner_speaks_no_files"
    assert listed == {"files": []}
    assert json.loads(missing.stdout)["error"]["code"] == "file_missing"


def test_a_brand_of_files_is_played_in_its_folder(environment: dict[str, str]) -> None:
    with played(environment, "corner_shop", "--port", "0") as told:
        folder = Path(told["folder"])

    assert folder == Path(environment["HUB_DATA_DIR"]) / "files" / "corner_shop"
    assert {one.name for one in folder.iterdir() if not one.name.startswith(".")} == {"to_shop", "from_shop"}
