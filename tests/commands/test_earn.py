"""Earn rules on the command line, as an operator walks through them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from hub.commands import books, spend
from tests.earning.support import PLAIN

FILE = """id,token,time,amount,currency,category
t1,card-1,2016-06-10,10.00,GBP,5541
t2,card-2,2016-06-11,7.90,GBP,5812
"""

Ask = Callable[..., Any]


@pytest.fixture
def ask(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ask:
    """Runs a command in this process over a database of its own; what it prints as JSON."""
    monkeypatch.setenv("HUB_DATABASE_URL", database_url)
    monkeypatch.setenv("HUB_DATA_DIR", str(tmp_path / "data"))
    groups = {command.name: command for command in (*spend.COMMANDS, *books.COMMANDS)}

    def run(group: str, *arguments: object) -> Any:
        done: Result = CliRunner().invoke(groups[group], [*map(str, arguments), "--json"], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)

    return run


def test_rules_are_tried_on_what_was_spent_before_they_go_live(ask: Ask, tmp_path: Path) -> None:
    old, new, spent = tmp_path / "old.toml", tmp_path / "new.toml", tmp_path / "spent.csv"
    old.write_text(PLAIN)
    new.write_text(PLAIN + '[[rules]]\ncode = "fuel"\nkind = "multiply"\ntimes = 3\ncategories = ["5541"]\n')
    spent.write_text(FILE)
    imported = ask("spend", "import", spent, "--bank", "northbank", "--rules", old)

    days = ("--from", "2016-06-01", "--to", "2016-07-01")
    tried = ask("earn", "simulate", new, "--bank", "northbank", *days)
    proposed = ask("earn", "propose", new, "--bank", "northbank", "--actor", "maya")
    ask("earn", "activate", proposed["id"], "--actor", "noor")
    listed = ask("earn", "rules", "--bank", "northbank")
    explained = ask("earn", "explain", "t2", "--bank", "northbank")

    assert (imported["accepted"], imported["points"]) == (2, 17)
    assert [(one["points_now"], one["points_then"]) for one in tried["units"]] == [(17, 37)]
    assert tried["members"] == {"gaining": 1, "losing": 0, "unchanged": 1}
    assert [one["state"] for one in listed] == ["active", "active"]
    assert [one["what"] for one in explained["explain"]] == ["rule", "rounded"]
    assert ask("verify")["ok"]


def test_a_bank_is_funded_and_a_claim_answered(ask: Ask, tmp_path: Path) -> None:
    rules, spent = tmp_path / "rules.toml", tmp_path / "spent.csv"
    rules.write_text(PLAIN + "[intake]\nclaim_days = 36500\n")
    spent.write_text(FILE)
    ask("spend", "import", spent, "--bank", "northbank", "--rules", rules)
    block = ask("spend", "fund", "--bank", "northbank", "--kind", "points", "--unit", "aerojet.mile", "--amount", 100)
    resumed = ask("spend", "resume", "--bank", "northbank")
    target = ask(
        "spend",
        "target",
        "--bank",
        "northbank",
        "--token",
        "card-1",
        "--unit",
        "northbank.cashback",
        "--since",
        "2016-07-01",
    )

    made = ask("claim", "make", "--bank", "northbank", "--token", "card-1", "--day", "2016-06-11", "--amount", 1_000)
    missing = ask("claim", "make", "--bank", "northbank", "--token", "card-1", "--day", "2016-06-11", "--amount", 7)
    listed = ask("claim", "list", "--bank", "northbank")

    assert block["block"].startswith("blk_")
    assert (resumed["posted_chunks"], resumed["state"]) == (0, "open")
    assert (target["unit"], target["since"]) == ("northbank.cashback", "2016-07-01")
    assert (made["answer"], made["points"], missing["answer"]) == ("credited", 10, "not_received")
    assert [one["id"] for one in listed] == [made["id"], missing["id"]]


def test_tokens_are_linked_from_a_file(ask: Ask, tmp_path: Path) -> None:
    rules, spent, tokens = tmp_path / "rules.toml", tmp_path / "spent.csv", tmp_path / "tokens.csv"
    rules.write_text(PLAIN + '[tokens]\nunknown = "refuse"\n')
    spent.write_text(FILE)
    tokens.write_text("token,member,product\ncard-1,customer-1,gold\n")
    first = ask("spend", "import", spent, "--bank", "northbank", "--rules", rules)
    linked = ask("spend", "link", tokens, "--bank", "northbank")
    again = ask("spend", "import", spent, "--bank", "northbank")

    assert (first["accepted"], first["refusals"]) == (0, {"token_unknown": 2})
    assert linked == {"linked": 1}
    assert (again["accepted"], again["refusals"]) == (1, {"token_unknown": 1})
