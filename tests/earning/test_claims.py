"""Claims for missing points: every answer that there is, and why."""

from datetime import date

import pytest

from hub import ledger
from hub.agreements.roster import roster
from hub.earning import service
from hub.earning.claims import ClaimAnswer, NewClaim
from hub.earning.refusals import ClaimMissing, TokenMissing
from hub.kernel.clock import ManualClock
from hub.storage import Database
from tests.earning.paying import Payday
from tests.earning.support import BANK, PLAIN, UNIT, Spend, row

RULES = PLAIN + "[intake]\nclaim_days = 3660\n" + '[[rules]]\ncode = "no"\nkind = "exclude"\ncategories = ["L540"]\n'
DAY = date(2016, 6, 10)


def claimed(spend: Spend, new: NewClaim) -> tuple[str, int | None]:
    with spend.database.work() as work:
        desk = service.desk_of(work, roster(work), BANK, now=spend.clock.now())
        claim = service.make_claim(work, desk, new)
        assert service.get_claim(work, claim.id, bank=BANK) == claim
    return claim.answer.value, claim.points


@pytest.mark.parametrize(
    ("new", "answer"),
    [
        (NewClaim("card-1", DAY, 1_090, "p"), ("credited", 10)),
        (NewClaim("card-1", date(2016, 6, 13), 1_090), ("credited", 10)),
        (NewClaim("card-9", DAY, 1_090), ("not_received", None)),
        (NewClaim("card-1", date(2016, 6, 16), 1_090), ("not_received", None)),
        (NewClaim("card-1", DAY, 1_091), ("not_received", None)),
        (NewClaim("card-1", DAY, 500, merchant="PUB"), ("credited", 5)),
        (NewClaim("card-1", DAY, 500, merchant="fees"), ("earned_nothing", 0)),
        (NewClaim("card-1", DAY, 700), ("refunded", 7)),
        (NewClaim("card-1", DAY, 50), ("earned_nothing", 0)),
        (NewClaim("card-1", DAY, 1_000, "bad"), ("refused", None)),
        (NewClaim("card-1", DAY, 1_000, "unheard-of"), ("not_received", None)),
        (NewClaim("card-9", DAY, 1_090, "p"), ("not_received", None)),
    ],
)
def test_a_claim_is_answered_by_what_was_received(
    database: Database, clock: ManualClock, new: NewClaim, answer: tuple[str, int | None]
) -> None:
    spend = Spend(database, clock, RULES)
    spend.take(
        [
            row("p", "10.90"),
            row("pub", "5.00", merchant="the pub"),
            row("fee", "5.00", merchant="fees", category="L540"),
            row("back", "7.00", merchant="shoes"),
            row("small", "0.50"),
            row("bad", "10.00", currency="USD"),
            row("other", "1.00", token="card-9"),
        ]
    )
    spend.take([row("r", "-7.00", original="back", merchant="shoes")])

    assert claimed(spend, new) == answer


def test_a_claim_beyond_the_window_is_too_old(database: Database, clock: ManualClock) -> None:
    spend = Spend(database, clock, RULES.replace("3660", "30"))
    spend.take([row("p", "10.90")])

    assert claimed(spend, NewClaim("card-1", DAY, 1_090, "p")) == ("too_old", None)


def test_a_claim_of_a_stopped_bank_says_that_the_points_wait(database: Database, clock: ManualClock) -> None:
    spend = Spend(database, clock, RULES)
    spend.take([row(f"t{number}", "99999999.00") for number in range(6)])

    assert claimed(spend, NewClaim("card-1", DAY, 9_999_999_900, "t1"))[0] == ClaimAnswer.STOPPED


def test_a_claim_says_where_the_points_are(database: Database, clock: ManualClock) -> None:
    day = Payday(database, clock, RULES)
    day.spend.take([row("p", "10.90")])
    details = []
    for step in (lambda: None, day.pay, lambda: day.link("card-1"), day.pay, day.work):
        step()
        with database.work() as work:
            desk = service.desk_of(work, roster(work), BANK, now=clock.now())
            details.append(service.make_claim(work, desk, NewClaim("card-1", DAY, 1_090)).detail)

    said = [detail.partition("; ")[2] for detail in details]
    assert said == [
        "they go to the partner with the next payout.",
        "they wait for a membership at the partner.",
        "they wait for a membership at the partner.",
        "they are on their way to the partner.",
        "they have arrived at the partner.",
    ]


