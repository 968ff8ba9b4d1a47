"""Keys of partners' notifications and what waits in quarantine, from the command line."""

from pathlib import Path

from tests.commands.conftest import Run, document
from tests.partners.test_signatures import pem_pair

ROUTES = "hub/trials/data/transfer-routes.csv"


def test_a_secret_is_made_shown_once_and_replaced_with_an_overlap(hub: Run) -> None:
    hub("rates", "import", ROUTES)

    first = document(hub("notification", "add-key", "cathay", "--json"))
    second = document(hub("notification", "add-key", "cathay", "--json", "--actor", "maya"))
    listed = document(hub("notification", "keys", "cathay", "--json"))
    removed = hub("notification", "remove-key", "cathay", str(first["key"]))
    left = document(hub("notification", "keys", "cathay", "--json"))

    assert str(first["secret"]).startswith("whsec_")
    assert first["secret"] != second["secret"]
    assert [(key["key"], key["expires_at"] is None) for key in listed["keys"]] == [  # type: ignore[attr-defined]
        (second["key"], True),
        (first["key"], False),
    ]
    assert str(first["secret"]) not in str(listed)
    assert listed["scheme"] == "standard_webhooks"
    assert removed.returncode == 0
    assert [key["key"] for key in left["keys"]] == [second["key"]]  # type: ignore[attr-defined]


def test_a_key_that_the_brand_does_not_sign_by_is_refused(hub: Run, tmp_path: Path) -> None:
    hub("rates", "import", ROUTES)
    key = tmp_path / "public.pem"
    key.write_text(pem_pair()[1])

    wrong = hub("notification", "add-key", "cathay", "--file", str(key))
    nobody = hub("notification", "add-key", "nobody")

    assert (wrong.returncode, nobody.returncode) == (1, 1)
    assert "sender_key_invalid" in wrong.stderr
    assert "partner_unknown" in nobody.stderr


def test_what_is_not_there_can_be_neither_shown_nor_tried_again_nor_dismissed(hub: Run) -> None:
    id = "ntf_01krjw0000000000000000000e"

    listed = hub("notification", "list", "--state", "quarantined", "--json")
    done = [
        hub("notification", "show", id),
        hub("notification", "retry", id),
        hub("notification", "dismiss", id, "--reason", "none"),
    ]

    assert listed.stdout == "[]\n"
    assert [one.returncode for one in done] == [1, 1, 1]
    assert all("notification_missing" in one.stderr for one in done)
