"""Check digits of membership numbers. Pure.

They tell a typing error from a number; they do not tell whether anybody has that number.
"""

from partners.files.declaration import CheckDigit


def number_holds(number: str, check_digit: CheckDigit) -> bool:
    """Whether the check digit of `number` fits; other characters than digits are passed over."""
    if check_digit is CheckDigit.NONE:
        return True
    digits = [int(one) for one in number if one.isascii() and one.isdigit()]
    return len(digits) > 1 and _luhn(digits) % 10 == 0


def with_check_digit(stem: str, check_digit: CheckDigit) -> str:
    """`stem` with its check digit behind it; for making numbers on trial."""
    if check_digit is CheckDigit.NONE:
        return stem
    return next(number for digit in range(10) if number_holds(number := f"{stem}{digit}", check_digit))


def _luhn(digits: list[int]) -> int:
    """ISO/IEC 7812-1, annex B: every second digit from the right is doubled, its digits added."""
    doubled = [digit if place % 2 == 0 else sum(divmod(2 * digit, 10)) for place, digit in enumerate(reversed(digits))]
    return sum(doubled)
