"""Whole amounts and exact fractions: the only arithmetic that touches points or money.

Knows integers, `fractions.Fraction` and decimal strings. Does not know units' names or prices.
"""

import re
from fractions import Fraction

from hub.kernel.errors import AmountOverflow, InvalidAmount
from hub.kernel.limits import AMOUNT_LEDGER_MAX, AMOUNT_WIRE_MAX

_DECIMAL = re.compile(r"-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,12})?")
_RATIO = re.compile(r"([1-9][0-9]{0,17})[:/]([1-9][0-9]{0,17})")


def positive_amount(value: object, *, pointer: str | None = None) -> int:
    """`value` if it is a whole number from 1 to 2^53 - 1.

    Raises: InvalidAmount for anything else, booleans and floats included.
    """
    if type(value) is not int or not 0 < value <= AMOUNT_WIRE_MAX:
        raise InvalidAmount(
            f"An amount is a whole number from 1 to {AMOUNT_WIRE_MAX} in the unit's smallest unit.",
            pointer=pointer,
        )
    return value


def ledger_amount(value: int) -> int:
    """`value` if it fits into the ledger's 64 bits. Raises: AmountOverflow."""
    if not -AMOUNT_LEDGER_MAX <= value <= AMOUNT_LEDGER_MAX:
        raise AmountOverflow("This sum does not fit into 64 bits; split the request.")
    return value


def floor_of(value: Fraction) -> int:
    """The largest whole number not above `value`."""
    return value.numerator // value.denominator


def half_even(value: Fraction) -> int:
    """The nearest whole number; halves go to the even one."""
    return round(value)


def parse_decimal(text: str) -> Fraction:
    """The exact value of a plain decimal string such as `13.37`; no exponent, no spaces, ASCII digits only.

    Raises: InvalidAmount.
    """
    if not _DECIMAL.fullmatch(text) or not text.isascii():
        raise InvalidAmount(f"{text[:40]!r} is not a plain decimal number such as 13.37.")
    return Fraction(text)


def parse_ratio(text: str) -> Fraction:
    """`give:get` or `get/give`-like text with two positive whole numbers; the first divided by the second.

    Raises: InvalidAmount.
    """
    match = _RATIO.fullmatch(text)
    if not match or not text.isascii():
        raise InvalidAmount(f"{text[:40]!r} is not a ratio of two positive whole numbers such as 5:4.")
    return Fraction(int(match[1]), int(match[2]))


def decimal_text(amount: int, scale: int) -> str:
    """`amount` smallest units as an exact decimal string with `scale` digits: (8000, 2) is `80.00`."""
    if scale == 0:
        return str(amount)
    sign = "-" if amount < 0 else ""
    whole, rest = divmod(abs(amount), 10**scale)
    return f"{sign}{whole}.{rest:0{scale}d}"


def fraction_text(value: Fraction) -> str:
    """`4/5`, or `2` for a whole number."""
    return str(value)
