"""Which purchase a refund undoes: a function of what is known of a card, never of the order in which it came. Pure.

A refund that names its purchase undoes that one. One that names none undoes a purchase of the same card at the same
merchant: of the same amount if there is one, the latest otherwise.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta


@dataclass(frozen=True, slots=True)
class Bought:
    """A purchase as far as matching looks at it."""

    id: str
    token: int
    day: date
    amount: int
    currency: str
    merchant: str


@dataclass(frozen=True, slots=True)
class Returned:
    """A refund. amount: > 0. original: the purchase it names, or empty. match_days: None to match by name only."""

    id: str
    token: int
    day: date
    amount: int
    currency: str
    merchant: str
    original: str
    match_days: int | None


def assign(bought: Iterable[Bought], returned: Sequence[Returned]) -> dict[str, str]:
    """For each refund the id of the purchase it undoes, empty for none."""
    purchases = {one.id: one for one in bought}
    left = {id: one.amount for id, one in purchases.items()}
    found: dict[str, str] = {}
    for one in returned:
        if one.original:
            found[one.id] = _named(purchases, one)
            if found[one.id]:
                left[found[one.id]] = max(0, left[found[one.id]] - one.amount)
    groups: dict[tuple[int, str, str], list[Bought]] = {}
    for purchase in purchases.values():
        groups.setdefault((purchase.token, purchase.merchant, purchase.currency), []).append(purchase)
    for one in sorted(returned, key=lambda refund: (refund.day, refund.id)):
        if one.original:
            continue
        group = groups.get((one.token, one.merchant, one.currency), ())
        found[one.id] = _likeliest(group, left, one)
        if found[one.id]:
            left[found[one.id]] -= one.amount
    return found


def _named(purchases: Mapping[str, Bought], refund: Returned) -> str:
    purchase = purchases.get(refund.original)
    if purchase is None or (purchase.token, purchase.currency) != (refund.token, refund.currency):
        return ""
    return purchase.id


def _likeliest(group: Iterable[Bought], left: Mapping[str, int], refund: Returned) -> str:
    if refund.match_days is None or not refund.merchant:
        return ""
    first = refund.day - timedelta(days=refund.match_days)
    fitting = [one for one in group if first <= one.day <= refund.day and left[one.id] >= refund.amount]
    best = max(fitting, key=lambda one: (left[one.id] == refund.amount, one.day, one.id), default=None)
    return best.id if best else ""
