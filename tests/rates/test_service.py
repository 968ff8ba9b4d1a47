"""Rules and campaigns between live partners: second persons, approvals, notice, guard, losses, budgets and stops."""

import threading
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction

import pytest

from hub import chart, ledger
from hub.agreements import service as agreements
from hub.agreements.refusals import ApprovalMissing, FourEyes, StartNotProposed, TestLiveMixed, UnitMissing
from hub.agreements.types import AgreementDraft
from hub.ledger import KeyReused
from hub.rates import service
from hub.rates.catalogue import CatalogueCache, load
from hub.rates.pricing import price
from hub.rates.refusals import (
    ArbitrageFound,
    CampaignInvalid,
    CampaignMissing,
    CampaignUnfunded,
    LossUnsigned,
    NoticeTooShort,
    RouteMissing,
    RouteStopped,
    RuleInvalid,
    RuleMissing,
    RuleStateWrong,
)
from hub.rates.types import Block, CampaignDraft, Fee, PriceRequest, RuleDraft, RuleState
from hub.storage import Database, Work
from tests.agreements.builders import DAY, NOW, add, agree, draft

ASK = PriceRequest("a.point", "b.point", 1_000)


def _rule(give: int = 1, get: int = 1, *, source: str = "a", target: str = "b", since: datetime = NOW) -> RuleDraft:
    return RuleDraft(f"{source}.point", f"{target}.point", (Block(0, give, get),), 1, 1, since)


def _campaign(percent: int = 20, *, funder: str = "a", source: str = "a", target: str = "b") -> CampaignDraft:
    days = (date(2026, 4, 1), date(2026, 4, 30))
    return CampaignDraft("sale", f"{source}.point", f"{target}.point", funder, *days, percent=Fraction(percent))


def _live(work: Work, *codes: str) -> None:
    for code in codes:
        add(work, code, live=True)


def _approve(work: Work, subject: str, *codes: str) -> None:
    for code in codes:
        agreements.approve(work, subject, partner=code, actor=f"user of {code}", now=NOW)


def _approved(work: Work, wanted: RuleDraft) -> str:
    id = service.propose_rule(work, wanted, actor="ada", now=NOW)
    _approve(work, id, "a", "b")
    return id


def _activated(work: Work, wanted: RuleDraft, *, now: datetime = NOW, signed_by: str = "") -> str:
    id = _approved(work, wanted)
    service.activate_rule(work, id, actor="ben", now=now, signed_by=signed_by)
    return id


def _agreed(work: Work, wanted: AgreementDraft, *, signed_by: str = "") -> str:
    version = agreements.propose_agreement(work, wanted, actor="ada", now=NOW)
    _approve(work, version, wanted.partner)
    service.activate_agreement(work, version, actor="ben", now=NOW, signed_by=signed_by)
    return version


def _funded(work: Work, wanted: CampaignDraft) -> str:
    id = service.propose_campaign(work, wanted, actor="ada", now=NOW)
    _approve(work, id, "a", "b")
    service.fund_campaign(work, id, currency="USD", amount=10**9, key="1", actor="ada", now=NOW)
    return id


def test_a_proposed_rule_prices_nothing(database: Database) -> None:
    with database.work() as work:
        _live(work, "a", "b")
        id = service.propose_rule(work, _rule(), actor="ada", now=NOW)

        assert service.get_rule(work, id).state is RuleState.PROPOSED
        with pytest.raises(RouteMissing):
            price(load(work), ASK, NOW)


def test_a_live_rule_takes_two_people_and_both_partners(database: Database) -> None:
    with database.work() as work:
        _live(work, "a", "b")
        id = service.propose_rule(work, _rule(), actor="ada", now=NOW)
        with pytest.raises(FourEyes):
            service.activate_rule(work, id, actor="ada", now=NOW)
        _approve(work, id, "a")
        with pytest.raises(ApprovalMissing) as refusal:
            service.activate_rule(work, id, actor="ben", now=NOW)
        assert refusal.value.facts["partner"] == "b"
        _approve(work, id, "b")

        service.activate_rule(work, id, actor="ben", now=NOW)
        service.activate_rule(work, id, actor="ben", now=NOW + DAY)

        assert price(load(work), ASK, NOW).rule == id
        assert service.get_rule(work, id).effective_from == NOW


