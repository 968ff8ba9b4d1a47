"""Why an accrual is what it is, what other rules would have made of history, and who has to agree to rules."""

from datetime import date, timedelta
from fractions import Fraction

import pytest

from hub.agreements.approvals import approve
from hub.agreements.refusals import ApprovalMissing, FourEyes
from hub.agreements.roster import roster
from hub.earning import service
from hub.earning.refusals import AccrualMissing, EarnRulesInvalid, EarnRulesMissing, SimulationTooWide
from hub.earning.rules_document import read_rules
from hub.earning.simulation import Simulation
from hub.kernel.clock import ManualClock
from hub.storage import Database
from tests.earning.support import BANK, PLAIN, UNIT, Spend, row
from tests.earning.test_intake import POOLED

DOUBLE = PLAIN + '[[rules]]\ncode = "fuel"\nkind = "multiply"\ntimes = 2\ncategories = ["K020"]\n'


def explained(database: Database, transaction: str) -> list[tuple[str, Fraction | None]]:
    with database.read() as work:
        found = service.find_accrual(work, transaction, bank=BANK)
        return [(one.what, one.points) for one in service.explain(work, found)]


def test_an_accrual_is_explained_rule_by_rule(database: Database, clock: ManualClock) -> None:
    spend = Spend(database, clock, DOUBLE)
    spend.take([row("p", "10.90", category="K020")])
    spend.take([row("r", "-5.00", original="p", category="K020")])

    assert explained(database, "p") == [("rule", 10), ("rule", 11), ("rounded", 21), ("refund", -10)]
    assert explained(database, "r") == [("matched", None), ("refund", -10)]


def test_an_accrual_of_a_month_is_explained_with_its_month(database: Database, clock: ManualClock) -> None:
    spend = Spend(database, clock, POOLED)
    spend.take([row("p", "30.00", category="K020"), row("q", "1.00")])

    assert explained(database, "p") == [("rule", 10), ("rule", 10), ("rounded", 17), ("month", 17)]


def test_the_rounding_of_an_exact_share_is_shown(database: Database, clock: ManualClock) -> None:
    spend = Spend(database, clock, PLAIN.replace('"1 per 1.00"', '"1 per 3.00"\nrounding = "statement"'))
    spend.take([row("p", "10.00")])

    assert explained(database, "p")[0] == ("rule", Fraction(10, 3))


def test_what_is_stopped_or_excluded_says_so(database: Database, clock: ManualClock) -> None:
    spend = Spend(database, clock, PLAIN + '[[rules]]\ncode = "no"\nkind = "exclude"\ncategories = ["L540"]\n')
    spend.take([row("x", "5.00", category="L540")])
    spend.take([row(f"t{number}", "99999999.00") for number in range(6)])

    assert explained(database, "x") == [("no_rule", 0)]
    assert explained(database, "t1")[-1] == ("stopped", None)


def test_accruals_are_the_banks_own(database: Database, clock: ManualClock) -> None:
    spend = Spend(database, clock)
    spend.take([row("p", "10.00"), row("q", "10.00", token="card-2")])

    with database.read() as work:
        own = service.list_accruals(work, bank=BANK, member=None, transaction=None, live=False, after=(0, 0), limit=10)
        one = service.list_accruals(
            work, bank=BANK, member=own[1].member, transaction=None, live=False, after=(0, 0), limit=10
        )
        with pytest.raises(AccrualMissing):
            service.get_accrual(work, own[0].id, bank="aerojet")
        with pytest.raises(AccrualMissing):
            service.get_accrual(work, "acr_nothing", bank=BANK)

    assert [found.transaction for found in own] == ["p", "q"]
    assert [found.transaction for found in one] == ["q"]


def simulated(database: Database, clock: ManualClock, rules: str, *, most: int | None = None) -> Simulation:
    with database.read() as work:
        return service.simulate(
            work, roster(work), read_rules(rules, bank=BANK), since=date(2016, 6, 1), until=date(2016, 7, 1),
            now=clock.now(), transactions_max=most,
        )  # fmt: skip


