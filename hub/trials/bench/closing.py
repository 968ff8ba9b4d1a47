"""What a cut-off costs when a window has seen a hundred times as many postings."""

import statistics
import time
from collections.abc import Callable, Sequence
from datetime import datetime

from hub import chart, ledger
from hub.ledger import Posting, Transfer
from hub.settlement import service, store
from hub.trials.bench.figures import Figure
from hub.trials.bench.ground import bench_hub
from hub.trials.stage import set_stage
from hub.wiring import Hub

POSTINGS = 1_000_000
_FEWER = 100
_SMALL_WINDOWS = 5
_BATCH_POSTINGS = 5_000
_METHOD = (
    f"A monthly window cut off and netted: close (the ledger's slice, the window, the next one) and net (lines and "
    f"obligations) with durable commits on embedded PostgreSQL, over {POSTINGS:,} postings between positions and the "
    f"hub's trading account. The baseline is the same over {POSTINGS // _FEWER:,}, median of {_SMALL_WINDOWS} windows. "
    "Statements are not in it: their Merkle roots cover every entry, so they cost by the entry, after the cut-off."
)


def measure_closing(progress: Callable[[str], None], *, postings: int = POSTINGS) -> list[Figure]:
    """Windows a second over many postings and over few. postings: in the large window; a multiple of a hundred."""
    with bench_hub() as hub:
        set_stage(hub)
        accounts = _accounts(hub)
        few = []
        for number in range(_SMALL_WINDOWS):
            _post(hub, accounts, f"few-{number}", postings // _FEWER)
            few.append(_closed(hub, postings // _FEWER))
        progress("closing: posting")
        _post(hub, accounts, "many", postings)
        progress("closing: one window")
        many = _closed(hub, postings)
    baseline = statistics.median(few)
    detail = f"({many * 1000:.1f} ms, and {baseline * 1000:.1f} ms over few)"
    return [Figure("close_window", 1 / many, "windows/s", 1 / baseline, baseline / many, 0.5, _METHOD, detail)]


def _accounts(hub: Hub) -> list[tuple[str, str, str]]:
    """Position, trading account and label of every agreement."""
    found = []
    with hub.database.work() as work:
        rows = work.fetch("SELECT partner, currency, version FROM agreement WHERE calendar = 'monthly'")
        for partner, currency, version in sorted(rows):
            position, trading = chart.position(partner, currency), chart.trading(currency)
            accounts = [ledger.Account(code, currency, None) for code in (position, trading)]
            ledger.open_accounts(work, accounts, now=hub.clock.now())
            found.append((position, trading, chart.price_label("credit", version, "bench")))
    return found


def _post(hub: Hub, accounts: Sequence[tuple[str, str, str]], name: str, postings: int) -> None:
    codes = {code for position, trading, _ in accounts for code in (position, trading)}
    for first in range(0, postings, _BATCH_POSTINGS):
        now = hub.clock.now()
        batch = [
            _posting(accounts[number % len(accounts)], f"{name}-{number}", now)
            for number in range(first, min(first + _BATCH_POSTINGS, postings))
        ]
        with hub.database.work() as work:
            ledger.enter(work)
            book = ledger.lock(work, codes=codes, keys=[one.key for one in batch], now=now)
            for one in batch:
                book.post(one)
            book.write()


def _posting(ends: tuple[str, str, str], key: str, now: datetime) -> Posting:
    position, trading, label = ends
    return Posting(key, "bench", (Transfer(trading, position, 1, label),), now, None)


def _closed(hub: Hub, postings: int) -> float:
    """Seconds that the cut-off and netting take; every posting is in the lines."""
    started = time.perf_counter()
    with hub.database.work() as work:
        window = service.close(work, "monthly", early=True, now=hub.clock.now())
    assert window is not None, "somebody else closed it"
    with hub.database.work() as work:
        service.net(work, window.id, now=hub.clock.now())
    seconds = time.perf_counter() - started
    with hub.database.read() as work:
        assert sum(line.count for line in store.lines(work, window.id)) == postings, "every posting is on a line"
    return seconds
