"""Check digits of membership numbers: what a number must end in so that a slip of the pen is noticed.

Pure functions over texts; nothing of brands. Each takes the number without its check digits and gives them. Digits
count as themselves, letters and separators are left out, but for ISO 7064 MOD 97-10, where A counts as 10 and Z as 35.
"""

import string
from collections.abc import Callable, Mapping
from enum import StrEnum
from types import MappingProxyType

# Weights of the modulus 11 scheme from the right; the tenth place begins again at 2.
_WEIGHTS_11 = range(2, 11)


class CheckDigit(StrEnum):
    """A scheme of check digits, always at the end of the number."""

    NONE = "none"
    # Every second digit doubled, from the right (ISO/IEC 7812-1 annex B); payment cards, many loyalty cards.
    LUHN = "luhn"
    # Two digits (ISO 7064 MOD 97-10).
    MOD_97_10 = "mod_97_10"
    # Weights 2, 3, 4 ... from the right; 10 is written X (ISBN-10, NHS number).
    MOD_11 = "mod_11"
    # The number divided by 7, what is left over; airline documents.
    MOD_7 = "mod_7"
    # Weights 3 and 1 in turn from the right (GS1 General Specifications 7.9).
    EAN = "ean"


def check_digits_of(kind: CheckDigit, stem: str) -> str:
    """The check digits that `stem` must be followed by; empty for `none`. A stem without digits counts as 0."""
    return _SCHEMES[kind](stem)


def check_holds(kind: CheckDigit, number: str) -> bool:
    """Whether the end of `number` is what its scheme demands."""
    width = width_of(kind)
    if width == 0:
        return True
    stem, end = number[:-width], number[-width:]
    return len(end) == width and end.isascii() and end == check_digits_of(kind, stem)


def width_of(kind: CheckDigit) -> int:
    """How many characters a scheme adds."""
    return {CheckDigit.NONE: 0, CheckDigit.MOD_97_10: 2}.get(kind, 1)


def _luhn(stem: str) -> str:
    total = 0
    for place, digit in enumerate(reversed(_digits(stem))):
        doubled = digit * 2 if place % 2 == 0 else digit
        total += doubled // 10 + doubled % 10
    return str(-total % 10)


def _mod_97_10(stem: str) -> str:
    written = "".join(str(_ALPHABET.index(char)) for char in stem.upper() if char in _ALPHABET)
    return f"{98 - int(written + '00') % 97:02d}"


def _mod_11(stem: str) -> str:
    weighted = zip(reversed(_digits(stem)), _weights(), strict=False)
    rest = -sum(digit * weight for digit, weight in weighted) % 11
    return "X" if rest == 10 else str(rest)


def _mod_7(stem: str) -> str:
    return str(int("0" + "".join(map(str, _digits(stem)))) % 7)


def _ean(stem: str) -> str:
    total = sum(digit * (3 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(_digits(stem))))
    return str(-total % 10)


def _digits(stem: str) -> list[int]:
    return [int(char) for char in stem if char in string.digits]


def _weights() -> list[int]:
    return list(_WEIGHTS_11) * 8  # for 72 digits; a membership number has at most 64 characters


_ALPHABET = string.digits + string.ascii_uppercase
_SCHEMES: Mapping[CheckDigit, Callable[[str], str]] = MappingProxyType(
    {
        CheckDigit.NONE: lambda stem: "",  # noqa: ARG005
        CheckDigit.LUHN: _luhn,
        CheckDigit.MOD_97_10: _mod_97_10,
        CheckDigit.MOD_11: _mod_11,
        CheckDigit.MOD_7: _mod_7,
        CheckDigit.EAN: _ean,
    }
)
