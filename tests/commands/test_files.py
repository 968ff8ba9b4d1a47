"""Files at the command line: what the page on them does not show."""

import json
from pathlib import Path

from tests.commands.conftest import Run
from tests.commands.test_sandbox import played


def test_a_file_that_is_not_there_is_refused_by_name(hub: Run) -> None:
    for command in ("show", "resend"):
        missing = hub("files", command, "fin_nothing", "--json")

        assert missing.returncode == 1
        assert json.loads(missing.stdout)["error"]["code"] == "file_missing"


def test_a_brand_of_files_is_played_in_its_folder(environment: dict[str, str]) -> None:
    with played(environment, "corner_shop", "--port", "0") as told:
        folder = Path(told["folder"])

    assert folder == Path(environment["HUB_DATA_DIR"]) / "files" / "corner_shop"
    assert {one.name for one in folder.iterdir() if not one.name.startswith(".")} == {"to_shop", "from_shop"}
