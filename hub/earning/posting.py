"""What a chunk posts: points granted and what the bank pays for them, once per unit and price version.

| | debit | credit |
| --- | --- | --- |
| points granted | `liquidity:<unit>`, or a block of points | `accrued:<bank>:<unit>` |
| their worth | `position:<bank>`, or a deposit | `trading:<currency>` |
| points that arrived | `accrued:<bank>:<unit>` | `outside:<unit>` |
| their worth | `trading:<currency>` | `position:<partner>` |

A claw-back is the same the other way round, at the price of what it takes back. Knows chart and prices. Does not know
rules or transactions.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from hub import chart
from hub.agreements.types import Terms
from hub.earning.funding import Block, Funding
from hub.ledger import Account, Posting, Transfer


@dataclass(frozen=True, slots=True)
class Granted:
    """Points of one unit under one agreement version. earned, taken: smallest units, >= 0."""

    unit: str
    partner: str
    terms: Terms
    earned: int
    taken: int

    @property
    def price(self) -> int:
        """What the bank pays for one smallest unit, in ledger units."""
        return self.terms.accrual_price[self.unit]


def chunk_key(chunk: int, unit: str, terms: str) -> str:
    """Ledger key of what a chunk posts for a unit and price version."""
    return f"acr:{chunk}:{unit}:{terms}"


def chunk_posting(
    chunk: int, bank: str, granted: Granted, funding: Funding, *, seal: bytes, at: datetime
) -> Posting | None:
    """The posting of a chunk for one unit and price version; None where the bank's blocks do not cover it.

    seal: over the chunk's rows; with the posting it is under the ledger's own seal.
    """
    unit, currency = granted.unit, granted.terms.currency
    accrued, trading = chart.accrued(bank, unit), chart.trading(currency)
    label = chart.price_label("accrual", granted.terms.version, granted.partner)
    transfers: list[Transfer] = []
    if granted.earned:
        parts = funding.pay(granted.earned, unit=unit, price=granted.price, currency=currency)
        if parts is None:
            return None
        for source, points in parts.points:
            transfers.append(Transfer(source or chart.liquidity(unit), accrued, points))
        for source, money in parts.money:
            transfers.append(Transfer(source or chart.position(bank, currency), trading, money, label))
    if granted.taken:
        transfers += _taken(bank, granted, funding)
    key, sealed = chunk_key(chunk, unit, granted.terms.version), {"rows": seal.hex()}
    return Posting(key, "accrual", tuple(transfers), at, f"chunk:{chunk}", sealed)


def _taken(bank: str, granted: Granted, funding: Funding) -> list[Transfer]:
    """A claw-back gives back to where the next accrual would be paid from."""
    unit, currency = granted.unit, granted.terms.currency
    accrued = chart.accrued(bank, unit)
    back = funding.newest(unit, currency)
    if back is not None and back.kind == "points":
        return [Transfer(accrued, chart.prepaid(back.id), granted.taken)]
    moves = [Transfer(accrued, chart.liquidity(unit), granted.taken)]
    value = granted.taken * granted.price
    if value:
        to = chart.prepaid(back.id) if back is not None else chart.position(bank, currency)
        label = chart.price_label("clawback", granted.terms.version, granted.partner)
        moves.append(Transfer(chart.trading(currency), to, value, label))
    return moves


def accounts_of(bank: str, granted: Sequence[Granted], *, cap: int, currency: str) -> list[Account]:
    """Every account that postings of these grants name, blocks left out: those exist once they are paid.

    cap: the bank's net debit cap in ledger units of `currency`.
    """
    found = [Account(chart.position(bank, currency), currency, -cap), Account(chart.trading(currency), currency, None)]
    for one in granted:
        found.append(Account(chart.liquidity(one.unit), one.unit, None))
        found.append(Account(chart.accrued(bank, one.unit), one.unit, None))
    return found


def codes_of(postings: Sequence[Posting]) -> set[str]:
    """Accounts that postings name."""
    return {code for posting in postings for one in posting.transfers for code in (one.debit, one.credit)}


def blocks_of(blocks: Sequence[Block]) -> set[str]:
    """Accounts of blocks."""
    return {chart.prepaid(block.id) for block in blocks}
