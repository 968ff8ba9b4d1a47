"""How many postings a second the ledger writes, against bare COPY of the same rows and one update of the balances."""

import statistics
import time
from collections.abc import Callable
from typing import LiteralString

import psycopg

from hub import ledger
from hub.kernel.clock import Clock
from hub.ledger import Account, Posting, Transfer
from hub.storage import Database, Work
from hub.trials.bench.figures import Figure
from hub.trials.bench.ground import bench_hub

BATCH_POSTINGS = 1_000
_ROUNDS = 25
_CODES = ("bench:left", "bench:right")
_SETUP: tuple[LiteralString, ...] = (
    "CREATE TABLE bench_key (LIKE ledger_key INCLUDING ALL)",
    "CREATE TABLE bench_posting (LIKE ledger_posting INCLUDING ALL)",
    "CREATE TABLE bench_entry (LIKE ledger_entry INCLUDING ALL)",
    "CREATE TABLE bench_balance (LIKE ledger_balance INCLUDING ALL)",
    "INSERT INTO bench_balance SELECT * FROM ledger_balance",
)
_METHOD = (
    f"Batches of {BATCH_POSTINGS:,} postings of two transfers (4 entries) between the same two accounts, one "
    f"connection, embedded PostgreSQL with durable commits, median of {_ROUNDS} rounds. The ledger does all it always "
    "does: keys, balances, turnover, content hashes, seal, triggers. Bare COPY writes the same rows of keys, postings "
    "and entries from prepared text into tables of the same shape and indexes, without triggers, and updates the two "
    "balances, in one transaction; rounds alternate."
)


def measure_posting(progress: Callable[[str], None]) -> list[Figure]:
    """Postings a second of the ledger and of bare COPY."""
    with bench_hub() as hub:
        progress("posting")
        database = hub.database
        with database.work() as work:
            accounts = [Account(code, "USD", None) for code in _CODES]
            ledger.open_accounts(work, accounts, now=hub.clock.now())
            for statement in _SETUP:
                work.run(statement)
        pairs = [(_ledger_round(hub.clock, database, number), _bare_round(database)) for number in range(_ROUNDS)]
    ours = BATCH_POSTINGS / statistics.median(pair[0] for pair in pairs)
    bare = BATCH_POSTINGS / statistics.median(pair[1] for pair in pairs)
    return [Figure("ledger_post", ours, "postings/s", bare, ours / bare, 0.5, _METHOD)]


def _ledger_round(clock: Clock, database: Database, number: int) -> float:
    left, right = _CODES
    moment = clock.now()
    requests = [
        Posting(
            f"bench-{number}-{one}",
            "bench",
            (Transfer(left, right, one + 2, "debit"), Transfer(right, left, 1, "fee")),
            moment,
            f"reference-{one}",
        )
        for one in range(BATCH_POSTINGS)
    ]
    started = time.perf_counter()
    with database.work() as work:
        ledger.enter(work)
        book = ledger.lock(work, codes=_CODES, keys=[one.key for one in requests], now=moment)
        for one in requests:
            book.post(one)
        book.write()
    return time.perf_counter() - started


def _bare_round(database: Database) -> float:
    """The rows that the ledger's round just wrote, copied as they are."""
    with database.work() as work:
        seal = work.fetch("SELECT max(id) FROM ledger_seal")[0][0]
        keys = _text(
            work, "SELECT k.* FROM ledger_key k JOIN ledger_posting p ON p.key = k.key WHERE p.seal = {}", seal
        )
        postings = _text(work, "SELECT * FROM ledger_posting WHERE seal = {}", seal)
        entries = _text(
            work, "SELECT e.* FROM ledger_entry e JOIN ledger_posting p ON p.id = e.posting WHERE p.seal = {}", seal
        )
    started = time.perf_counter()
    with database.work() as work:
        _copy(work, "COPY bench_key FROM STDIN", keys)
        _copy(work, "COPY bench_posting FROM STDIN", postings)
        _copy(work, "COPY bench_entry FROM STDIN", entries)
        work.run("UPDATE bench_balance SET posted = posted + 1, version = version + 2000")
    return time.perf_counter() - started


def _text(work: Work, query: LiteralString, seal: int) -> bytes:
    statement = psycopg.sql.SQL("COPY (" + query + ") TO STDOUT").format(psycopg.sql.Literal(seal))
    with work.raw.cursor() as cursor, cursor.copy(statement) as copy:
        return b"".join(bytes(part) for part in copy)


def _copy(work: Work, statement: LiteralString, data: bytes) -> None:
    with work.raw.cursor() as cursor, cursor.copy(statement) as copy:
        copy.write(data)
