"""Accepting: every refusal by name beside what is allowed, in one batch, between processes and under many threads."""

import dataclasses
import threading
from collections.abc import Sequence
from datetime import datetime
from fractions import Fraction

import pytest

from hub import chart
from hub.agreements import service as agreements
from hub.agreements.refusals import AgreementMissing, TestLiveMixed
from hub.agreements.types import Direction, PartnerState
from hub.conversion.errors import (
    CampaignCapReached,
    CampaignExhausted,
    DebitNotAllowed,
    FeeCurrencyMismatch,
    IdempotencyKeyReused,
    NetDebitCapReached,
    QuoteUsed,
    RiskDenied,
)
from hub.conversion.risk import RiskAnswer, RiskOutcome, RiskQuestion
from hub.conversion.service import Conversions
from hub.conversion.states import ConversionState
from hub.conversion.types import Acceptance, Conversion
from hub.kernel.clock import ManualClock
from hub.kernel.errors import HubError
from hub.members.errors import LinkMissing, LinkNotActive
from hub.members.service import close_link, links
from hub.rates import service as rates
from hub.rates.catalogue import CatalogueCache
from hub.rates.refusals import (
    CampaignStopped,
    CampaignUnfunded,
    QuoteExpired,
    QuoteForeign,
    QuoteInvalid,
    RateWithdrawn,
    RouteStopped,
)
from hub.rates.types import Fee
from hub.storage import Batcher, Database, Work
from partners.base import Reason
from tests.conversion.world import OPERATOR, World, usd


@pytest.fixture
def world(database: Database, clock: ManualClock) -> World:
    return World(database, clock)


def _refusal(answer: Conversion | HubError) -> type:
    return type(answer)


def _count(world: World) -> int:
    with world.database.read() as work:
        return int(work.fetch("SELECT count(*) FROM conversion")[0][0])


def test_the_same_request_again_is_answered_with_the_same_conversion(world: World) -> None:
    request = world.request(world.member())
    first = world.accept(request)[0]
    world.run()
    world.advance(hours=2)

    again = world.accept(request)[0]

    assert isinstance(first, Conversion)
    assert isinstance(again, Conversion)
    assert (again.id, again.state) == (first.id, ConversionState.POSTED)
    assert _count(world) == 1


def test_a_key_with_other_content_is_refused(world: World) -> None:
    member = world.member()
    first, second = world.request(member, key="k"), world.request(member, 5_000, key="k")
    world.accept(first)

    assert _refusal(world.accept(second)[0]) is IdempotencyKeyReused


def test_a_quote_under_another_key_is_used(world: World) -> None:
    request = world.request(world.member())
    world.accept(request)

    assert _refusal(world.accept(dataclasses.replace(request, key=world.key("other")))[0]) is QuoteUsed


def test_in_one_batch_a_quote_is_used_once_and_a_key_has_one_meaning(world: World) -> None:
    member = world.member()
    request = world.request(member)
    same_quote = dataclasses.replace(request, key=world.key("other"))
    same_key = dataclasses.replace(world.request(member), key=request.key)

    first, repeat, used, reused = world.accept(request, request, same_quote, same_key)

    assert isinstance(first, Conversion)
    assert repeat == first
    assert (_refusal(used), _refusal(reused)) == (QuoteUsed, IdempotencyKeyReused)
    assert _count(world) == 1


def test_a_quote_whose_first_use_was_refused_is_still_good(database: Database, clock: ManualClock) -> None:
    world = World(database, clock, cap="80")
    member = world.member()
    blocker, request = world.request(member), world.request(member)
    assert isinstance(world.accept(blocker)[0], Conversion)
    assert _refusal(world.accept(request)[0]) is NetDebitCapReached
    world.agree("aerojet", cap="160")

    assert isinstance(world.accept(dataclasses.replace(request, key=world.key("new")))[0], Conversion)


def test_a_refused_key_stays_refused(database: Database, clock: ManualClock) -> None:
    world = World(database, clock, cap="80")
    request = world.request(world.member(), 10_005)
    assert _refusal(world.accept(request)[0]) is NetDebitCapReached
    world.agree("aerojet", cap="160")

    assert _refusal(world.accept(request)[0]) is NetDebitCapReached


