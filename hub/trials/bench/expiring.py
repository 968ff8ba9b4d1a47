"""How long it takes until a million lots of a hosted programme have lapsed, as at the end of a year."""

import time
from collections.abc import Callable
from datetime import datetime, timedelta

from hub import chart, ledger
from hub.agreements import service as agreements
from hub.agreements.types import NewPartner, Unit
from hub.hosted.points import unit_accounts
from hub.hosted.types import Enrolment, Membership
from hub.kernel.ids import new_id
from hub.ledger import Posting, Transfer
from hub.storage import Work
from hub.trials.bench.figures import Figure
from hub.trials.bench.ground import bench_hub
from hub.wiring import Hub

LOTS = 1_000_000
_LOTS_EACH = 10
_POINTS_EACH = 100
_MEMBERS_AT_ONCE = 1_000
_PARTNER, _UNIT = "bluebean", "bluebean.bean"
_LOT_COLUMNS = (
    "id", "unit", "number", "partner", "source", "earned_at", "expires_at", "amount", "remaining", "held",
)  # fmt: skip
_MOVE_COLUMNS = ("key", "number", "lot", "kind", "change", "change_held", "undoes", "at")
_METHOD = (
    f"{LOTS:,} lots that lapse at one instant, {_LOTS_EACH} in each of {LOTS // _LOTS_EACH:,} memberships, let lapse "
    "in one run of bounded parts as the scheduler does it: lots locked by their membership, a move for each lot, a "
    "posting for each membership, an event for each part; embedded PostgreSQL with durable commits. Bare SQL sets the "
    "same lots to zero and writes the same moves into tables of the same shape and indexes, in one transaction."
)


def measure_expiring(progress: Callable[[str], None], *, lots: int = LOTS) -> list[Figure]:
    """Lots a second that lapse, and that bare SQL would change. lots: how many; a multiple of ten thousand."""
    with bench_hub() as hub:
        progress("expiring: seeding")
        _seed(hub, lots)
        bare = _bare(hub, lots)
        progress("expiring: one run")
        started = time.perf_counter()
        run = hub.runs.lapse(now=hub.clock.now())
        seconds = time.perf_counter() - started
    assert (run.lots, run.points, run.over) == (lots, lots * _POINTS_EACH, True), run
    detail = f"({lots:,} lots in {seconds:.1f} s)"
    return [Figure("hosted_expiry", lots / seconds, "lots/s", lots / bare, bare / seconds, 0.2, _METHOD, detail)]


def _seed(hub: Hub, lots: int) -> None:
    """Memberships with their lots, and what the ledger says about them."""
    now = hub.clock.now()
    rules = hub.registry.programme(_PARTNER)
    assert rules is not None, "the brand is in the box"
    with hub.database.work() as work:
        partner = NewPartner(_PARTNER, rules.name, str(rules.kind), _PARTNER)
        agreements.add_partner(work, partner, actor="bench", now=now)
        agreements.add_unit(work, Unit(_UNIT, _PARTNER, rules.unit_name, 0, "points", "", True), actor="bench", now=now)
        ledger.open_accounts(work, unit_accounts(_UNIT), now=now)
    for _ in range(lots // _LOTS_EACH // _MEMBERS_AT_ONCE):
        with hub.database.work() as work:
            ledger.enter(work)
            made = hub.hosted.enrol(work, [Enrolment(_UNIT)] * _MEMBERS_AT_ONCE, now=now)
            _earn(work, [one for one in made if isinstance(one, Membership)], now)
    with hub.database.work() as work:
        for table in ("hosted_lot", "hosted_lot_move", "hosted_membership", "ledger_balance", "ledger_account"):
            work.run(f"ANALYZE {table}")


def _earn(work: Work, members: list[Membership], now: datetime) -> None:
    """Ten lots each, under one posting, that lapsed yesterday."""
    earned, ended = now - timedelta(days=400), now - timedelta(days=1)
    postings = [
        Posting(
            f"hosted:bench-{member.id}",
            "hosted_earn",
            (Transfer(chart.issued(_UNIT), chart.member(*member.place), _LOTS_EACH * _POINTS_EACH),),
            earned,
        )
        for member in members
    ]
    codes = {code for one in postings for code in (one.transfers[0].debit, one.transfers[0].credit)}
    book = ledger.lock(work, codes=codes, keys=[one.key for one in postings], now=now)
    for one in postings:
        book.post(one)
    book.write()
    lots = [
        (new_id("lot", earned), one.key, place, member.number)
        for one, member in zip(postings, members, strict=True)
        for place in range(_LOTS_EACH)
    ]
    work.copy_in(
        "hosted_lot",
        _LOT_COLUMNS,
        [
            (id_, _UNIT, number, _PARTNER, key, earned, ended, _POINTS_EACH, _POINTS_EACH, 0)
            for id_, key, _, number in lots
        ],
    )
    work.copy_in(
        "hosted_lot_move",
        _MOVE_COLUMNS,
        [(key, place, id_, "earn", _POINTS_EACH, 0, "", earned) for id_, key, place, _ in lots],
    )


def _bare(hub: Hub, lots: int) -> float:
    """Seconds of the least that any way of doing it has to write."""
    with hub.database.work() as work:
        work.run("CREATE TABLE bench_lot (LIKE hosted_lot INCLUDING ALL)")
        work.run("CREATE TABLE bench_move (LIKE hosted_lot_move INCLUDING ALL)")
        work.run("INSERT INTO bench_lot SELECT * FROM hosted_lot")
    started = time.perf_counter()
    with hub.database.work() as work:
        changed = work.run("UPDATE bench_lot SET remaining = 0 WHERE expires_at <= now() AND remaining > held")
        work.run(
            "INSERT INTO bench_move SELECT 'lapse:' || number || id, 0, id, 'lapse', -amount, 0, '', now() "
            "FROM bench_lot"
        )
    seconds = time.perf_counter() - started
    assert changed == lots, "every lot is due"
    with hub.database.work() as work:
        work.run("DROP TABLE bench_lot, bench_move")
    return seconds
