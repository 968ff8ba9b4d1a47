"""How chains of rules, sums of a month and accrual ids are written down, and read again."""

import json
from collections.abc import Mapping
from fractions import Fraction

from hub.earning.pricing import Exact
from hub.earning.types import Chain, Part, Rounding

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_CHARS = 26
LINE_DIGITS = 10


def chain_text(chain: Chain) -> str:
    """A chain as canonical JSON, unit and ruleset left out."""
    parts = [[part.rule, str(part.rate), part.cap] for part in chain.parts]
    return json.dumps([parts, str(chain.rounding), chain.step, chain.pooled], separators=(",", ":"))


def chain_from(text: str, *, ruleset: str, unit: str) -> Chain:
    """The chain of such a text."""
    parts, rounding, step, pooled = json.loads(text)
    read = tuple(Part(rule, Fraction(rate), cap) for rule, rate, cap in parts)
    return Chain(ruleset, unit, read, Rounding(rounding), step, pooled)


def sums_text(sums: Mapping[str, Exact]) -> str:
    """Sums by rule as JSON of exact fractions."""
    return json.dumps({rule: str(value) for rule, value in sums.items()}, separators=(",", ":"), sort_keys=True)


def sums_from(text: str) -> dict[str, Exact]:
    """The sums of such a text."""
    return {rule: Fraction(value) if "/" in value else int(value) for rule, value in json.loads(text).items()}


def token_id(number: int) -> str:
    """The id of a card token by the hub's own number: `ctk_` and 26 characters."""
    return f"ctk_{_written(number, _CHARS)}"


def token_number(id: str) -> int | None:
    """The number of a card token's id; None for what never was one."""
    head, _, text = id.partition("_")
    if head != "ctk" or len(text) != _CHARS or any(char not in _ALPHABET for char in text):
        return None
    number = _read(text)
    return number if number < 2**63 else None


def accrual_id(chunk: int, line: int) -> str:
    """The id of the accrual of one line of a chunk: `acr_` and 26 characters that sort by when it was taken."""
    return f"{accrual_head(chunk)}{line:0{LINE_DIGITS}d}"


def accrual_head(chunk: int) -> str:
    """What the ids of all accruals of a chunk begin with; the line follows as `LINE_DIGITS` decimal digits."""
    return f"acr_{_written(chunk, _CHARS - LINE_DIGITS)}"


def accrual_place(id: str) -> tuple[int, int] | None:
    """Chunk and line of an accrual's id; None for what never was one."""
    head, found, text = id.partition("_")
    if head != "acr" or not found or len(text) != _CHARS or any(char not in _ALPHABET for char in text):
        return None
    first, line = text[:-LINE_DIGITS], text[-LINE_DIGITS:]
    number = _read(first)
    return (number, int(line)) if line.isdigit() and number < 2**63 else None


def _written(number: int, chars: int) -> str:
    return "".join(_ALPHABET[number >> 5 * place & 31] for place in range(chars - 1, -1, -1))


def _read(text: str) -> int:
    number = 0
    for char in text:
        number = number << 5 | _ALPHABET.index(char)
    return number