def test_quotes_that_cannot_be_used_are_refused_by_name(world: World) -> None:
    member, stranger = world.member(), world.member()
    expired, stolen = world.request(member), dataclasses.replace(world.request(member), member=stranger)
    forged = dataclasses.replace(world.request(member), quote="q1.x.y")
    other_kind = dataclasses.replace(world.request(member), live=True)
    other_client = dataclasses.replace(world.request(member), client_partner="staywell")
    answers = world.accept(stolen, forged, other_client, other_kind)
    world.advance(minutes=11)

    assert [_refusal(answer) for answer in answers] == [QuoteForeign, QuoteInvalid, QuoteForeign, TestLiveMixed]
    assert _refusal(world.accept(expired)[0]) is QuoteExpired
    assert _count(world) == 0


def test_stops_and_withdrawals_after_the_quote_are_seen(world: World) -> None:
    member = world.member()
    campaign = world.add_campaign("northbank", "staywell", percent=10, budget="100")
    rule = world.add_rule("staywell", "northbank", give=3, get=1)
    stopped = world.request(member)
    withdrawn = world.request(member, source="staywell", target="northbank")
    without_bonus = world.request(member, source="northbank", target="staywell")
    now = world.clock.now()
    with world.database.work() as work:
        agreements.stop_partner(work, "aerojet", Direction.DEBIT, actor=OPERATOR, reason="test", now=now)
        rates.stop_campaign(work, campaign, actor=OPERATOR, reason="test", now=now)
        for found in rates.list_rules(work):
            if (found.source_unit, found.target_unit) == ("staywell.point", "northbank.point"):
                rates.withdraw_rule(work, found.id, actor=OPERATOR, reason="pricing error", now=now)

    answers = world.accept(stopped, withdrawn, without_bonus)

    assert rule
    assert [_refusal(answer) for answer in answers] == [RouteStopped, RateWithdrawn, CampaignStopped]


def test_a_partner_that_winds_down_takes_nothing_new_and_ends_what_is_open(world: World) -> None:
    member = world.member()
    open_one, late = world.convert(member=member), world.request(member)
    with world.database.work() as work:
        agreements.move_partner(work, "staywell", PartnerState.WINDING_DOWN, actor=OPERATOR, now=world.clock.now())

    assert _refusal(world.accept(late)[0]).__name__ in ("PartnerInactive", "RouteStopped")
    world.run()
    assert world.state(open_one) is ConversionState.POSTED


def test_both_memberships_must_be_linked_and_active(world: World) -> None:
    half, closed = world.member("aerojet"), world.member()
    with world.database.work() as work:
        link = links(work, [(closed, "staywell")])[closed, "staywell"]
        close_link(work, link.id, reason="asked to", now=world.clock.now())

    answers = world.accept(world.request(half), world.request(closed), world.request(world.member()))

    assert [_refusal(answer) for answer in answers] == [LinkMissing, LinkNotActive, Conversion]


def test_a_partners_client_debits_its_own_programme_or_with_consent(world: World) -> None:
    member, consenting = world.member(), world.member(debit_by=("staywell",))

    answers = world.accept(
        world.request(member, client="aerojet"),
        world.request(member, client="staywell"),
        world.request(consenting, client="staywell"),
    )

    assert [_refusal(answer) for answer in answers] == [Conversion, DebitNotAllowed, Conversion]


def test_without_an_agreement_nothing_is_accepted(world: World) -> None:
    token = world.quote(member := world.member(), 10_000)
    quote = dataclasses.replace(world.quoter.open(token), source_terms="")

    answer = world.accept(Acceptance(world.key("k"), world.quoter.seal(quote), member, "", live=False))[0]

    assert _refusal(answer) is AgreementMissing


def test_the_cap_holds_inside_a_batch_and_a_refusal_takes_nothing_from_the_next(
    database: Database, clock: ManualClock
) -> None:
    world = World(database, clock, cap="10")  # 1,250 points at 8.00 per 1,000
    member = world.member()

    answers = world.accept(*(world.request(member, amount) for amount in (1_125, 1_125, 125, 3)))

    assert [_refusal(answer) for answer in answers] == [Conversion, NetDebitCapReached, Conversion, NetDebitCapReached]
    assert world.held(chart.position("aerojet", "USD")) == usd("10")


