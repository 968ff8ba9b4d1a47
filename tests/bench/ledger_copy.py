"""Measures the ledger's `post` against bare COPY of the same rows and one update of the balances.

Method: batches of 1,000 postings of two transfers (4 entries) between the same two accounts, one connection, on the
server of `database_url` (migrated, otherwise empty). The ledger does everything it always does: keys, balances,
turnover, content hashes, seal, triggers. Bare COPY writes the same rows of `ledger_key`, `ledger_posting` and
`ledger_entry` through `copy.write` of prepared text into tables of the same shape and indexes, without triggers, and
updates the two balances, in one transaction per batch. Rounds alternate; the medians are compared.
"""

import statistics
import time
from datetime import UTC, datetime

from hub import ledger
from hub.ledger import Account, Posting, Transfer
from hub.storage import Database

BATCH_POSTINGS = 1_000
_NOW = datetime(2026, 4, 6, 9, 0, tzinfo=UTC)
_CODES = ("bench:left", "bench:right")
_SETUP = (
    "CREATE TABLE bench_key (LIKE ledger_key INCLUDING ALL)",
    "CREATE TABLE bench_posting (LIKE ledger_posting INCLUDING ALL)",
    "CREATE TABLE bench_entry (LIKE ledger_entry INCLUDING ALL)",
    "CREATE TABLE bench_balance (LIKE ledger_balance INCLUDING ALL)",
    "INSERT INTO bench_balance SELECT * FROM ledger_balance",
)


def measure(database_url: str, *, rounds: int = 25, number_first: int = 0) -> dict[str, float]:
    """Postings a second of the ledger and of bare COPY (medians), and their ratio."""
    database = Database(database_url)
    with database.work() as work:
        ledger.open_accounts(work, [Account(code, "USD", None) for code in _CODES], now=_NOW)
        for statement in _SETUP:
            work.run(statement)
    ledger_seconds: list[float] = []
    bare_seconds: list[float] = []
    for number in range(number_first, number_first + rounds):
        ledger_seconds.append(_ledger_round(database, number))
        bare_seconds.append(_bare_round(database, number))
    with database.work() as work:
        for table in ("bench_key", "bench_posting", "bench_entry", "bench_balance"):
            work.run(f"DROP TABLE {table}")  # type: ignore[arg-type]
    database.close()
    ledger_rate = BATCH_POSTINGS / statistics.median(ledger_seconds)
    bare_rate = BATCH_POSTINGS / statistics.median(bare_seconds)
    return {"ledger_per_second": ledger_rate, "bare_per_second": bare_rate, "ratio": ledger_rate / bare_rate}


def _ledger_round(database: Database, number: int) -> float:
    left, right = _CODES
    requests = [
        Posting(
            f"bench-{number}-{one}",
            "bench",
            (Transfer(left, right, one + 2, "debit"), Transfer(right, left, 1, "fee")),
            _NOW,
            f"reference-{one}",
        )
        for one in range(BATCH_POSTINGS)
    ]
    started = time.perf_counter()
    with database.work() as work:
        ledger.enter(work)
        book = ledger.lock(work, codes=_CODES, keys=[one.key for one in requests], now=_NOW)
        for one in requests:
            book.post(one)
        book.write()
    return time.perf_counter() - started


def _bare_round(database: Database, number: int) -> float:
    """The rows that the ledger's round just wrote, copied as they are."""
    with database.work() as work:
        seal = work.fetch("SELECT max(id) FROM ledger_seal")[0][0]
        keys = _text(work, f"COPY (SELECT key FROM ledger_posting WHERE seal = {seal} ORDER BY key) TO STDOUT")
        postings = _text(work, f"COPY (SELECT * FROM ledger_posting WHERE seal = {seal}) TO STDOUT")
        entries = _text(
            work,
            "COPY (SELECT e.* FROM ledger_entry e JOIN ledger_posting p ON p.id = e.posting "
            f"WHERE p.seal = {seal}) TO STDOUT",
        )
    started = time.perf_counter()
    with database.work() as work:
        _copy(work, "COPY bench_key FROM STDIN", keys)
        _copy(work, "COPY bench_posting FROM STDIN", postings)
        _copy(work, "COPY bench_entry FROM STDIN", entries)
        work.run("UPDATE bench_balance SET posted = posted + 1, version = version + 2000")
    return time.perf_counter() - started


def _text(work: object, statement: str) -> bytes:
    with work.raw.cursor() as cursor, cursor.copy(statement) as copy:  # type: ignore[attr-defined]
        return b"".join(bytes(part) for part in copy)


def _copy(work: object, statement: str, data: bytes) -> None:
    with work.raw.cursor() as cursor, cursor.copy(statement) as copy:  # type: ignore[attr-defined]
        copy.write(data)