def test_a_test_rule_is_activated_by_the_one_who_proposed_it(database: Database) -> None:
    with database.work() as work:
        add(work, "a")
        add(work, "b")
        id = service.propose_rule(work, _rule(1, 2), actor="ada", now=NOW)
        back = service.propose_rule(work, _rule(source="b", target="a"), actor="ada", now=NOW)

        service.activate_rule(work, id, actor="ada", now=NOW)
        service.activate_rule(work, back, actor="ada", now=NOW)

        assert price(load(work), ASK, NOW).target_amount == 2_000


def test_a_rule_keeps_every_field(database: Database) -> None:
    fee = Fee("money", "USD", flat=1, per_point=Fraction(6_000, 7), cap=990_000_000)
    wanted = replace(
        _rule(),
        blocks=(Block(0, 30_000, 10_000), Block(30_000, 6, 2)),
        minimum=30_000,
        step=6,
        maximum=600_000,
        fee=fee,
        selectors={"tier": "gold", "sub_product": "premium"},
        priority=-3,
        effective_until=NOW + DAY,
        typical_time="2 days",
    )
    with database.work() as work:
        _live(work, "a", "b")
        stored = service.get_rule(work, service.propose_rule(work, wanted, actor="ada", now=NOW))

    assert all(getattr(stored, name) == getattr(wanted, name) for name in RuleDraft.__slots__)


@pytest.mark.parametrize(
    "wrong",
    [
        {"blocks": ()},
        {"blocks": (Block(1, 1, 1),)},
        {"blocks": (Block(0, 0, 1),)},
        {"blocks": (Block(0, 1, -1),)},
        {"blocks": (Block(0, 1, 1), Block(0, 1, 1))},
        {"blocks": (Block(0, 1, 1), Block(9, 1, 1), Block(5, 1, 1))},
        {"blocks": (Block(0, 1, 1), *(Block(number, 1, 1) for number in range(1, 17)))},
        {"minimum": 0},
        {"step": 0},
        {"step": 2**53},
        {"minimum": 10, "maximum": 9},
        {"step": 7, "minimum": 8, "maximum": 13},
        {"blocks": (Block(0, 100, 1),), "maximum": 99},
        {"fee": Fee("beans", "", 0, Fraction(0), None)},
        {"fee": Fee("money", "", 0, Fraction(0), None)},
        {"fee": Fee("money", "ZZZ", 0, Fraction(0), None)},
        {"fee": Fee("points", "USD", 0, Fraction(0), None)},
        {"fee": Fee("points", "", -1, Fraction(0), None)},
        {"fee": Fee("points", "", 0, Fraction(-1), None)},
        {"fee": Fee("points", "", 0, Fraction(1, 2**64), None)},
        {"fee": Fee("points", "", 0, Fraction(0), -1)},
        {"selectors": {"colour": "red"}},
        {"selectors": {"tier": ""}},
        {"selectors": {"tier": "a\x00"}},
        {"typical_time": "\ud800"},
        {"priority": 10**7},
        {"typical_time": "x" * 201},
        {"effective_until": NOW},
        {"target_unit": "a.point"},
    ],
)
def test_a_rule_that_cannot_stand_is_refused(database: Database, wrong: dict[str, object]) -> None:
    with database.work() as work:
        _live(work, "a", "b")

        with pytest.raises(RuleInvalid):
            service.propose_rule(work, replace(_rule(), **wrong), actor="ada", now=NOW)  # type: ignore[arg-type]


