"""What counts as worse for members, and the notice it needs."""

from datetime import timedelta
from fractions import Fraction

import pytest

from hub.rates.notice import NOTICE, is_worse, require_notice
from hub.rates.refusals import NoticeTooShort
from hub.rates.types import Fee, RateRule
from tests.rates.builders import DAY, NOW, rule


def _fee(per_point: int = 0, *, flat: int = 0, cap: int | None = None, kind: str = "points") -> Fee:
    return Fee(kind, "USD" if kind == "money" else "", flat, Fraction(per_point, 100), cap)


@pytest.mark.parametrize(
    ("old", "new", "worse"),
    [
        (rule(1, 1), rule(1, 1), False),
        (rule(5, 4), rule(10, 8), False),
        (rule(5, 4), rule(1, 1), False),
        (rule(1, 1), rule(5, 4), True),
        (rule(minimum=1_000, step=1_000), rule(minimum=500, step=500), False),
        (rule(minimum=1_000, step=1_000), rule(minimum=2_000, step=1_000), True),
        (rule(minimum=1_000, step=1_000), rule(minimum=1_000, step=300), True),
        (rule(), rule(maximum=10_000), True),
        (rule(maximum=10_000), rule(), False),
        (rule(3, 1), rule(blocks=[(0, 3, 1), (30, 3, 2)]), False),
        (rule(3, 1), rule(blocks=[(0, 3, 2), (30, 4, 1)]), True),
        (rule(3, 1, maximum=40), rule(blocks=[(0, 3, 2), (30, 4, 1)]), False),
        (rule(), rule(fee=_fee(1)), True),
        (rule(), rule(fee=_fee(0)), False),
        (rule(fee=_fee(1)), rule(), False),
        (rule(fee=_fee(1)), rule(fee=_fee(2)), True),
        (rule(fee=_fee(1)), rule(fee=_fee(1, cap=50)), False),
        (rule(fee=_fee(1, cap=50)), rule(fee=_fee(1)), True),
        (rule(fee=_fee(1, cap=50)), rule(fee=_fee(0, flat=40)), True),
        (rule(fee=_fee(1, cap=50), minimum=4_000), rule(fee=_fee(0, flat=40), minimum=4_000), False),
        (rule(fee=_fee(1)), rule(fee=_fee(1, kind="money")), True),
    ],
)
def test_worse_is_any_amount_refused_yielding_less_or_costing_more(old: RateRule, new: RateRule, worse: bool) -> None:
    assert is_worse(new, old) is worse


def test_what_is_worse_needs_its_notice() -> None:
    old = rule(1, 1, id="rul_1")
    early = rule(2, 1, since=NOW + NOTICE - timedelta(seconds=1), id="rul_2")
    in_time = rule(2, 1, since=NOW + NOTICE, id="rul_2")

    with pytest.raises(NoticeTooShort) as refusal:
        require_notice(early, [old], now=NOW, notice=NOTICE)
    assert refusal.value.facts["follows"] == "rul_1"
    require_notice(in_time, [old], now=NOW, notice=NOTICE)
    require_notice(early, [old], now=NOW, notice=10 * DAY)


def test_what_takes_nobodys_place_needs_no_notice() -> None:
    worse = rule(2, 1, since=NOW + DAY, id="rul_2")

    require_notice(worse, [], now=NOW, notice=NOTICE)
    require_notice(worse, [rule(1, 1, until=NOW + DAY, id="rul_1")], now=NOW, notice=NOTICE)
    require_notice(worse, [rule(1, 1, priority=1, id="rul_1")], now=NOW, notice=NOTICE)
    gold, silver = {"tier": "gold"}, {"tier": "silver"}
    standing = rule(1, 1, selectors=gold, id="rul_1")
    require_notice(rule(2, 1, selectors=silver, since=NOW + DAY, id="rul_2"), [standing], now=NOW, notice=NOTICE)