def test_a_voided_conversion_gives_its_headroom_back(database: Database, clock: ManualClock) -> None:
    world = World(database, clock, cap="80")
    world.convert(10_000)
    world.partners["aerojet"].then(Reason.INSUFFICIENT_POINTS)
    world.run()

    assert isinstance(world.accept(world.request(world.member()))[0], Conversion)


def test_the_cap_holds_between_two_processes(database: Database, clock: ManualClock) -> None:
    world = World(database, clock, cap="80")
    member = world.member()
    # Another process has caches and batchers of its own; both see the same quotes.
    other = Conversions(CatalogueCache(), world.quoter)
    requests = [world.request(member, 2_500) for _ in range(12)]
    answers: list[Conversion | HubError] = []
    doors = [_door(database, conversions, clock) for conversions in (world.conversions, other)]

    threads = [
        threading.Thread(target=lambda n=n: answers.extend(doors[n % 2].submit_many([requests[n]]))) for n in range(12)
    ]
    _run(threads)

    assert sum(isinstance(answer, Conversion) for answer in answers) == 4
    assert world.held(chart.position("aerojet", "USD")) == usd("80")


def test_the_cap_holds_under_64_clients_on_one_pair(database: Database, clock: ManualClock) -> None:
    world = World(database, clock, cap="80")
    member = world.member()
    requests = [world.request(member, 500) for _ in range(64)]
    answers: list[Conversion | HubError] = []
    door = _door(database, world.conversions, clock)

    _run([threading.Thread(target=lambda one=one: answers.extend(door.submit_many([one]))) for one in requests])

    accepted = [answer for answer in answers if isinstance(answer, Conversion)]
    assert len(accepted) == 20
    assert {type(answer) for answer in answers} == {Conversion, NetDebitCapReached}
    world.run()
    assert world.position("aerojet") == usd("-80")
    world.require_nothing_under_way()
    world.require_books_agree()


@pytest.mark.parametrize("same_key", [True, False])
def test_one_quote_from_many_threads_makes_one_conversion(
    database: Database, clock: ManualClock, same_key: bool
) -> None:
    world = World(database, clock)
    request = world.request(world.member())
    requests = [
        request if same_key else dataclasses.replace(request, key=world.key(f"k{number}")) for number in range(16)
    ]
    doors = [_door(database, Conversions(CatalogueCache(), world.quoter), clock) for _ in range(4)]
    answers: list[Conversion | HubError] = []

    _run(
        [
            threading.Thread(target=lambda n=n: answers.extend(doors[n % 4].submit_many([requests[n]])))
            for n in range(16)
        ]
    )

    made = {answer.id for answer in answers if isinstance(answer, Conversion)}
    assert len(made) == 1
    assert len([answer for answer in answers if isinstance(answer, Conversion)]) == (16 if same_key else 1)
    assert {type(answer) for answer in answers} <= {Conversion, QuoteUsed}
    assert _count(world) == 1
    assert world.held(chart.position("aerojet", "USD")) == usd("80")


def test_a_campaign_cannot_be_overspent(world: World) -> None:
    campaign = world.add_campaign("aerojet", "staywell", percent=20, budget="16")
    member = world.member()

    answers = world.accept(world.request(member), world.request(member), world.request(member, 200))

    assert [_refusal(answer) for answer in answers] == [Conversion, CampaignExhausted, Conversion]
    assert world.held(chart.budget(campaign)) == usd("15.68") + usd("0.3136")


def test_a_campaign_that_nobody_funded_pays_nothing(world: World) -> None:
    world.add_campaign("aerojet", "staywell", percent=20, budget="0")

    assert _refusal(world.accept(world.request(world.member()))[0]) is CampaignUnfunded


