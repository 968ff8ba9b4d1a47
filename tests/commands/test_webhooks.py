"""Endpoints at the command line."""

import json
from importlib.resources import files

from tests.commands.conftest import Run, document

ROUTES = str(files("hub.trials") / "data" / "transfer-routes.csv")


def listed(hub: Run, *arguments: str) -> list[dict[str, object]]:
    done = hub("webhook", *arguments, "--json")
    assert done.returncode == 0, done.stderr
    found: list[dict[str, object]] = json.loads(done.stdout)
    return found


def test_an_endpoint_is_added_tested_replayed_and_its_secret_shown_once(hub: Run) -> None:
    assert hub("rates", "import", ROUTES).returncode == 0
    made = document(
        hub("webhook", "add", "cathay", "https://hooks.partner.example/", "--type", "conversion.posted", "--json")
    )

    shown = listed(hub, "list")
    tested = document(hub("webhook", "test", str(made["id"]), "--json"))
    replayed = document(hub("webhook", "replay", str(made["id"]), "--since", "2026-01-01T00:00:00Z", "--json"))

    (secret,) = made["new_secrets"]  # type: ignore[misc]
    assert secret["secret"].startswith("whsec_")
    assert [one["id"] for one in shown] == [made["id"]]
    assert secret["secret"] not in json.dumps(shown)
    assert tested == {"endpoint": made["id"], "type": "webhook.test"}
    assert replayed == {"count": 0}
    assert listed(hub, "dead") == []


def test_wrong_use_and_refusals_are_told_apart(hub: Run) -> None:
    nobody = hub("webhook", "add", "nobody", "https://hooks.partner.example/", "--json")
    timeless = hub("webhook", "replay", "whe_1")
    wrong = hub("webhook", "replay", "whe_1", "--since", "yesterday")
    missing = hub("webhook", "replay", "dlv_1", "--json")

    assert json.loads(nobody.stdout)["error"]["code"] == "partner_missing"
    assert (timeless.returncode, wrong.returncode, missing.returncode) == (2, 2, 1)
    assert "--since" in timeless.stderr
    assert json.loads(missing.stdout)["error"]["code"] == "delivery_missing"
