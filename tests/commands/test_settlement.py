"""Settlement on the command line, on a hub that has not converted anything yet."""

from pathlib import Path

from tests.commands.conftest import Run, document


def test_a_calendar_is_added_and_every_window_can_be_cut_off(hub: Run, tmp_path: Path) -> None:
    days = tmp_path / "days.csv"
    days.write_text("day,name\n2026-12-25,Christmas Day\n2027-01-01,New Year's Day\n")
    assert "2 closing days" in hub("calendar", "close-days", "target2", str(days)).stdout
    wanted = ("--every", "week", "--on", "friday", "--at", "18:00", "--zone", "Europe/Berlin", "--system", "target2")
    assert hub("calendar", "add", "fridays", *wanted).returncode == 0
    refused = hub("calendar", "add", "fridays", "--every", "day")
    assert refused.returncode == 1
    assert "[calendar_conflict]" in refused.stderr

    closed = document(hub("window", "close", "fridays", "--json"))["windows"]

    assert isinstance(closed, list)
    assert [(one["calendar"], one["number"], one["state"], one["obligations"]) for one in closed] == [
        ("fridays", 1, "stated", [])
    ]
    journal = hub("journal", "--window", closed[0]["id"], "--format", "hledger")
    assert journal.stdout == "; Coalition Hub, general-ledger journal\n"
    missing = hub("statement", "nobody", "--window", closed[0]["id"])
    assert "[statement_missing]" in missing.stderr
    assert document(hub("window", "disputes", "--json")) == {"objections": []}
    nothing = hub(
        "window", "dispute", "nobody", "--window", closed[0]["id"], "--line", "debit:staywell", "--reason", "not ours"
    )
    assert "[statement_missing]" in nothing.stderr
    assert "[objection_missing]" in hub("window", "decide", "obj_0", "--reject", "--remark", "no").stderr
