"""`verify` finds nothing in what was taken as it should be, and every change of a stored row."""

import pytest

from hub.earning.verification import verify
from hub.kernel.clock import ManualClock
from hub.storage import Database
from tests.earning.support import PLAIN, Spend, real_rows, row
from tests.earning.test_intake import POOLED

RULES = PLAIN + '[[rules]]\ncode = "double"\nkind = "multiply"\ntimes = 2\ncategories = ["K020"]\ncap = 20\n'


def story(database: Database, clock: ManualClock, rules: str = RULES) -> Spend:
    """Purchases, capped ones among them, refunds that found theirs and refunds that did not."""
    spend = Spend(database, clock, rules)
    spend.take([row("p1", "30.90"), row("p2", "15.00", category="K020"), row("p3", "9.99", token="card-2")])
    spend.take([row("r1", "-3.10", original="p1"), row("r2", "-4.00", merchant="elsewhere"), row("p4", "7.00")])
    spend.take([row("r3", "-15.00", original="p2", category="K020"), row("p5", "12.00", category="K020")])
    return spend


def broken(database: Database) -> set[str]:
    """Names of the rules that something breaks."""
    with database.read() as work:
        return {one.check for one in verify(work)}


@pytest.mark.parametrize("rules", [PLAIN, RULES, POOLED])
def test_what_was_taken_as_it_should_be_has_no_differences(database: Database, clock: ManualClock, rules: str) -> None:
    story(database, clock, rules)

    assert broken(database) == set()


def test_a_real_month_verifies(database: Database, clock: ManualClock) -> None:
    spend = Spend(database, clock, RULES)
    names = {"id": "transaction_id", "token": "card_last4", "time": "transacted_on", "amount": "billed_amount"}
    names |= {"currency": "billed_currency", "category": "category_code", "merchant": "merchant"}
    spend.take([{ours: one[theirs] for ours, theirs in names.items()} for one in real_rows("2016-06")])

    assert broken(database) == set()


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE card_transaction SET points = points + 1 WHERE id = 'p1'",
        "UPDATE card_transaction SET amount = amount + 1 WHERE id = 'p1'",
        "UPDATE card_transaction SET merchant = 'Corner shop' WHERE id = 'p1'",
        "UPDATE card_transaction SET category = 'K020' WHERE id = 'p1'",
        "UPDATE card_transaction SET at = at + interval '1 microsecond' WHERE id = 'p1'",
        "UPDATE card_transaction SET token = (SELECT number FROM card_token WHERE token = 'card-2') WHERE id = 'p1'",
        "UPDATE card_transaction SET refunded = refunded - 1 WHERE id = 'p1'",
        "DELETE FROM card_transaction WHERE id = 'p4'",
        "UPDATE earn_adjustment SET points = points - 1 WHERE transaction = 'r1'",
        "UPDATE earn_adjustment SET reason = 'refund_alone' WHERE transaction = 'r1'",
        "DELETE FROM earn_adjustment WHERE transaction = 'r2'",
        "UPDATE earn_refund SET amount = amount + 1 WHERE id = 'r1'",
        "UPDATE earn_refund SET state = 'held' WHERE id = 'r2'",
        "UPDATE earn_refund SET matched = 'p4' WHERE id = 'r1'",
        "UPDATE earn_pool SET points = points + 1",
        "UPDATE earn_pool SET spend = spend + 1",
        "UPDATE earn_pool SET sums = replace(sums, '12', '13')",
        "UPDATE earn_pricing SET chain = replace(chain, '1/100', '1/50')",
        "UPDATE earn_ruleset SET document = jsonb_set(document, '{rules,0,earn}', '\"2 per 1.00\"')",
        "UPDATE earn_chunk SET seal = decode(repeat('00', 32), 'hex')",
        "UPDATE earn_chunk SET state = 'stopped'",
    ],
)
def test_every_change_of_a_stored_row_is_found(database: Database, clock: ManualClock, change: str) -> None:
    story(database, clock)

    with database.work() as work:
        assert work.run(change) >= 1  # type: ignore[arg-type]

    assert broken(database) != set()
