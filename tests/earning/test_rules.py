"""Earn rules as a document: what they may say, and where a mistake is found."""

from datetime import date
from fractions import Fraction

import pytest

from hub.earning.cards import is_card_number
from hub.earning.pricing import Pool, chain_of, fitting, points_alone
from hub.earning.refusals import EarnRulesInvalid
from hub.earning.rules_document import read_rules, ruleset_of
from hub.earning.types import Chain, RuleKind, Traits
from tests.earning.support import BANK, PLAIN, UNIT


def chain(rules: str, *, category: str = "L100", day: date = date(2016, 6, 10), amount: int = 10_000) -> Chain:
    ruleset = read_rules(rules, bank=BANK, id="r")
    traits = Traits(day, category, "gold", "", "shell kings", UNIT, amount)
    return chain_of(ruleset, fitting(ruleset, traits), unit=UNIT, unit_scale=0)


@pytest.mark.parametrize(
    ("earn", "amount", "points"),
    [
        ("1 per 1.00", 1_099, 10),
        ("1 per 100.00", 9_999, 0),
        ("5 per whole 1.00", 299, 10),
        ("1.5 %", 10_000, 1),
        ("0.7 per 1.00", 1_000, 7),
    ],
)
def test_points_follow_exactly_from_the_rate(earn: str, amount: int, points: int) -> None:
    found = chain(PLAIN.replace("1 per 1.00", earn))

    assert points_alone(found, amount) == points


def test_bases_come_first_then_what_adds_then_what_multiplies() -> None:
    more = (
        '[[rules]]\ncode = "m"\nkind = "multiply"\ntimes = 2\n[[rules]]\ncode = "a"\nkind = "add"\nearn = "1 per 2.00"'
    )

    stacked = chain(PLAIN + more)
    turned = chain(PLAIN.replace("[[rules]]", 'stacking = ["base", "multiply", "add"]\n[[rules]]', 1) + more)

    assert [(part.rule, part.rate) for part in stacked.parts] == [
        ("base", Fraction(1, 100)),
        ("a", Fraction(3, 200)),
        ("m", Fraction(3, 100)),
    ]
    assert turned.rate == Fraction(1, 100) * 2 + Fraction(1, 200)


def test_an_excluded_category_earns_nothing_and_another_one_does() -> None:
    rules = PLAIN + '[[rules]]\ncode = "no"\nkind = "exclude"\ncategories = ["5500-5599"]'

    assert chain(rules, category="5541").parts == ()
    assert chain(rules, category="5600").parts != ()


def test_weekdays_and_dates_limit_a_rule() -> None:
    rules = PLAIN + '[[rules]]\ncode = "x"\nkind = "multiply"\ntimes = 3\nweekdays = ["sat"]\nuntil = 2016-06-12'

    rates = [chain(rules, day=date(2016, 6, day)).rate * 100 for day in (10, 11, 18)]

    assert rates == [1, 3, 1]


def test_a_cap_holds_for_the_month_and_gives_way_when_spend_is_undone() -> None:
    found = chain(PLAIN + '[[rules]]\ncode = "x"\nkind = "multiply"\ntimes = 2\ncap = 30')
    pool = Pool(0, {"x": 30})

    pool.add(found, 5_000)
    capped = pool.points()
    pool.add(found, 5_000, -1)
    pool.add(found, 1_000)

    assert (capped, pool.points()) == (50 + 30, 20)


@pytest.mark.parametrize(
    ("change", "where"),
    [
        (("earn =", "earns ="), "rules.0.earn"),
        (('"1 per 1.00"', "1.5"), "line 7, rules.0.earn"),
        (('"1 per 1.00"', '"1 per 1.00"\ncolour = "red"'), "line 8, rules.0.colour"),
        (('"GBP"', '"XYZ"'), "line 2, currency"),
        (("2016-01-01", '"soon"'), "line 4, effective_from"),
        (('"base"', '"base"\nkind = "add"'), "rules"),
        (('"1 per 1.00"', '"-1 per 1.00"'), "line 7, rules.0.earn"),
        (('"1 per 1.00"', '"1 per 1.00"\ncategories = ["@none"]'), "line 8, rules.0.categories"),
    ],
)
def test_a_mistake_in_the_rules_is_refused_with_its_place(change: tuple[str, str], where: str) -> None:
    with pytest.raises(EarnRulesInvalid) as refusal:
        read_rules(PLAIN.replace(*change), bank=BANK)

    assert where in refusal.value.detail


def test_rules_read_from_their_stored_document_are_the_same() -> None:
    rules = read_rules(PLAIN + "cap = 10.5", bank=BANK)

    again = ruleset_of(rules.document, bank=BANK)

    assert again == rules
    assert again.rules[0].cap == Fraction(21, 2)
    assert again.rules[0].kind is RuleKind.BASE


def test_card_numbers_are_told_from_tokens() -> None:
    assert is_card_number("4111111111111111")
    assert is_card_number("4111 1111 1111 1111")
    assert not is_card_number("4111111111111112")
    assert not is_card_number("tok_4111111111111111")
    assert not is_card_number("4111111111111111", ("4111",))
