"""What other rules would have made of what was really spent: what they cost, and who gains.

Both sides are priced from the same net spend, refunds taken off, so that nothing but the rules differs. Nothing is
written. Rules that only begin later are tried as if they had been in force; the dates of single rules hold.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

import polars as pl

from hub.agreements.roster import Roster
from hub.agreements.types import Terms
from hub.earning import store
from hub.earning.history import member_tokens, net_spend, worth
from hub.earning.known import chosen_units
from hub.earning.refusals import SimulationTooWide
from hub.earning.rulesets import require_bank, rules_by_id
from hub.earning.types import Ruleset
from hub.storage import Work

# Lines of a breakdown: what differs most comes first.
_LINES_MAX = 20
_CANDIDATE = "candidate"


@dataclass(frozen=True, slots=True)
class Side:
    """Points of one unit and what they cost the bank, before and after. cost: ledger units, None without a price."""

    unit: str
    points_now: int
    points_then: int
    currency: str
    currency_scale: int
    cost_now: int | None
    cost_then: int | None


@dataclass(frozen=True, slots=True)
class Line:
    """Points of one category, product or member, before and after, of all units together."""

    name: str
    points_now: int
    points_then: int


@dataclass(frozen=True, slots=True)
class Simulation:
    """What the rules would have changed. transactions: net ones that were priced. members: gaining, losing, neither."""

    since: date
    until: date
    transactions: int
    gaining: int
    losing: int
    unchanged: int
    units: Sequence[Side]
    categories: Sequence[Line]
    products: Sequence[Line]
    members: Sequence[Line]


def simulate(
    work: Work,
    roster: Roster,
    candidate: Ruleset,
    *,
    since: date,
    until: date,
    now: datetime,
    transactions_max: int | None,
) -> Simulation:
    """Try rules on the days from `since` until `until` (out). transactions_max: None for any number.

    Raises: BankNotReady, SimulationTooWide.
    """
    bank = candidate.bank
    require_bank(roster, bank)
    if transactions_max is not None:
        _require_few(work, bank, since=since, until=until, most=transactions_max)
    known = store.pricings(work, bank)
    standing = list(rules_by_id(work, [chain.ruleset for _, chain, _ in known.values()]).values())
    tried = replace(candidate, id=_CANDIDATE, since=since, until=None)
    scales = {code: unit.scale for code, unit in roster.units.items()}
    sums = _Sums()
    for tokens in member_tokens(work, bank):
        net = net_spend(work, tokens, known, since=since, until=until)
        if not len(net):
            continue
        before = worth(net, standing, scales).frame
        moved = chosen_units(work, net.drop("unit"), pl.lit(tried.target), bank=bank)
        after = worth(moved.with_columns(pl.lit(_CANDIDATE).alias("ruleset")), [tried], scales).frame
        sums.add(before, after)
    return sums.simulation(since, until, roster, now)


def _require_few(work: Work, bank: str, *, since: date, until: date, most: int) -> None:
    rows = work.fetch(
        "SELECT count(*) FROM (SELECT 1 FROM card_transaction WHERE bank = %s AND day >= %s AND day < %s LIMIT %s) t",
        (bank, since, until, most + 1),
    )
    if rows[0][0] > most:
        raise SimulationTooWide(
            f"These days hold more than {most} transactions; ask for fewer days, or use the command line."
        )


class _Sums:
    """Points by unit, category, product and member while slices of members come in."""

    _BY = ("unit", "category", "product", "member")

    def __init__(self) -> None:
        self._transactions = 0
        self._points: dict[str, dict[str, tuple[int, int]]] = {name: {} for name in self._BY}

    def add(self, before: pl.DataFrame, after: pl.DataFrame) -> None:
        """Count one slice; each member is in one slice only."""
        self._transactions += len(before)
        for name in self._BY:
            sums = self._points[name]
            for side, frame in enumerate((before, after)):
                for key, points in frame.group_by(name).agg(pl.col("points").sum()).iter_rows():
                    one, other = sums.get(key, (0, 0))
                    sums[key] = (one + points, other) if side == 0 else (one, other + points)

    def simulation(self, since: date, until: date, roster: Roster, now: datetime) -> Simulation:
        """What it came to."""
        members = self._points["member"].values()
        return Simulation(
            since=since,
            until=until,
            transactions=self._transactions,
            gaining=sum(then > before for before, then in members),
            losing=sum(then < before for before, then in members),
            unchanged=sum(then == before for before, then in members),
            units=[_side(unit, *both, roster, now) for unit, both in sorted(self._points["unit"].items())],
            categories=_lines(self._points["category"]),
            products=_lines(self._points["product"]),
            members=_lines(self._points["member"]),
        )


def _side(unit: str, before: int, then: int, roster: Roster, now: datetime) -> Side:
    terms: Terms | None = roster.terms(roster.units[unit].partner, now)
    price = terms.accrual_price.get(unit) if terms is not None else None
    if terms is None or price is None:
        return Side(unit, before, then, "", 0, None, None)
    return Side(unit, before, then, terms.currency, terms.currency_scale, before * price, then * price)


def _lines(sums: Mapping[str, tuple[int, int]]) -> list[Line]:
    """What differs most, the largest difference first."""
    ordered = sorted(sums.items(), key=lambda one: (-abs(one[1][1] - one[1][0]), one[0]))
    return [Line(name, *both) for name, both in ordered[:_LINES_MAX]]
