"""Whatever is changed behind the back of settlement is found."""

from typing import LiteralString

import pytest

from hub.kernel.clock import ManualClock
from hub.settlement import service, verification
from hub.storage import Database
from tests.conversion.world import World
from tests.settlement.test_payments import instructed, pay
from tests.settlement.test_windows import closed, posted, stated


def checks(database: Database) -> set[str]:
    """Which promises are broken."""
    with database.read() as work:
        return {one.check.removeprefix("settlement: ") for one in verification.verify(work)}


def lived(database: Database, clock: ManualClock) -> World:
    """A world with a paid window, an aborted one, a netted one and an open one."""
    world = World(database, clock)
    found = instructed(world)
    pay(world, found, "aerojet", 3_000)
    posted(world, ("aerojet", "northbank", 25))
    aborted = closed(world)
    stated(world, aborted)
    with database.work() as work:
        service.abort(work, aborted.id, actor="maya", now=clock.now())
    posted(world, ("aerojet", "northbank", 333))
    stated(world, closed(world))
    return world


def test_an_honest_life_verifies(database: Database, clock: ManualClock) -> None:
    lived(database, clock)

    assert checks(database) == set()


@pytest.mark.parametrize(
    ("change", "broken"),
    [
        ("UPDATE settlement_line SET credits = credits + 1 WHERE kind = 'credit'", "lines follow from the ledger"),
        ("DELETE FROM settlement_line WHERE kind = 'credit'", "lines follow from the ledger"),
        (
            "UPDATE settlement_obligation SET debits = debits + 1, closing = closing - 1",
            "obligations follow from lines",
        ),
        ("UPDATE settlement_obligation SET closing = closing + 1", "amount and closing are the position"),
        (
            "UPDATE settlement_obligation SET amount = amount + 1, closing = closing - 100000 WHERE amount > 0",
            "an amount is the rounded position",
        ),
        ("DELETE FROM settlement_obligation WHERE paid = 0 AND partner = 'northbank'", "every side has its obligation"),
        ("UPDATE settlement_statement SET document = document || 'x'::bytea", "a statement is what was issued"),
        ("UPDATE settlement_obligation SET paid = paid + 1 WHERE paid > 0", "what is paid is its payments"),
        (
            "WITH more AS (UPDATE settlement_payment SET amount = amount + 1 RETURNING obligation) "
            "UPDATE settlement_obligation SET paid = paid + 1 WHERE id IN (SELECT obligation FROM more)",
            "payments are in the ledger",
        ),
        (
            "UPDATE settlement_window SET first_period = first_period + 1 "
            "WHERE state = 'open' AND calendar = 'monthly'",
            "windows follow each other",
        ),
    ],
)
def test_whatever_is_changed_is_found(
    database: Database, clock: ManualClock, change: LiteralString, broken: str
) -> None:
    lived(database, clock)

    with database.work() as work:
        assert work.run(change)

    assert broken in checks(database)
