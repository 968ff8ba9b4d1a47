"""Accruals as they are shown: one for each transaction that was taken, with everything that it moved and why.

Knows stored transactions, chains of rules and months. Decides nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from fractions import Fraction
from typing import Any

from hub.earning.codec import accrual_id, accrual_place, chain_from, sums_from
from hub.earning.pricing import contributions
from hub.earning.refusals import AccrualMissing
from hub.earning.rulesets import rules_by_id
from hub.earning.types import Chain, Rounding
from hub.storage import Work

_COLUMNS = (
    "t.chunk, t.line, t.bank, t.id, t.token, k.member, t.kind, t.at, t.day, t.amount, t.currency, t.category, "
    "t.merchant, t.product, t.tier, t.original, t.refunded, p.unit, t.points, "
    "(SELECT coalesce(sum(a.points), 0)::bigint FROM earn_adjustment a WHERE a.bank = t.bank "
    "AND a.transaction = t.id), c.state, p.ruleset, p.chain "
    "FROM card_transaction t JOIN card_token k ON k.number = t.token JOIN earn_pricing p ON p.number = t.pricing "
    "JOIN earn_chunk c ON c.number = t.chunk"
)


@dataclass(frozen=True, slots=True)
class Accrual:
    """One transaction and what it moved. amount: smallest currency units, refunds below zero. token: its number.

    points: what its own row moved. later: what moved beside it, such as a claw-back by a refund. state: `posted`, or
    `stopped` until the bank is funded.
    """

    chunk: int
    line: int
    bank: str
    transaction: str
    token: int
    member: str
    kind: str
    at: datetime
    day: date
    amount: int
    currency: str
    category: str
    merchant: str
    product: str
    tier: str
    original: str
    refunded: int
    unit: str
    points: int
    later: int
    state: str
    ruleset: str
    chain: Chain

    @property
    def id(self) -> str:
        """Its id."""
        return accrual_id(self.chunk, self.line)


@dataclass(frozen=True, slots=True)
class Explained:
    """One step of an explanation. what: of which kind. points: exact, None where it is no matter of points."""

    what: str
    detail: str
    points: Fraction | None


def get_accrual(work: Work, id: str, *, bank: str) -> Accrual:
    """One accrual. bank: whose; empty for any. Raises: AccrualMissing."""
    place = accrual_place(id)
    rows = work.fetch(
        f"SELECT {_COLUMNS} WHERE (t.chunk, t.line) = (%s, %s) AND (%s = '' OR t.bank = %s)",
        (*(place or (None, None)), bank, bank),
    )
    if not rows:
        raise AccrualMissing("There is no such accrual.")
    return _accrual(rows[0])


def find_accrual(work: Work, transaction: str, *, bank: str) -> Accrual:
    """The accrual of a bank's transaction. Raises: AccrualMissing."""
    rows = work.fetch(
        f"SELECT {_COLUMNS} WHERE t.bank = %s AND t.id = %s",
        (bank, transaction),
    )
    if not rows:
        raise AccrualMissing("There is no such accrual.")
    return _accrual(rows[0])


def list_accruals(
    work: Work,
    *,
    bank: str,
    member: str | None,
    transaction: str | None,
    live: bool,
    after: tuple[int, int],
    limit: int,
) -> list[Accrual]:
    """Accruals in the order in which they were taken. bank: empty for every bank of this kind. after: the last seen."""
    rows = work.fetch(
        f"SELECT {_COLUMNS} WHERE (t.chunk, t.line) > (%s, %s) AND (%s = '' OR t.bank = %s) "  # noqa: S608 - fixed
        "AND (%s::text IS NULL OR t.token IN (SELECT number FROM card_token WHERE member = %s)) "
        "AND (%s::text IS NULL OR t.id = %s) "
        "AND %s = (SELECT partner.live FROM partner WHERE partner.code = t.bank) ORDER BY t.chunk, t.line LIMIT %s",
        (*after, bank, bank, member, member, transaction, transaction, live, limit),
    )
    return [_accrual(row) for row in rows]


def explain(work: Work, accrual: Accrual) -> list[Explained]:
    """How its points came about, step by step."""
    steps = _priced(work, accrual) if accrual.kind == "purchase" else _refunded(work, accrual)
    rows = work.fetch(
        "SELECT a.transaction, a.points, a.reason FROM earn_adjustment a WHERE a.bank = %s AND (a.transaction = %s OR "
        "a.transaction IN (SELECT id FROM earn_refund WHERE bank = %s AND matched = %s)) ORDER BY a.chunk, a.number",
        (accrual.bank, accrual.transaction, accrual.bank, accrual.transaction),
    )
    for transaction, points, reason in rows:
        steps.append(Explained(reason, f"by {transaction}", Fraction(points)))
    if accrual.state == "stopped":
        steps.append(Explained("stopped", "kept, and posted when the bank is funded", None))
    return steps


def _priced(work: Work, accrual: Accrual) -> list[Explained]:
    chain = accrual.chain
    names = {rule.code: rule.name for rule in rules_by_id(work, [chain.ruleset])[chain.ruleset].rules}
    if not chain.parts:
        return [Explained("no_rule", "no base rule fits, or a rule excludes it", Fraction(0))]
    steps = []
    if chain.step > 1:
        counted = accrual.amount - accrual.amount % chain.step
        steps.append(Explained("step", f"{counted} of {accrual.amount} count, in whole steps of {chain.step}", None))
    for part, exact in zip(chain.parts, contributions(chain, accrual.amount), strict=True):
        cap = f", at most {part.cap} in a month" if part.cap is not None else ""
        detail = f"{part.rule} ({names[part.rule]}): {part.rate} for each smallest unit with all before it{cap}"
        steps.append(Explained("rule", detail, Fraction(exact)))
    rounded = "each transaction" if chain.rounding is Rounding.TRANSACTION else "the sum of the month"
    steps.append(Explained("rounded", f"down, {rounded}", Fraction(accrual.points)))
    return steps + (_month(work, accrual) if chain.pooled else [])


def _month(work: Work, accrual: Accrual) -> list[Explained]:
    """Where the month stands whose caps, minimum or rounding decided."""
    rows = work.fetch(
        "SELECT spend, sums, points FROM earn_pool WHERE (bank, member, month, unit, ruleset) = (%s, %s, %s, %s, %s)",
        (accrual.bank, accrual.member, accrual.day.replace(day=1), accrual.unit, accrual.chain.ruleset),
    )
    steps = []
    for spend, sums, points in rows:
        told = ", ".join(f"{rule} {exact}" for rule, exact in sorted(sums_from(sums).items()))
        detail = f"spend {spend}, before caps: {told}; as the month stands now"
        steps.append(Explained("month", detail, Fraction(points)))
    return steps


def _refunded(work: Work, accrual: Accrual) -> list[Explained]:
    rows = work.fetch(
        "SELECT state, matched FROM earn_refund WHERE bank = %s AND id = %s", (accrual.bank, accrual.transaction)
    )
    state, matched = rows[0]
    said = {
        "matched": f"takes back what the refunded part of {matched} had earned, at its own rules",
        "alone": "its purchase is not known: takes back what its amount earns on its own day",
        "held": "waits for its purchase",
    }
    return [Explained(state, said[state], None)]


def _accrual(row: Sequence[Any]) -> Accrual:
    *plain, ruleset, chain = row
    read = chain_from(chain, ruleset=ruleset, unit=plain[17])
    return Accrual(*(*plain, ruleset, read))
