"""Card numbers: how to tell one, so that none is ever kept, logged or echoed.

Source: ISO/IEC 7812-1 annex B (the check digit), numbers of 13 to 19 digits as card schemes use them.
"""

import re
from collections.abc import Sequence

# With the spaces and dashes that people write between groups of digits.
CARD_LIKE = re.compile(r"[0-9](?:[ -]?[0-9]){12,18}")


def is_card_number(text: str, allowed: Sequence[str] = ()) -> bool:
    """Whether `text` has 13 to 19 digits that pass the check, unless it begins with one of the `allowed` prefixes."""
    if not CARD_LIKE.fullmatch(text):
        return False
    digits = text.replace(" ", "").replace("-", "")
    if any(digits.startswith(prefix) for prefix in allowed):
        return False
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if place % 2 else 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0
