"""Card transactions that a bank tells of its own accord: taken as if it had sent them over HTTP, and counted once."""

import json

import pytest

from hub.agreements.roster import roster
from hub.conversion.service import Conversions
from hub.earning import service as earning
from hub.earning.types import NewToken
from hub.kernel.clock import ManualClock
from hub.legs.service import Legs
from hub.notifications import service as notifications
from hub.notifications.types import Proven, Received, Stored
from hub.rates.catalogue import CatalogueCache
from hub.rates.quotes import Quoter
from hub.storage import Database
from hub.worker.direct import run_due
from hub.worker.notifications import NotificationHandler
from tests.conversion.world import VAULT
from tests.earning.support import BANK, Spend
from tests.worker.test_notifications import Directory


@pytest.fixture
def spend(database: Database, clock: ManualClock) -> Spend:
    spend = Spend(database, clock)
    with database.work() as work:
        earning.link_tokens(
            work, roster(work), [NewToken("t-1", "member-1")], bank=BANK, actor="alice", now=clock.now()
        )
    return spend


def tell(spend: Spend, *transactions: object, id: str, bank: str = BANK) -> Received:
    """Let a bank tell of transactions, and the worker act on it; what became of it."""
    now = spend.clock.now()
    body = {
        "type": "card.transactions",
        "timestamp": "2026-04-06T09:00:00Z",
        "subject": "lot-1",
        "data": {"transactions": transactions},
    }
    handler = NotificationHandler(
        spend.database,
        VAULT,
        Legs(Directory()),
        Conversions(CatalogueCache(), Quoter([b"a secret of sixteen bytes"], seconds=600)),
        spend.clock,
    )
    with spend.database.work() as work:
        proven = Proven(bank, id, now, "settings", json.dumps(body).encode())
        (stored,) = notifications.store(work, VAULT, [proven], now=now)
    assert isinstance(stored, Stored)
    run_due(spend.database, {notifications.NOTIFICATION_RECEIVED: handler}, now, 100)
    with spend.database.read() as work:
        return notifications.get(work, stored.id)


def bought(id: str, amount: object = 1_000) -> dict[str, object]:
    return {
        "id": id, "token": "t-1", "time": "2026-04-02", "amount": amount, "currency": "GBP", "category": "5541",
    }  # fmt: skip


def test_transactions_are_taken_and_counted_once_however_often_they_are_told(spend: Spend) -> None:
    first = tell(spend, bought("a"), bought("b"), id="m-1")
    again = tell(spend, bought("a"), bought("b"), id="m-2")

    assert (first.state, first.reason) == ("done", "2 accepted")
    assert (again.state, again.reason) == ("done", "2 duplicate")


def test_each_transaction_is_judged_by_itself_and_the_sender_is_told(spend: Spend) -> None:
    received = tell(spend, bought("a"), bought("b", "ten"), 7, id="m-1")

    assert (received.state, received.reason) == ("done", "1 accepted, 1 amount_invalid, 1 row_malformed")


def test_a_bank_without_rules_is_set_aside_until_it_has_some(spend: Spend) -> None:
    received = tell(spend, bought("a"), id="m-1", bank="aerojet")

    assert received.state == "quarantined"
    assert received.reason.startswith("earn_rules_missing: ")
