"""The loss check: what comes in must cover what goes out, or somebody signs by name."""

from dataclasses import replace
from fractions import Fraction

import pytest

from hub.agreements.types import Terms
from hub.rates.losses import first_loss, require_no_loss
from hub.rates.refusals import LossUnsigned
from hub.rates.types import Campaign, RateRule
from tests.rates.builders import DAY, NOW, campaign, catalogue, rule, terms

ROUTE = ("a.point", "b.point")


def _paid_out(offered: RateRule, campaigns: list[Campaign], agreed: list[Terms]) -> Fraction | None:
    loss = first_loss(catalogue([offered], campaigns, agreements=agreed, live=True), [ROUTE], since=NOW)
    return None if loss is None else loss.paid_out


@pytest.mark.parametrize(
    ("offered", "debit", "credit", "paid_out"),
    [
        (rule(1, 1), 80_000, 80_000, None),
        (rule(1, 1), 80_000, 80_001, Fraction(80_001, 80_000)),
        (rule(5, 2), 80_000, 196_000, None),
        (rule(5, 2), 80_000, 200_001, Fraction(200_001, 200_000)),
        (rule(blocks=[(0, 3, 1), (30, 3, 2)]), 80_000, 120_000, None),
        (rule(blocks=[(0, 3, 1), (30, 3, 2)]), 80_000, 120_003, Fraction(120_003, 120_000)),
        (rule(1, 1), 0, 0, None),
    ],
)
def test_a_conversion_must_bring_in_what_it_pays_out(
    offered: RateRule, debit: int, credit: int, paid_out: Fraction | None
) -> None:
    assert _paid_out(offered, [], [terms("a", debit=debit), terms("b", credit=credit)]) == paid_out


def test_paying_out_for_nothing_is_a_loss() -> None:
    listed = catalogue([rule()], agreements=[terms("a", debit=0), terms("b", credit=1)], live=True)

    with pytest.raises(LossUnsigned, match="brings in nothing"):
        require_no_loss(listed, [ROUTE], since=NOW, signed_by="")


def test_only_bonuses_that_the_hub_funds_count() -> None:
    agreed = [terms("a"), terms("b", credit=70_000)]

    assert _paid_out(rule(), [campaign(20, funder="a")], agreed) is None
    assert _paid_out(rule(), [campaign(20, funder="b")], agreed) is None
    assert _paid_out(rule(), [campaign(20, funder="hub")], agreed) == Fraction(84, 80)


def test_scales_of_the_ledger_are_compared_as_money() -> None:
    finer = replace(terms("b", credit=8_000_000), currency_scale=9)

    assert _paid_out(rule(), [], [terms("a"), finer]) is None


def test_two_currencies_need_a_signature() -> None:
    listed = catalogue([rule()], agreements=[terms("a"), terms("b", currency="EUR")], live=True)

    with pytest.raises(LossUnsigned):
        require_no_loss(listed, [ROUTE], since=NOW, signed_by="")
    require_no_loss(listed, [ROUTE], since=NOW, signed_by="Ada Lovelace")


def test_a_loss_that_begins_later_is_found() -> None:
    now, then = terms("a"), replace(terms("a", debit=70_000), version="agr_a2", effective_from=NOW + DAY)
    listed = catalogue([rule()], agreements=[now, terms("b")], live=True)
    roster = replace(listed.roster, terms_by_partner={**listed.roster.terms_by_partner, "a": (then, now)})

    loss = first_loss(replace(listed, roster=roster), [ROUTE], since=NOW)

    assert loss is not None
    assert (loss.at, loss.paid_out) == (NOW + DAY, Fraction(8, 7))


def test_without_agreements_there_is_nothing_to_lose() -> None:
    assert _paid_out(rule(1, 100), [], []) is None
    assert _paid_out(rule(1, 100), [], [terms("a")]) is None
    assert _paid_out(rule(1, 100), [], [replace(terms("a"), debit_price={}), terms("b")]) is None
