"""Netting is exact: nothing appears, nothing is lost, and the hub's own obligation balances."""

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from hub.settlement.netting import netted
from hub.settlement.types import Line, Model, Money, Obligation, Side

USD = Money("USD", 7, 2)
PARTNERS = ("aerojet", "northbank", "staywell")


def line(partner: str, debits: int, credits: int, *, counterparty: str = "hub", agreement: str = "v1") -> Line:
    """A line in USD."""
    return Line(partner, "USD", "debit", agreement, counterparty, debits, credits, 1)


def net(
    lines: list[Line],
    *,
    model: Model = Model.MULTILATERAL,
    openings: dict[Side, int] | None = None,
    smallest: int = 0,
) -> list[Obligation]:
    """The obligations of these lines, named by their order."""
    names = iter(range(1_000))
    return netted(
        lines,
        openings or {},
        model_of=lambda _: model,
        money={"USD": USD},
        smallest={"USD": smallest},
        new_id=lambda _: f"obl_{next(names)}",
    )


def amounts(obligations: list[Obligation]) -> dict[tuple[str, str, str], int]:
    """Cents by partner, counterparty and direction."""
    return {(one.side.partner, one.side.counterparty, one.side.direction): one.amount for one in obligations}


LINES = [
    line("aerojet", 0, 784_000_000, counterparty="northbank"),
    line("northbank", 800_000_000, 0, counterparty="aerojet"),
    line("northbank", 0, 100_000_000, counterparty="staywell"),
]


def test_multilateral_netting_leaves_one_obligation_per_partner_and_currency() -> None:
    assert amounts(net(LINES)) == {("aerojet", "", ""): 7_840, ("northbank", "", ""): -7_000}


def test_bilateral_netting_leaves_one_per_pair() -> None:
    assert amounts(net(LINES, model=Model.BILATERAL)) == {
        ("aerojet", "northbank", ""): 7_840,
        ("northbank", "aerojet", ""): -8_000,
        ("northbank", "staywell", ""): 1_000,
    }


def test_gross_settlement_nets_nothing() -> None:
    assert amounts(net(LINES, model=Model.GROSS)) == {
        ("aerojet", "", "gets"): 7_840,
        ("northbank", "", "gets"): 1_000,
        ("northbank", "", "pays"): -8_000,
    }


def test_halves_of_a_cent_go_to_the_even_one_and_the_rest_stays() -> None:
    (up,) = net([line("aerojet", 0, 150_000)])
    (down,) = net([line("aerojet", 0, 250_000)])

    assert (up.amount, up.closing) == (2, -50_000)
    assert (down.amount, down.closing) == (2, 50_000)


def test_what_is_too_small_rolls_over_until_it_is_worth_a_payment() -> None:
    side = Side("aerojet", "USD")
    (first,) = net([line("aerojet", 0, 6_000_000)], smallest=100)
    assert (first.amount, first.closing) == (0, 6_000_000)

    (second,) = net([line("aerojet", 0, 6_000_000)], smallest=100, openings={side: first.closing})
    assert (second.amount, second.closing) == (120, 0)

    (silent,) = net([], smallest=100, openings={side: 1})
    assert (silent.amount, silent.opening, silent.closing) == (0, 1, 1)


_SUMS = st.integers(0, 10**15)
_LINES = st.lists(st.builds(line, st.sampled_from(PARTNERS), _SUMS, _SUMS), max_size=12)


@given(st.lists(_LINES, min_size=1, max_size=6), st.sampled_from(Model), st.integers(0, 1_000))
def test_over_any_windows_nothing_is_lost(windows: list[list[Line]], model: Model, smallest: int) -> None:
    carried: dict[Side, int] = {}
    paid = 0
    for lines in windows:
        found = net(lines, model=model, openings=carried, smallest=smallest)
        for one in found:
            assert one.opening + one.credits - one.debits == one.amount * USD.factor + one.closing
            assert abs(Fraction(one.closing, USD.factor)) <= max(Fraction(1, 2), smallest)
            assert one.amount == 0 or abs(one.amount) >= smallest
        assert sum(one.credits - one.debits for one in found) == sum(one.credits - one.debits for one in lines)
        paid += sum(one.amount for one in found)
        carried = {one.side: one.closing for one in found}

    posted = sum(one.credits - one.debits for lines in windows for one in lines)
    assert posted == paid * USD.factor + sum(carried.values())
