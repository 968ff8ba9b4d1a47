"""Several threads, connections and processes at once: caps hold, keys act once, periods lose nothing."""

import multiprocessing
import os
import threading
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta
from fractions import Fraction

import psycopg
import pytest
from sqlalchemy.exc import DBAPIError

from hub import ledger
from hub.kernel.errors import HubError
from hub.ledger import Book, Posted, Posting
from hub.ledger.seals import writer
from hub.storage import Batcher, Database, Work
from tests.ledger.support import NOW, balance_of, booked, differences, opened, post_of, word


def _decide(work: Work, requests: Sequence[Posting]) -> list[Posted | HubError]:
    ledger.enter(work)
    codes = {code for one in requests for side in one.transfers for code in (side.debit, side.credit)}
    book = ledger.lock(work, codes=codes, keys=[one.key for one in requests], now=NOW)
    answers: list[Posted | HubError] = [book.post(one) for one in requests]
    book.write()
    return answers


def _together(calls: Sequence[Callable[[], object]]) -> list[object]:
    """Results, or faults, of calls that start at the same moment, in order."""
    gate = threading.Barrier(len(calls))
    results: list[object] = [None] * len(calls)

    def run(place: int, call: Callable[[], object]) -> None:
        gate.wait()
        try:
            results[place] = call()
        except Exception as fault:
            results[place] = fault

    threads = [threading.Thread(target=run, args=(place, call)) for place, call in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def _submit(batcher: "Batcher[Posting, Posted]", posting: Posting) -> str:
    try:
        return word(batcher.submit(posting))
    except HubError as refusal:
        return word(refusal)


def test_the_cap_holds_under_64_threads_on_one_pair(database: Database) -> None:
    opened(database, {"cap": -100, "hub": None})
    batcher: Batcher[Posting, Posted] = Batcher(database, _decide, name="test")

    results = _together(
        [
            lambda thread=thread: [  # type: ignore[misc]
                _submit(batcher, post_of(f"{thread}-{number}", ("cap", "hub", 1 + number % 3))) for number in range(5)
            ]
            for thread in range(64)
        ]
    )
    batcher.stop()

    answers = Counter(answer for result in results for answer in result)  # type: ignore[attr-defined]
    assert set(answers) == {"posted", "floor_breached"}
    assert balance_of(database, "cap").posted == -100
    assert differences(database) == []


def test_threads_without_a_batcher_do_not_deadlock(database: Database) -> None:
    opened(database, {"a": None, "b": None, "c": None})

    def move(name: str, codes: str) -> None:
        first, *_, last = codes.split()
        for number in range(15):
            with booked(database, codes, f"{name}{number}") as book:
                book.post(post_of(f"{name}{number}", (first, last, 1)))

    orders = ["a b c", "c b a", "b c a", "c a b"]
    results = _together([lambda order=order: move(order.replace(" ", ""), order) for order in orders])  # type: ignore[misc]

    assert results == [None] * 4
    assert [balance_of(database, code).version for code in "abc"] == [45, 30, 45]
    assert differences(database) == []


def _child(url: str, name: str, answers: "multiprocessing.Queue[list[str]]") -> None:
    """Own keys against the cap, then keys that every process uses."""
    database = Database(url)
    batcher: Batcher[Posting, Posted] = Batcher(database, _decide, name=name)
    own = [post_of(f"{name}-{number}", ("cap", "hub", 1)) for number in range(60)]
    shared = [post_of(f"shared-{number}", ("hub", "other", 1)) for number in range(20)]
    found: list[str] = []
    lock = threading.Lock()

    def ask(postings: list[Posting]) -> None:
        for one in postings:
            answer = _submit(batcher, one)
            with lock:
                found.append(answer)

    _together([lambda part=part: ask(own[part::4] + shared) for part in range(4)])  # type: ignore[misc]
    batcher.stop()
    database.close()
    answers.put(found)


def test_the_cap_holds_and_keys_act_once_between_processes(database: Database, database_url: str) -> None:
    opened(database, {"cap": -100, "hub": None, "other": None})
    context = multiprocessing.get_context("spawn")
    answers: multiprocessing.Queue[list[str]] = context.Queue()
    children = [context.Process(target=_child, args=(database_url, f"child{number}", answers)) for number in range(2)]

    for child in children:
        child.start()
    met = Counter(answer for _ in children for answer in answers.get(timeout=120))
    for child in children:
        child.join()

    assert met == {"posted": 100 + 20, "floor_breached": 20, "posted again": 8 * 20 - 20}
    assert balance_of(database, "cap").posted == -100
    assert balance_of(database, "other").posted == 20
    assert differences(database) == []


def _fresh(database: Database, act: Callable[[Book], object], keys: str, codes: str = "a b c d") -> str:
    """One request in a transaction of its own, repeated like the batcher does after a race."""
    batcher: Batcher[str, object] = Batcher(
        database, lambda work, requests: [_acted(work, act, keys, codes) for _ in requests], name="test"
    )
    answer = batcher.submit_many(["go"])[0]
    batcher.stop()
    return word(answer)


def _acted(work: Work, act: Callable[[Book], object], keys: str, codes: str) -> object:
    ledger.enter(work)
    book = ledger.lock(work, codes=codes.split(), keys=keys.split(), now=NOW)
    answer = act(book)
    book.write()
    return answer


@pytest.mark.parametrize("round_number", range(5))
def test_one_key_used_for_a_hold_and_a_posting_at_once_is_used_once(database: Database, round_number: int) -> None:
    opened(database, {"a": None, "b": None, "c": None, "d": None})

    results = _together(
        [
            lambda: _fresh(database, lambda book: book.post(post_of("1", ("a", "b", 1))), "1", "a b"),
            lambda: _fresh(database, lambda book: book.hold(post_of("1", ("c", "d", 1))), "1", "c d"),
        ]
    )

    assert sorted(map(str, results)) in (["held", "key_reused"], ["key_reused", "posted"])
    assert differences(database) == []


@pytest.mark.parametrize("round_number", range(5))
def test_a_hold_that_is_posted_and_voided_at_once_ends_once(database: Database, round_number: int) -> None:
    opened(database, {"a": None, "b": None})
    with booked(database, "a b", "1") as book:
        book.hold(post_of("1", ("a", "b", 5)))

    results = _together(
        [
            lambda: _fresh(database, lambda book: book.post_hold("1", effective_at=NOW), "1", ""),
            lambda: _fresh(database, lambda book: book.void_hold("1"), "1", ""),
        ]
    )

    assert sorted(map(str, results)) in (["hold_resolved", "posted"], ["hold_resolved", "voided"])
    assert differences(database) == []


@pytest.mark.parametrize("round_number", range(5))
def test_two_reversals_at_once_never_undo_more_than_the_whole(database: Database, round_number: int) -> None:
    opened(database, {"a": None, "b": None})
    with booked(database, "a b", "1") as book:
        book.post(post_of("1", ("a", "b", 9)))

    def undo(key: str) -> str:
        return _fresh(
            database, lambda book: book.reverse(key, of="1", share=Fraction(2, 3), effective_at=NOW), f"1 {key}", ""
        )

    results = _together([lambda: undo("2"), lambda: undo("3")])

    assert sorted(map(str, results)) == ["posted", "reversal_exceeded"]
    assert balance_of(database, "a").posted == -3


def test_closing_waits_for_the_batch_under_way_and_delays_the_next_one_no_longer(database: Database) -> None:
    opened(database, {"a": None, "b": None})
    closing, next_done = threading.Event(), threading.Event()
    answers: list[Posted] = []

    def close() -> None:
        closing.set()
        with database.work() as work:
            ledger.close_period(work, now=NOW + timedelta(hours=1))

    def post_next() -> None:
        with booked(database, "a b", "2") as book:
            answers.append(book.post(post_of("2", ("a", "b", 1))))  # type: ignore[arg-type]
        next_done.set()

    with booked(database, "a b", "1") as book:
        answers.append(book.post(post_of("1", ("a", "b", 1))))  # type: ignore[arg-type]
        threads = [threading.Thread(target=close), threading.Thread(target=post_next)]
        threads[0].start()
        closing.wait()
        _wait_for_lock(database, 1)
        threads[1].start()
        _wait_for_lock(database, 2)
        assert not next_done.is_set()
    for thread in threads:
        thread.join()

    assert [one.period for one in answers] == [1, 2]
    with database.read() as work:
        assert [(one.number, one.closed_at) for one in ledger.periods(work)] == [
            (1, NOW + timedelta(hours=1)),
            (2, None),
        ]
        assert ledger.period(work).number == 2


def _wait_for_lock(database: Database, waiting: int) -> None:
    """Until so many transactions wait for an advisory lock."""
    count = 0
    while count < waiting:
        with database.engine.connect() as other:
            count = other.exec_driver_sql(
                "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted "
                "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
            ).scalar_one()


def test_closing_under_load_loses_and_strands_nothing(database: Database) -> None:
    opened(database, {"a": None, "b": None})
    batcher: Batcher[Posting, Posted] = Batcher(database, _decide, name="test")
    stop = threading.Event()
    closed: list[int] = []

    def close_often() -> None:
        while not stop.wait(0.002):
            with database.work() as work:
                closed.append(ledger.close_period(work, now=NOW).number)

    closer = threading.Thread(target=close_often)
    closer.start()
    periods = _together(
        [
            lambda thread=thread: [  # type: ignore[misc]
                batcher.submit(post_of(f"{thread}-{number}", ("a", "b", 1))).period for number in range(20)
            ]
            for thread in range(8)
        ]
    )
    stop.set()
    closer.join()
    batcher.stop()

    answered = Counter(period for result in periods for period in result)  # type: ignore[attr-defined]
    with database.read() as work:
        for period in ledger.periods(work):
            turnover = ledger.turnover(work, period.number, prefix="a")
            assert sum(one.count for one in turnover) == answered[period.number]
            assert len(ledger.postings(work, period.number, after=None, limit=1_000)) == answered[period.number]
    assert sum(answered.values()) == 160
    assert len(answered) > 1
    assert differences(database) == []


def test_a_transaction_that_posts_cannot_close_its_period(database: Database) -> None:
    with database.work() as work:
        ledger.enter(work)
        ledger.enter(work)

        with pytest.raises(AssertionError, match="cannot close"):
            ledger.close_period(work, now=NOW)


def _post_and_lose(database: Database, lose: Callable[[Database, Work], None]) -> None:
    with database.work() as work:
        _decide(work, [post_of("1", ("a", "b", 1))])
        lose(database, work)


def _kill(database: Database, work: Work) -> None:
    """End the server's side of the connection, as a crash of the server would."""
    with database.engine.connect() as other:
        other.exec_driver_sql("SELECT pg_terminate_backend(%s)", (work.raw.info.backend_pid,))


def _lose_during_commit(database: Database, work: Work) -> None:
    """Send COMMIT and hang up before the answer: nobody knows whether it happened."""
    work.raw.pgconn.send_query(b"COMMIT")
    work.raw.pgconn.flush()
    work.raw.close()


def test_a_connection_that_dies_before_commit_leaves_nothing_and_the_repeat_posts(database: Database) -> None:
    opened(database, {"a": None, "b": None})

    with pytest.raises((psycopg.OperationalError, DBAPIError)):
        _post_and_lose(database, _kill)

    with booked(database, "a b", "1") as book:
        assert word(book.post(post_of("1", ("a", "b", 1)))) == "posted"

    assert balance_of(database, "a").posted == -1
    assert differences(database) == []


@pytest.mark.parametrize("number", range(6))
def test_a_connection_lost_during_commit_is_ambiguous_and_the_repeat_is_safe(database: Database, number: int) -> None:
    opened(database, {"a": None, "b": None})
    with pytest.raises((psycopg.Error, DBAPIError)):
        _post_and_lose(database, _lose_during_commit)

    answer = _fresh(database, lambda book: book.post(post_of("1", ("a", "b", 1))), "1", "a b")

    assert answer in ("posted", "posted again")
    assert balance_of(database, "a").posted == -1
    assert differences(database) == []


def test_every_thread_and_every_forked_process_seals_a_chain_of_its_own() -> None:
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # newer Pythons warn of threads, which the child ignores
        child = os.fork()
    if child == 0:
        os.write(writing, str(writer()).encode())
        os._exit(0)
    os.waitpid(child, 0)
    forked = os.read(reading, 36).decode()
    os.close(reading)
    os.close(writing)

    others = _together([lambda: str(writer()) for _ in range(2)])

    assert len({str(writer()), forked, *others}) == 4
    assert writer() == writer()