def test_claims_are_the_banks_own(database: Database, clock: ManualClock) -> None:
    spend = Spend(database, clock, RULES)
    spend.take([row("p", "10.90")])
    claimed(spend, NewClaim("card-1", DAY, 1_090))

    with database.work() as work:
        [one] = service.list_claims(work, bank=BANK, live=False, after="", limit=10)
        with pytest.raises(ClaimMissing):
            service.get_claim(work, one.id, bank="aerojet")
        desk = service.desk_of(work, roster(work), BANK, now=clock.now())
        with pytest.raises(TokenMissing):
            service.make_claim(work, desk, NewClaim("nobody", DAY, 1_090))


class Funded:
    """A bank that pays in advance."""

    def __init__(self, database: Database, clock: ManualClock) -> None:
        self.spend = Spend(database, clock)

    def add(self, kind: str, unit: str, amount: int, *, reorder_at: int = 0, reserve: bool = False) -> str:
        with self.spend.database.work() as work:
            known = service.entered_roster(work)
            return service.add_block(
                work, known, bank=BANK, kind=kind, unit=unit, amount=amount, reorder_at=reorder_at, reserve=reserve,
                actor="maya", now=self.spend.clock.now(),
            )  # fmt: skip

    def left(self) -> list[int]:
        with self.spend.database.read() as work:
            return [one.left for one in service.blocks_of_bank(work, BANK)]

    def state(self) -> tuple[str, str, int]:
        with self.spend.database.read() as work:
            found = service.bank_state(work, BANK)
        return found.state, found.reason, found.waiting

    def alerts(self) -> int:
        with self.spend.database.read() as work:
            count = "SELECT count(*) FROM outbox_message WHERE body ->> 'type' = 'prepaid.low'"
            return int(work.fetch(count)[0][0])  # type: ignore[arg-type]


def test_blocks_are_used_oldest_first_and_the_reserve_last(database: Database, clock: ManualClock) -> None:
    bank = Funded(database, clock)
    reserve = bank.add("points", UNIT, 50, reserve=True)
    bank.add("points", UNIT, 30, reorder_at=10)

    bank.spend.take([row("a", "15.00")])
    first, calm = bank.left(), bank.alerts()
    bank.spend.take([row("b", "10.00")])
    second, alarmed = bank.left(), bank.alerts()
    bank.spend.take([row("c", "20.00")])

    assert reserve
    assert (sorted(first), sorted(second), sorted(bank.left())) == ([15, 50], [5, 50], [0, 35])
    assert (calm, alarmed, bank.alerts()) == (0, 1, 1)
    assert bank.spend.differences() == []


def test_a_bank_whose_blocks_are_used_up_stops_and_goes_on_once_it_is_funded(
    database: Database, clock: ManualClock
) -> None:
    bank = Funded(database, clock)
    bank.add("points", UNIT, 30)

    bank.spend.take([row("a", "20.00")])
    taken = bank.spend.take([row("b", "20.00")])
    stopped, waiting = taken.stopped, bank.state()
    bank.spend.take([row("c", "5.00")])
    before = service.resume_stopped(database, clock)
    bank.add("points", UNIT, 100)
    posted = service.resume_stopped(database, clock)

    assert (stopped, waiting) == (True, ("stopped", "prepaid_exhausted", 1))
    assert (before, posted, bank.state()) == (0, 2, ("open", "", 0))
    assert sum(bank.left()) == 130 - 45
    assert bank.spend.points() == {"card-1": 45}
    assert bank.spend.differences() == []


def test_a_deposit_pays_at_the_accrual_price_and_gets_claw_backs_back(database: Database, clock: ManualClock) -> None:
    bank = Funded(database, clock)
    bank.add("deposit", "USD", 10**9)

    bank.spend.take([row("a", "20.00")])
    [after] = bank.left()
    bank.spend.take([row("r", "-5.00", original="a")])

    paid = 10**9 - after
    assert paid > 0
    assert bank.left() == [10**9 - paid * 15 // 20]
    assert bank.spend.balance(f"position:{BANK}:USD") == 0


def test_a_postpaid_bank_goes_on_when_its_cap_is_raised(database: Database, clock: ManualClock) -> None:
    bank = Funded(database, clock)
    bank.spend.take([row(f"t{number}", "99999999.00") for number in range(6)])
    stopped = bank.state()

    with database.work() as work:
        ledger.enter(work)
        ledger.set_floors(work, {f"position:{BANK}:USD": -(10**15)}, now=clock.now())
    service.resume_stopped(database, clock)

    assert stopped == ("stopped", "net_debit_cap_reached", 1)
    assert bank.state() == ("open", "", 0)
    assert bank.spend.balance(f"accrued:{BANK}:{UNIT}") == 6 * 99_999_999