def test_rules_join_known_units_of_one_world(database: Database) -> None:
    with database.work() as work:
        _live(work, "a")
        add(work, "b")
        with pytest.raises(TestLiveMixed):
            service.propose_rule(work, _rule(), actor="ada", now=NOW)
        with pytest.raises(TestLiveMixed):
            service.propose_campaign(work, _campaign(), actor="ada", now=NOW)
        with pytest.raises(UnitMissing):
            service.propose_rule(work, _rule(target="c"), actor="ada", now=NOW)
        with pytest.raises(RuleMissing):
            service.activate_rule(work, "rul_nothing", actor="ben", now=NOW)
        with pytest.raises(CampaignMissing):
            service.activate_campaign(work, "cmp_nothing", actor="ben", now=NOW)


def test_a_worse_rate_needs_its_notice_and_a_better_one_does_not(database: Database) -> None:
    with database.work() as work:
        _live(work, "a", "b")
        _activated(work, _rule(2, 1))
        better = _activated(work, _rule(1, 1))
        early = _approved(work, _rule(2, 1, since=NOW + 29 * DAY))
        with pytest.raises(NoticeTooShort):
            service.activate_rule(work, early, actor="ben", now=NOW)

        worse = _activated(work, _rule(2, 1, since=NOW + 30 * DAY))

        listed = load(work)
        assert price(listed, ASK, NOW + 30 * DAY - timedelta(seconds=1)).rule == better
        assert price(listed, ASK, NOW + 30 * DAY).rule == worse
        service.activate_rule(work, early, actor="ben", now=NOW, notice=10 * DAY)


def test_a_rule_that_outlives_another_ends_it(database: Database) -> None:
    with database.work() as work:
        _live(work, "a", "b")
        first = _activated(work, _rule(2, 1))
        second = _activated(work, _rule(1, 1, since=NOW + DAY))
        service.withdraw_rule(work, second, actor="ada", reason="wrong", now=NOW + 2 * DAY)

        assert service.get_rule(work, first).effective_until == NOW + DAY
        assert price(load(work), ASK, NOW).rule == first
        with pytest.raises(RouteMissing):
            price(load(work), ASK, NOW + 2 * DAY)


def test_a_rule_for_a_while_gives_way_to_the_one_before(database: Database) -> None:
    with database.work() as work:
        _live(work, "a", "b")
        standing = _activated(work, _rule(2, 1))
        week = _activated(work, replace(_rule(1, 1), effective_until=NOW + 7 * DAY))

        listed = load(work)
        assert (price(listed, ASK, NOW).rule, price(listed, ASK, NOW + 7 * DAY).rule) == (week, standing)


def test_a_rule_never_starts_in_the_past(database: Database) -> None:
    with database.work() as work:
        _live(work, "a", "b")
        id = _activated(work, _rule(since=NOW - DAY))
        over = _approved(work, replace(_rule(), effective_until=NOW + DAY))

        assert service.get_rule(work, id).effective_from == NOW
        with pytest.raises(RuleInvalid):
            service.activate_rule(work, over, actor="ben", now=NOW + DAY)


def test_activation_refuses_a_round_trip_that_gains(database: Database) -> None:
    with database.work() as work:
        _live(work, "a", "b")
        _activated(work, _rule(3, 2))
        gaining = _approved(work, _rule(20, 31, source="b", target="a"))
        with pytest.raises(ArbitrageFound) as refusal:
            service.activate_rule(work, gaining, actor="ben", now=NOW)
        assert refusal.value.facts["gain"] == "31/30"

        fair = _activated(work, _rule(20, 30, source="b", target="a"))

        assert service.get_rule(work, gaining).state is RuleState.PROPOSED
        assert service.get_rule(work, fair).state is RuleState.ACTIVE


def test_activation_looks_at_every_announced_instant(database: Database) -> None:
    with database.work() as work:
        _live(work, "a", "b")
        _activated(work, replace(_rule(1, 2, since=NOW + 40 * DAY), effective_until=NOW + 50 * DAY))
        back = _rule(1, 1, source="b", target="a")

        with pytest.raises(ArbitrageFound):
            _activated(work, back)
        _activated(work, replace(back, effective_until=NOW + 40 * DAY))


