"""The guide to card spend says what is so: its rules are rules, its codes the codes, its sums the sums."""

import json
import re
from pathlib import Path

from hub.earning.claims import ClaimAnswer
from hub.earning.payouts import PayoutState
from hub.earning.receiving import rows_of as transactions
from hub.earning.refusals import ITEM_CODES
from hub.earning.rules_document import COLUMNS, read_rules
from hub.kernel.clock import ManualClock
from hub.storage import Database
from schemas.spend import CardTransactionsRequest
from tests.earning.support import BANK, Spend, row

GUIDE = (Path(__file__).resolve().parents[2] / "docs" / "card-spend.md").read_text(encoding="utf-8")


def block(language: str) -> str:
    """The first code block of a language."""
    found = re.search(rf"```{language}\n(.*?)```", GUIDE, re.DOTALL)
    assert found
    return found[1]


def rows_of(title: str) -> dict[str, str]:
    """First and last cell of the rows of the table below a heading."""
    section = GUIDE.partition(f"## {title}\n")[2].partition("\n## ")[0]
    return {
        line.split("|")[1].strip(" `"): line.split("|")[-2].strip() for line in re.findall(r"^\| `.*$", section, re.M)
    }


def test_the_rules_of_the_guide_earn_what_it_says(database: Database, clock: ManualClock) -> None:
    spend = Spend(database, clock, block("toml"))

    taken = spend.take(
        [
            row("ten", "10.00", category="K020"),
            row("more", "10.90", category="K020"),
            row("fee", "5.00", category="L540"),
        ]
    )

    assert taken.frame["points"].to_list() == [20, 21, 0]
    assert read_rules(block("toml"), bank=BANK).rules[1].cap == 500


def test_the_request_of_the_guide_is_one() -> None:
    items = CardTransactionsRequest().load(json.loads(block("json")))["items"]

    rows, malformed = transactions(items)
    assert malformed == set()
    assert all(one["amount"] for one in rows)


def test_the_tables_of_the_guide_are_those_of_the_code() -> None:
    assert rows_of("Codes of records") == ITEM_CODES
    assert set(rows_of("Columns")) == set(COLUMNS)
    assert set(rows_of("Where the points go")) == set(PayoutState)
    assert set(rows_of("Claims for missing points")) == set(ClaimAnswer)
