"""Money that moves for obligations: instructed, paid in parts, settled in the ledger."""

import pytest

from hub import chart, ledger
from hub.kernel.clock import ManualClock
from hub.settlement import service
from hub.settlement.headroom import simulate
from hub.settlement.refusals import (
    HeadroomMissing,
    ObligationMissing,
    ObligationOverpaid,
    PaymentReferenceReused,
    WindowStateWrong,
)
from hub.settlement.types import Netted, Obligation, WindowState
from hub.storage import Database
from tests.conversion.world import World, usd
from tests.settlement.test_windows import closed, posted, stated


def instructed(world: World) -> Netted:
    """A window with 80.00 that aerojet pays and 78.40 that staywell gets."""
    posted(world, ("aerojet", "staywell", 10_000))
    window = closed(world)
    stated(world, window)
    with world.database.work() as work:
        return service.instruct(work, window.id, actor="maya", now=world.clock.now())


def pay(world: World, found: Netted, partner: str, amount: int, reference: str = "E2E-1") -> Netted:
    """Record a payment of this partner's obligation."""
    with world.database.work() as work:
        return service.pay(
            work,
            of(found, partner).id,
            amount=amount,
            reference=reference,
            actor="maya",
            now=world.clock.now(),
        )


def of(found: Netted, partner: str) -> Obligation:
    """A partner's obligation."""
    return next(one for one in found.obligations if one.side.partner == partner)


def test_the_last_payment_settles_the_window_and_the_positions_are_even(database: Database, clock: ManualClock) -> None:
    world = World(database, clock)
    found = instructed(world)

    pay(world, found, "aerojet", 3_000, "E2E-1")
    part = pay(world, found, "aerojet", 5_000, "E2E-2")
    assert part.window.state is WindowState.INSTRUCTED
    assert world.position("aerojet") == 0
    whole = pay(world, found, "staywell", 7_840, "E2E-3")

    assert whole.window.state is WindowState.SETTLED
    assert [one.rest for one in whole.obligations] == [0, 0]
    assert world.position("staywell") == 0
    with database.read() as work:
        (bank,) = ledger.balances(work, [chart.bank("USD")]).values()
    assert bank.posted == -(8_000 - 7_840) * 10**5
    assert world.differences() == []


def test_a_payment_is_billed_to_nobody(database: Database, clock: ManualClock) -> None:
    world = World(database, clock)
    found = instructed(world)
    pay(world, found, "aerojet", 8_000)
    pay(world, found, "staywell", 7_840)

    assert stated(world, closed(world)) == {}


def test_the_same_payment_again_does_nothing(database: Database, clock: ManualClock) -> None:
    world = World(database, clock)
    found = instructed(world)

    first = pay(world, found, "aerojet", 3_000)
    assert pay(world, found, "aerojet", 3_000) == first
    with pytest.raises(PaymentReferenceReused):
        pay(world, found, "aerojet", 4_000)
    assert of(first, "aerojet").rest == 5_000


@pytest.mark.parametrize(("partner", "amount"), [("aerojet", 8_001), ("aerojet", 0), ("aerojet", -1), ("staywell", 1)])
def test_too_much_nothing_or_a_part_of_what_the_hub_pays_is_refused(
    database: Database, clock: ManualClock, partner: str, amount: int
) -> None:
    world = World(database, clock)
    found = instructed(world)

    with pytest.raises(ObligationOverpaid):
        pay(world, found, partner, amount)
    with pytest.raises(PaymentReferenceReused):
        pay(world, found, partner, 1, reference="")
    assert world.position("aerojet") == -8_000 * 10**5


def test_nothing_is_paid_before_payment_is_asked_for(database: Database, clock: ManualClock) -> None:
    world = World(database, clock)
    posted(world, ("aerojet", "staywell", 10_000))
    window = closed(world)
    stated(world, window)
    with database.read() as work:
        found = service.read(work, window.id)

    with pytest.raises(WindowStateWrong):
        pay(world, found, "aerojet", 8_000)
    with database.work() as work, pytest.raises(ObligationMissing):
        service.pay(work, "obl_nothing", amount=1, reference="x", actor="maya", now=clock.now())


def test_what_is_held_for_a_creditor_cannot_be_spent_before_it_is_paid(database: Database, clock: ManualClock) -> None:
    world = World(database, clock)
    instructed(world)

    assert world.held(chart.position("staywell", "USD")) == 7_840 * 10**5


def test_a_payout_beyond_a_partners_cap_is_not_instructed(database: Database, clock: ManualClock) -> None:
    world = World(database, clock, cap="100")
    posted(world, ("aerojet", "staywell", 10_000))
    window = closed(world)
    stated(world, window)
    with database.read() as work:
        before = {one.partner: one for one in simulate(work, window.id)}
    # Since the cut-off staywell owes more than its position and its cap leave room for.
    posted(world, ("staywell", "northbank", 15_000))

    assert (before["staywell"].after, before["staywell"].suffices) == (usd("100"), True)
    assert (before["aerojet"].available, before["aerojet"].to_pay) == (usd("20"), usd("80"))
    with database.read() as work:
        room = {one.partner: one for one in simulate(work, window.id)}["staywell"]
    assert (room.available, room.payout, room.suffices) == (usd("58.4"), usd("78.4"), False)
    with database.work() as work, pytest.raises(HeadroomMissing):
        service.instruct(work, window.id, actor="maya", now=clock.now())
    with database.read() as work:
        assert service.read(work, window.id).window.state is WindowState.STATED


def test_the_simulation_counts_payouts_of_the_other_windows_too(database: Database, clock: ManualClock) -> None:
    world = World(database, clock)
    posted(world, ("aerojet", "staywell", 10_000))
    first = closed(world)
    stated(world, first)
    posted(world, ("aerojet", "staywell", 5_000))
    second = closed(world)
    with database.work() as work, pytest.raises(WindowStateWrong):
        simulate(work, second.id)
    stated(world, second)

    with database.read() as work:
        room = {one.partner: one for one in simulate(work, first.id)}["staywell"]
    assert (room.payout, room.later) == (usd("78.4"), usd("39.2"))
    assert room.after == usd("1000000")


def test_a_window_without_obligations_is_settled_at_once(database: Database, clock: ManualClock) -> None:
    world = World(database, clock)
    window = closed(world)
    stated(world, window)

    with database.work() as work:
        found = service.instruct(work, window.id, actor="maya", now=clock.now())
    assert found.window.state is WindowState.SETTLED