def test_two_activations_at_once_cannot_gain_together(database: Database) -> None:
    with database.work() as work:
        _live(work, "a", "b")
        there = _approved(work, _rule(1, 2))
        back = _approved(work, _rule(1, 1, source="b", target="a"))
    outcomes: list[str] = []

    def activate(id: str) -> None:
        try:
            with database.work() as work:
                service.activate_rule(work, id, actor="ben", now=NOW)
            outcomes.append("active")
        except ArbitrageFound:
            outcomes.append("refused")

    threads = [threading.Thread(target=activate, args=(id,)) for id in (there, back)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(outcomes) == ["active", "refused"]


def test_a_campaign_that_makes_a_round_trip_gain_is_refused(database: Database) -> None:
    with database.work() as work:
        _live(work, "a", "b")
        _activated(work, _rule())
        _activated(work, _rule(source="b", target="a"))
        id = _funded(work, _campaign(20))

        with pytest.raises(ArbitrageFound):
            service.activate_campaign(work, id, actor="ben", now=NOW)


def test_a_loss_is_signed_for_by_name_or_refused(database: Database) -> None:
    with database.work() as work:
        _live(work, "a", "b")
        _agreed(work, draft("a", debit="8", credit="8"))
        _agreed(work, draft("b", debit="9", credit="9"))
        id = _approved(work, _rule())
        with pytest.raises(LossUnsigned):
            service.activate_rule(work, id, actor="ben", now=NOW)

        service.activate_rule(work, id, actor="ben", now=NOW, signed_by="Ada Lovelace")

        assert work.fetch("SELECT signed_by FROM rate_rule WHERE id = %s", (id,)) == [("Ada Lovelace",)]
        _activated(work, _rule(9, 8, source="b", target="a"))


def test_new_prices_are_checked_against_the_routes(database: Database) -> None:
    with database.work() as work:
        _live(work, "a", "b")
        _agreed(work, draft("a", debit="8", credit="8"))
        _activated(work, _rule())
        with pytest.raises(LossUnsigned):
            _agreed(work, draft("b", debit="9", credit="9"))

        signed = _agreed(work, draft("b", debit="9", credit="9"), signed_by="Ada Lovelace")

        assert work.fetch("SELECT signed_by FROM agreement WHERE version = %s", (signed,)) == [("Ada Lovelace",)]


def test_prices_of_test_partners_are_not_checked(database: Database) -> None:
    with database.work() as work:
        add(work, "a")
        add(work, "b")
        agree(work, draft("a", debit="8"))
        id = service.propose_rule(work, _rule(), actor="ada", now=NOW)
        service.activate_rule(work, id, actor="ada", now=NOW)
        version = agreements.propose_agreement(work, draft("b", credit="9"), actor="ada", now=NOW)

        service.activate_agreement(work, version, actor="ada", now=NOW)

        assert load(work).roster.terms("b", NOW) is not None


def test_a_bonus_that_the_hub_pays_counts_as_a_loss(database: Database) -> None:
    with database.work() as work:
        _live(work, "a", "b")
        _agreed(work, draft("a"))
        _agreed(work, draft("b"))
        _activated(work, _rule())
        by_hub, by_partner = _funded(work, _campaign(funder="hub")), _funded(work, _campaign(funder="b"))

        service.activate_campaign(work, by_partner, actor="ben", now=NOW)
        with pytest.raises(LossUnsigned):
            service.activate_campaign(work, by_hub, actor="ben", now=NOW)
        service.activate_campaign(work, by_hub, actor="ben", now=NOW, signed_by="Ada Lovelace")

        assert price(load(work), ASK, NOW).bonus == 400


def test_a_stop_works_from_the_next_call_and_starting_takes_two(database: Database) -> None:
    cache = CatalogueCache()
    with database.work() as work:
        _live(work, "a", "b")
        id = _activated(work, _rule())
    with database.work() as work:
        assert price(cache.get(work), ASK, NOW).rule == id
    with database.work() as work:
        service.stop_rule(work, id, actor="ada", reason="test", now=NOW)
        service.stop_rule(work, id, actor="ada", reason="test", now=NOW)

    with database.work() as work:
        with pytest.raises(RouteStopped):
            price(cache.get(work), ASK, NOW)
        with pytest.raises(StartNotProposed):
            service.start_rule(work, id, actor="ben", now=NOW)
        service.propose_start_rule(work, id, actor="ada", now=NOW)
        with pytest.raises(FourEyes):
            service.start_rule(work, id, actor="ada", now=NOW)
        service.start_rule(work, id, actor="ben", now=NOW)
        service.start_rule(work, id, actor="ben", now=NOW)
        assert price(cache.get(work), ASK, NOW).rule == id


def test_stopping_a_route_stops_all_its_rules(database: Database) -> None:
    with database.work() as work:
        _live(work, "a", "b")
        plain = _activated(work, _rule())
        gold = _activated(work, replace(_rule(), selectors={"tier": "gold"}))

        stopped = service.stop_route(
            work, source_unit="a.point", target_unit="b.point", actor="ada", reason="test", now=NOW
        )

        assert set(stopped) == {plain, gold}
        with pytest.raises(RouteStopped):
            price(load(work), ASK, NOW)


def test_steps_out_of_turn_are_refused(database: Database) -> None:
    with database.work() as work:
        _live(work, "a", "b")
        id = _approved(work, _rule())
        for step in (service.stop_rule, service.propose_start_rule, service.start_rule):
            why = {"reason": "test"} if step is service.stop_rule else {}
            with pytest.raises(RuleStateWrong):
                step(work, id, actor="ben", now=NOW, **why)  # type: ignore[operator]
        service.withdraw_rule(work, id, actor="ada", reason="test", now=NOW)
        service.withdraw_rule(work, id, actor="ada", reason="test", now=NOW)
        with pytest.raises(RuleStateWrong):
            service.activate_rule(work, id, actor="ben", now=NOW)


def test_a_campaign_goes_through_its_life(database: Database) -> None:
    with database.work() as work:
        _live(work, "a", "b")
        _activated(work, _rule(3, 1))
        id = service.propose_campaign(work, _campaign(), actor="ada", now=NOW)
        with pytest.raises(FourEyes):
            service.activate_campaign(work, id, actor="ada", now=NOW)
        with pytest.raises(ApprovalMissing):
            service.activate_campaign(work, id, actor="ben", now=NOW)
        _approve(work, id, "a", "b")
        with pytest.raises(CampaignUnfunded):
            service.activate_campaign(work, id, actor="ben", now=NOW)
        service.fund_campaign(work, id, currency="USD", amount=1, key="1", actor="ada", now=NOW)
        service.activate_campaign(work, id, actor="ben", now=NOW)
        service.activate_campaign(work, id, actor="ben", now=NOW)
        assert price(load(work), ASK, NOW).target_amount == 400

        service.stop_campaign(work, id, actor="ada", reason="test", now=NOW)
        service.stop_campaign(work, id, actor="ada", reason="test", now=NOW)
        assert price(load(work), ASK, NOW).target_amount == 333

        with pytest.raises(StartNotProposed):
            service.start_campaign(work, id, actor="ben", now=NOW)
        service.propose_start_campaign(work, id, actor="ada", now=NOW)
        with pytest.raises(FourEyes):
            service.start_campaign(work, id, actor="ada", now=NOW)
        service.start_campaign(work, id, actor="ben", now=NOW)
        assert price(load(work), ASK, NOW).target_amount == 400

        service.withdraw_campaign(work, id, actor="ada", reason="test", now=NOW)
        assert price(load(work), ASK, NOW).target_amount == 333
        for step in (service.activate_campaign, service.propose_start_campaign, service.start_campaign):
            with pytest.raises(RuleStateWrong):
                step(work, id, actor="ben", now=NOW)  # type: ignore[operator]
        with pytest.raises(RuleStateWrong):
            service.stop_campaign(work, id, actor="ben", reason="test", now=NOW)


def test_a_campaign_that_is_over_is_not_activated(database: Database) -> None:
    with database.work() as work:
        _live(work, "a", "b")
        id = _funded(work, _campaign())

        with pytest.raises(CampaignInvalid):
            service.activate_campaign(work, id, actor="ben", now=datetime(2026, 5, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": ""},
        {"percent": Fraction(0)},
        {"percent": Fraction(-1)},
        {"percent": Fraction(1_001)},
        {"flat": -1},
        {"member_cap": 0},
        {"ends_on_inclusive": date(2026, 3, 31)},
        {"selectors": {"colour": "red"}},
        {"funder": "c"},
    ],
)
def test_a_campaign_that_cannot_stand_is_refused(database: Database, wrong: dict[str, object]) -> None:
    with database.work() as work:
        _live(work, "a", "b", "c")

        with pytest.raises(CampaignInvalid):
            service.propose_campaign(work, replace(_campaign(), **wrong), actor="ada", now=NOW)  # type: ignore[arg-type]


def test_a_budget_is_filled_once_per_key_and_balances(database: Database) -> None:
    with database.work() as work:
        _live(work, "a", "b")
        id = service.propose_campaign(work, _campaign(funder="b"), actor="ada", now=NOW)
    for key, amount in (("1", 500), ("1", 500), ("2", 70)):
        with database.work() as work:
            service.fund_campaign(work, id, currency="USD", amount=amount, key=key, actor="ada", now=NOW)
    with database.work() as work, pytest.raises(KeyReused):
        service.fund_campaign(work, id, currency="USD", amount=501, key="1", actor="ada", now=NOW)
    with database.work() as work, pytest.raises(CampaignInvalid):
        service.fund_campaign(work, id, currency="USD", amount=0, key="3", actor="ada", now=NOW)

    with database.work() as work:
        purse, funding = chart.budget(id), chart.budget_funding("b", "USD")
        held = ledger.balances(work, [purse, funding])
        assert (held[purse].posted, held[funding].posted, held[purse].floor) == (570, -570, 0)


def test_lists_are_in_order_and_filtered(database: Database) -> None:
    with database.work() as work:
        _live(work, "a", "b")
        first = _activated(work, _rule())
        second = service.propose_rule(work, _rule(source="b", target="a"), actor="ada", now=NOW + DAY)
        sale = service.propose_campaign(work, _campaign(), actor="ada", now=NOW)

        assert [rule.id for rule in service.list_rules(work)] == [first, second]
        assert [rule.id for rule in service.list_rules(work, after=first)] == [second]
        assert [rule.id for rule in service.list_rules(work, limit=1)] == [first]
        assert [rule.id for rule in service.list_rules(work, state=RuleState.ACTIVE)] == [first]
        assert [rule.id for rule in service.list_rules(work, source_unit="b.point")] == [second]
        assert [campaign.id for campaign in service.list_campaigns(work)] == [sale]
        assert service.list_campaigns(work, state=RuleState.ACTIVE) == []
        with pytest.raises(CampaignMissing):
            service.get_campaign(work, "cmp_nothing")


def test_every_deed_is_on_record(database: Database) -> None:
    with database.work() as work:
        _live(work, "a", "b")
        id = _activated(work, _rule())
        service.stop_rule(work, id, actor="cleo", reason="odd prices", now=NOW)

        rows = work.fetch("SELECT actor, action FROM audit_entry WHERE subject = %s ORDER BY number", (id,))

    assert rows == [
        ("ada", "rule.proposed"),
        ("user of a", "approved"),
        ("user of b", "approved"),
        ("ben", "rule.activated"),
        ("cleo", "rule.stopped"),
    ]


def test_the_cache_reads_again_only_when_something_changed(database: Database) -> None:
    cache = CatalogueCache()
    with database.work() as work:
        _live(work, "a", "b")
        _activated(work, _rule())
    with database.work() as work:
        first = cache.get(work)
        assert cache.get(work) is first

    with database.work() as work:
        _activated(work, _rule(1, 2))
    with database.work() as work:
        assert cache.get(work) is not first
        assert price(cache.get(work), ASK, NOW).target_amount == 2_000
