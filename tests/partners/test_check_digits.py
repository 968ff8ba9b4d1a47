"""Check digits: published examples hold, and every slip of one digit is noticed where the scheme promises it."""

import pytest

from partners.check_digits import CheckDigit, check_digits_of, check_holds, width_of

# Source of each: Wikipedia "Luhn algorithm"; ISO 7064 clause 6; ISBN Users' Manual 7th ed. 5.4; IATA ticket practice;
# GS1 "How to calculate a check digit manually".
PUBLISHED = [
    (CheckDigit.LUHN, "7992739871", "3"),
    (CheckDigit.MOD_97_10, "794", "44"),
    (CheckDigit.MOD_11, "030640615", "2"),
    (CheckDigit.MOD_11, "080442957", "X"),
    (CheckDigit.MOD_7, "0012345678", "2"),
    (CheckDigit.EAN, "400638133393", "1"),
]


@pytest.mark.parametrize(("kind", "stem", "check"), PUBLISHED)
def test_published_numbers_hold(kind: CheckDigit, stem: str, check: str) -> None:
    assert check_digits_of(kind, stem) == check
    assert check_holds(kind, stem + check)


@pytest.mark.parametrize("kind", [CheckDigit.LUHN, CheckDigit.MOD_97_10, CheckDigit.MOD_11, CheckDigit.EAN])
def test_one_wrong_digit_is_noticed(kind: CheckDigit) -> None:
    stem = "84210953"
    number = stem + check_digits_of(kind, stem)

    for place in range(len(stem)):
        for digit in "0123456789":
            slipped = number[:place] + digit + number[place + 1 :]
            assert check_holds(kind, slipped) == (slipped == number)


def test_letters_count_for_97_10_and_are_left_out_elsewhere() -> None:
    assert check_digits_of(CheckDigit.MOD_97_10, "AB-1") == check_digits_of(CheckDigit.MOD_97_10, "10111")
    assert check_digits_of(CheckDigit.LUHN, "GR-79927398-71") == "3"


@pytest.mark.parametrize("number", ["", "7", "x", "７９９２７３９８７１３", "7992739871３"])
def test_what_is_no_number_does_not_hold(number: str) -> None:
    assert not check_holds(CheckDigit.MOD_97_10, number)
    assert not check_holds(CheckDigit.EAN, number)


def test_without_a_scheme_everything_holds() -> None:
    assert width_of(CheckDigit.NONE) == 0
    assert check_holds(CheckDigit.NONE, "")