def test_a_member_gets_no_more_bonus_than_one_member_may(world: World) -> None:
    campaign = world.add_campaign("aerojet", "staywell", percent=20, budget="1000", member_cap=1_000)
    member, other = world.member(), world.member()
    requests = [world.request(one) for one in (member, member, other)]

    first, second, third = world.accept(*requests)

    assert (_refusal(first), _refusal(second), _refusal(third)) == (Conversion, CampaignCapReached, Conversion)
    assert _refusal(world.accept(world.request(member))[0]) is CampaignCapReached
    assert world.accept(requests[0], requests[0])[0] == first
    with world.database.read() as work:
        assert world.conversions.bonus_used(work, member) == {campaign: 800}


def test_a_bonus_that_came_to_nothing_does_not_count_to_the_members_cap(world: World) -> None:
    world.add_campaign("aerojet", "staywell", percent=20, budget="1000", member_cap=1_000)
    member = world.member()
    world.partners["aerojet"].then(Reason.INSUFFICIENT_POINTS)
    world.convert(member=member)
    world.run()

    assert _refusal(world.accept(world.request(member))[0]) is Conversion


def test_a_fee_in_points_leaves_with_the_points_and_comes_back_with_them(world: World) -> None:
    fee = Fee(kind="points", currency="", flat=100, per_point=Fraction(0), cap=None)
    world.add_rule("aerojet", "staywell", fee=fee)
    conversion = world.convert(10_000)

    world.run()

    assert conversion.fee == 100
    assert world.partners["aerojet"].total() == -10_100
    assert world.posted(chart.fees("aerojet.point")) == 100
    assert world.position("aerojet") == usd("-80.80")
    assert world.posted(chart.fees("USD")) == usd("0.80")
    world.require_nothing_under_way()
    world.require_books_agree()


def test_a_fee_in_money_is_owed_by_the_partner_that_collects_it(world: World) -> None:
    world.add_rule("aerojet", "staywell", fee=Fee("money", "USD", usd("2.5"), Fraction(0), None))

    world.convert(10_000)
    world.run()

    assert world.position("aerojet") == usd("-82.50")
    assert world.posted(chart.fees("USD")) == usd("2.50")
    assert world.partners["aerojet"].total() == -10_000


def test_a_fee_in_a_currency_the_source_does_not_clear_in_is_refused(world: World) -> None:
    world.add_rule("aerojet", "staywell", fee=Fee("money", "EUR", 100, Fraction(0), None))

    assert _refusal(world.accept(world.request(world.member()))[0]) is FeeCurrencyMismatch


class _Rules:
    """Risk rules that say the same of everything."""

    def __init__(self, outcome: RiskOutcome) -> None:
        self.outcome = outcome

    def __call__(self, work: Work, questions: Sequence[RiskQuestion], *, now: datetime) -> Sequence[RiskAnswer]:
        return [RiskAnswer(self.outcome, "fan_out") for _ in questions]


def test_risk_may_deny(database: Database, clock: ManualClock) -> None:
    world = World(database, clock, risk=_Rules(RiskOutcome.DENY))

    assert _refusal(world.accept(world.request(world.member()))[0]) is RiskDenied
    assert _count(world) == 0


def test_a_batch_takes_the_same_number_of_statements_whatever_its_size(world: World) -> None:
    member = world.member()
    world.accept(world.request(member, 100))
    one, many = [world.request(member, 100)], [world.request(member, 100) for _ in range(50)]

    def statements(batch: list[Acceptance]) -> int:
        seen: list[str] = []
        with world.database.work() as work:
            fetch, run, copy_in = work.fetch, work.run, work.copy_in
            work.fetch = lambda sql, parameters=(): (seen.append(sql), fetch(sql, parameters))[1]  # type: ignore[method-assign,misc]
            work.run = lambda sql, parameters=(): (seen.append(sql), run(sql, parameters))[1]  # type: ignore[method-assign,misc]
            work.copy_in = lambda *args: (seen.append(args[0]), copy_in(*args))[1]  # type: ignore[method-assign,misc]
            world.conversions.accept(work, batch, now=world.clock.now())
        return len(seen)

    assert statements(one) == statements(many)


def _door(database: Database, conversions: Conversions, clock: ManualClock) -> Batcher[Acceptance, Conversion]:
    return Batcher(database, lambda work, batch: conversions.accept(work, batch, now=clock.now()), name="accept")


def _run(threads: list[threading.Thread]) -> None:
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
