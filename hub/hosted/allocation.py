"""Which lots points come from, and which they go back to. Pure, over whole amounts.

Points are taken from the earliest expiry first. What is given back goes to the very lots it came from, in proportion,
so that the parts of a reversal add up to the whole in every lot.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Free:
    """What may be taken of one lot. amount: > 0. expires_at: None for never."""

    lot: str
    amount: int
    earned_at: datetime
    expires_at: datetime | None


def allocated(free: Sequence[Free], amount: int, *, preferred: frozenset[str] = frozenset()) -> list[tuple[str, int]]:
    """(lot, amount) in the order they are taken: preferred lots, then earliest expiry, then earliest earned.

    amount: > 0, at most what is free.
    """
    assert 0 < amount <= sum(one.amount for one in free), "more than what is free was to be taken"
    never = max((one.expires_at for one in free if one.expires_at), default=None)
    ordered = sorted(
        free,
        key=lambda one: (
            one.lot not in preferred,
            one.expires_at is None,
            one.expires_at or never or one.earned_at,
            one.earned_at,
            one.lot,
        ),
    )
    taken: list[tuple[str, int]] = []
    for one in ordered:
        if not amount:
            break
        part = min(one.amount, amount)
        taken.append((one.lot, part))
        amount -= part
    return taken


def given_back(takes: Sequence[int], earlier: Sequence[int], amount: int) -> list[int]:
    """How much of `amount` each lot gets back.

    takes: what was taken of each lot. earlier: what was given back to each so far. Each lot's part is floor(take ×
    cumulative share) less what it had, as in the ledger; what rounding leaves over goes to the lots in their order, and
    what it had given too early is made up for by the last ones.
    """
    whole, before = sum(takes), sum(earlier)
    assert 0 < amount <= whole - before, "more than what was taken was to be given back"
    cumulative = before + amount
    parts = [max(0, take * cumulative // whole - had) for take, had in zip(takes, earlier, strict=True)]
    rest = amount - sum(parts)
    for place, take in enumerate(takes):
        if rest > 0 and earlier[place] + parts[place] < take:
            parts[place] += 1
            rest -= 1
    for place in reversed(range(len(parts))):
        less = min(parts[place], max(0, -rest))
        parts[place] -= less
        rest += less
    assert rest == 0, "every point has a lot to go back to"
    return parts