def test_a_simulation_tells_what_rules_would_cost_and_who_gains(database: Database, clock: ManualClock) -> None:
    spend = Spend(database, clock)
    spend.take(
        [
            row("p", "10.90", category="K020"),
            row("q", "20.00", token="card-2"),
            row("later", "50.00", time="2016-07-01"),
        ]
    )
    spend.take([row("r", "-5.00", original="p", category="K020")])

    found = simulated(database, clock, DOUBLE.replace("2016-01-01", "2030-01-01"))

    assert [(one.unit, one.points_now, one.points_then) for one in found.units] == [(UNIT, 25, 31)]
    price = (found.units[0].cost_now or 0) // 25
    assert (found.units[0].cost_now, found.units[0].cost_then) == (25 * price, 31 * price)
    assert (found.transactions, found.gaining, found.losing, found.unchanged) == (2, 1, 0, 1)
    assert (found.categories[0].name, found.categories[0].points_now, found.categories[0].points_then) == (
        "K020",
        5,
        11,
    )
    assert spend.points() == {"card-1": 55, "card-2": 20}, "nothing is written"


def test_a_simulation_of_the_same_rules_changes_nothing(database: Database, clock: ManualClock) -> None:
    spend = Spend(database, clock, POOLED)
    spend.take([row(f"p{number}", "17.35", category="K020" if number % 2 else "L100") for number in range(9)])
    spend.take([row("r", "-9.00", original="p3", category="K020"), row("s", "-4.00", merchant="elsewhere")])

    found = simulated(database, clock, POOLED)

    assert found.units[0].points_now == found.units[0].points_then == spend.points()["card-1"]
    assert (found.gaining, found.losing) == (0, 0)


def test_a_simulation_over_too_much_is_refused(database: Database, clock: ManualClock) -> None:
    spend = Spend(database, clock)
    spend.take([row("p", "10.90"), row("q", "10.90")])

    with pytest.raises(SimulationTooWide):
        simulated(database, clock, DOUBLE, most=1)

    assert simulated(database, clock, DOUBLE, most=2).transactions == 2


def made_live(database: Database) -> None:
    with database.work() as work:
        work.run("UPDATE partner SET live = true, state = 'live'")


def test_live_rules_need_a_second_person_and_everybody_they_name(database: Database, clock: ManualClock) -> None:
    Spend(database, clock)
    made_live(database)
    tomorrow = (clock.now() + timedelta(days=1)).date().isoformat()
    document = read_rules(PLAIN.replace("2016-01-01", tomorrow), bank=BANK).document
    past = read_rules(PLAIN, bank=BANK).document

    with database.work() as work:
        known, now = roster(work), clock.now()
        id = service.propose_rules(work, known, document, bank=BANK, actor="maya", now=now).id
        late = service.propose_rules(work, known, past, bank=BANK, actor="maya", now=now).id
        for rules in (id, late):
            approve(work, rules, partner=BANK, actor="bank", now=now)
        with pytest.raises(FourEyes):
            service.activate_rules(work, known, id, bank=BANK, actor="maya", now=now)
        with pytest.raises(ApprovalMissing):
            service.activate_rules(work, known, id, bank=BANK, actor="noor", now=now)
        for rules in (id, late):
            approve(work, rules, partner="aerojet", actor="airline", now=now)
        with pytest.raises(EarnRulesInvalid):
            service.activate_rules(work, known, late, bank=BANK, actor="noor", now=now)
        with pytest.raises(EarnRulesMissing):
            service.activate_rules(work, known, id, bank="nobody", actor="noor", now=now)
        service.activate_rules(work, known, id, bank="", actor="noor", now=now)

        assert service.get_rules(work, id, bank="aerojet").ruleset.state == "active"
        assert service.approvals_of(work, id) == ["aerojet", BANK]
