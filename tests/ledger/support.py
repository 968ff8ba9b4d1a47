"""Builders for tests of the ledger: they show only what matters to a test."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime

from hub import ledger
from hub.kernel.errors import HubError
from hub.ledger import Account, Balance, Book, Difference, Posted, Posting, Transfer, Voided
from hub.storage import Database

NOW = datetime(2026, 4, 6, 9, 0, tzinfo=UTC)


def post_of(key: str, *transfers: tuple[object, ...], **more: object) -> Posting:
    """A posting of transfers written as (debit, credit, amount[, label])."""
    sides = tuple(Transfer(*one) for one in transfers)  # type: ignore[arg-type]
    content: dict[str, object] = {"kind": "test", "effective_at": NOW, **more}
    return Posting(key=key, transfers=sides, **content)  # type: ignore[arg-type]


def opened(database: Database, floors: Mapping[str, int | None], *, unit: str = "USD", now: datetime = NOW) -> None:
    """Open accounts of one unit with these floors."""
    with database.work() as work:
        ledger.open_accounts(work, [Account(code, unit, floor) for code, floor in floors.items()], now=now)


@contextmanager
def booked(database: Database, codes: str, keys: str, now: datetime = NOW) -> Iterator[Book]:
    """A book over these codes and keys, each separated by spaces; written and committed at the end."""
    with database.work() as work:
        ledger.enter(work)
        book = ledger.lock(work, codes=codes.split(), keys=keys.split(), now=now)
        yield book
        book.write()


def balance_of(database: Database, code: str) -> Balance:
    """The balance of one account."""
    with database.read() as work:
        return ledger.balances(work, [code])[code]


def differences(database: Database) -> list[Difference]:
    """What `verify` finds."""
    with database.read() as work:
        return ledger.verify(work)


def word(answer: object) -> str:
    """An answer in one word: `posted`, `held`, `voided`, each `again` if it was a repeat, or the refusal's code."""
    if isinstance(answer, HubError):
        return answer.code
    if isinstance(answer, list):
        return "held again" if all(one.replayed for one in answer) else "held"
    name = "posted" if isinstance(answer, Posted) else "voided" if isinstance(answer, Voided) else "held"
    return f"{name} again" if answer.replayed else name  # type: ignore[attr-defined]
