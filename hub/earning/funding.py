"""Where the money for accruals comes from: blocks paid in advance, oldest first and reserve last, or the net debit cap.

Knows blocks and what is left of them. A bank that ever had a block is prepaid: what its blocks do not cover stops its
accruals. Does not know postings or transactions.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from hub import chart, ledger
from hub.agreements.currencies import is_currency
from hub.agreements.roster import Roster
from hub.audit import service as audit
from hub.earning.refusals import BlockInvalid, BlockMissing
from hub.earning.rulesets import require_bank
from hub.kernel.ids import new_id
from hub.kernel.limits import AMOUNT_LEDGER_MAX
from hub.ledger import Account, LedgerRefusal, Posting, Transfer
from hub.outbox.events import Event, announce_events
from hub.storage import Work


@dataclass(frozen=True, slots=True)
class Block:
    """Paid in advance. kind: `points` of `unit`, or `deposit` in the currency `unit`. left: not consumed yet.

    reorder_at: an event is announced when all blocks of its unit together are down to this.
    """

    id: str
    kind: str
    unit: str
    amount: int
    reorder_at: int
    reserve: bool
    alerted: bool
    left: int


@dataclass(frozen=True, slots=True)
class Paid:
    """What pays for a grant: (account, amount); an empty account stands for what is not paid in advance."""

    points: tuple[tuple[str, int], ...]
    money: tuple[tuple[str, int], ...]


@dataclass(slots=True)
class Funding:
    """What is left of a bank's blocks while a chunk is decided. Not frozen: every grant takes from it."""

    blocks: Sequence[Block]
    left: dict[str, int] = field(default_factory=dict)

    def pay(self, points: int, *, unit: str, price: int, currency: str) -> Paid | None:
        """Where the points and their worth come from; None when blocks do not cover it. Nothing is taken then."""
        if not self.blocks:
            return Paid((("", points),), (("", points * price),) if price else ())
        before = dict(self.left)
        rest, from_blocks = self._take("points", unit, points)
        owed, from_deposits = self._take("deposit", currency, rest * price)
        if owed:
            self.left.clear()
            self.left.update(before)
            return None
        granted = [*from_blocks, *([("", rest)] if rest else [])]
        return Paid(tuple(granted), tuple(from_deposits))

    def newest(self, unit: str, currency: str) -> Block | None:
        """The block that a claw-back goes back to: the newest one that could have paid; None for a postpaid bank."""
        able = [one for one in self.blocks if (one.kind, one.unit) in (("points", unit), ("deposit", currency))]
        return max(able, key=lambda one: (one.kind == "points", one.id), default=None)

    def _take(self, kind: str, unit: str, amount: int) -> tuple[int, list[tuple[str, int]]]:
        """What these blocks do not cover of an amount, and what each of them does."""
        taken = []
        for block in sorted(self.blocks, key=lambda one: (one.reserve, one.id)):
            part = min(amount, self.left.get(block.id, 0)) if (block.kind, block.unit) == (kind, unit) else 0
            if part > 0:
                self.left[block.id] -= part
                amount -= part
                taken.append((chart.prepaid(block.id), part))
        return amount, taken


def funding_of(work: Work, bank: str) -> Funding:
    """A bank's blocks as they stand. The bank is locked, and nobody else takes from its blocks."""
    blocks = blocks_of_bank(work, bank)
    return Funding(blocks, {block.id: block.left for block in blocks})


def blocks_of_bank(work: Work, bank: str) -> list[Block]:
    """Every block of a bank, oldest first."""
    rows = work.fetch(
        "SELECT id, kind, unit, amount, reorder_at, reserve, alerted FROM earn_block WHERE bank = %s ORDER BY id",
        (bank,),
    )
    balances = ledger.balances(work, [chart.prepaid(row[0]) for row in rows])
    return [Block(*(*row, balances[chart.prepaid(row[0])].available)) for row in rows]


def list_blocks(work: Work, *, bank: str, live: bool, after: str, limit: int) -> list[tuple[str, Block]]:
    """Blocks and whose they are, oldest first. bank: empty for every bank of this kind. after: the last one seen."""
    rows = work.fetch(
        "SELECT id, bank FROM earn_block WHERE id > %s AND (%s = '' OR bank = %s) "
        "AND %s = (SELECT partner.live FROM partner WHERE partner.code = earn_block.bank) ORDER BY id LIMIT %s",
        (after, bank, bank, live, limit),
    )
    banks = {owner: {one.id: one for one in blocks_of_bank(work, owner)} for owner in {owner for _, owner in rows}}
    return [(owner, banks[owner][id]) for id, owner in rows]


def get_block(work: Work, id: str, *, bank: str) -> tuple[str, Block]:
    """A block and whose it is. bank: whose; empty for any. Raises: BlockMissing."""
    rows = work.fetch("SELECT bank FROM earn_block WHERE id = %s AND (%s = '' OR bank = %s)", (id, bank, bank))
    if not rows:
        raise BlockMissing("There is no such block.")
    owner = str(rows[0][0])
    return owner, next(one for one in blocks_of_bank(work, owner) if one.id == id)


def add_block(
    work: Work,
    roster: Roster,
    *,
    bank: str,
    kind: str,
    unit: str,
    amount: int,
    reorder_at: int,
    reserve: bool,
    actor: str,
    now: datetime,
) -> str:
    """Record a block that the bank has paid. amount: smallest units of points, or ledger units of the currency.

    Points are charged to the bank's position at today's accrual price; a deposit is money that has arrived. The caller
    entered the ledger's period. Raises: BankNotReady, BlockInvalid.
    """
    require_bank(roster, bank)
    work.run(
        "INSERT INTO earn_bank (bank, state, reason) VALUES (%s, 'open', '') ON CONFLICT (bank) DO NOTHING", (bank,)
    )
    work.run("SELECT 1 FROM earn_bank WHERE bank = %s FOR UPDATE", (bank,))
    if not (0 < amount <= AMOUNT_LEDGER_MAX and 0 <= reorder_at <= amount):
        raise BlockInvalid("A block has an amount above zero, and is reordered at no more than that.")
    id = new_id("blk", now)
    posting = _block_posting(roster, id, bank=bank, kind=kind, unit=unit, amount=amount, now=now)
    work.run(
        "INSERT INTO earn_block (id, bank, kind, unit, amount, reorder_at, reserve, alerted, created_by, created_at) "
        "VALUES (%s, %s, %s, %s, %s, %s, %s, false, %s, %s)",
        (id, bank, kind, unit, amount, reorder_at, reserve, actor, now),
    )
    terms = roster.terms(bank, now)
    accounts = [Account(chart.prepaid(id), unit, 0)]
    for one in posting.transfers:
        for code in (one.debit, one.credit):
            cap = -terms.net_debit_cap if code.startswith("position:") and terms is not None else None
            if code != chart.prepaid(id):
                accounts.append(Account(code, code.rsplit(":", 1)[1], cap))
    ledger.open_accounts(work, accounts, now=now)
    book = ledger.lock(work, codes={one.code for one in accounts}, keys={posting.key}, now=now)
    answer = book.post(posting)
    if isinstance(answer, LedgerRefusal):
        raise BlockInvalid(f"The block cannot be charged: {answer.detail}", code_of_ledger=answer.code)
    book.write()
    facts = {"bank": bank, "kind": kind, "unit": unit, "amount": str(amount)}
    audit.record(work, actor=actor, action="earn_block.added", subject=id, facts=facts, now=now)
    return id


def _block_posting(roster: Roster, id: str, *, bank: str, kind: str, unit: str, amount: int, now: datetime) -> Posting:
    if kind == "deposit":
        terms = roster.terms(bank, now)
        if not is_currency(unit) or terms is None or terms.currency != unit:
            raise BlockInvalid("A deposit is in the currency of the bank's agreement.")
        moves = [Transfer(chart.budget_funding(bank, unit), chart.prepaid(id), amount)]
        return Posting(f"blk:{id}", "prepaid_deposit", tuple(moves), now, id)
    known = roster.units.get(unit)
    terms = None if known is None else roster.terms(known.partner, now)
    if kind != "points" or terms is None or unit not in terms.accrual_price:
        raise BlockInvalid("A block of points is of a unit that has an accrual price in force.")
    moves = [Transfer(chart.liquidity(unit), chart.prepaid(id), amount)]
    value = amount * terms.accrual_price[unit]
    if value:
        label = chart.price_label("accrual", terms.version, known.partner if known else "")
        moves.append(Transfer(chart.position(bank, terms.currency), chart.trading(terms.currency), value, label))
    return Posting(f"blk:{id}", "prepaid_points", tuple(moves), now, id)


def alert_low(work: Work, bank: str, funding: Funding, *, live: bool, now: datetime) -> None:
    """Announce once for each block that what is left of its kind has come down to its reorder level."""
    low = []
    for block in funding.blocks:
        same = [one for one in funding.blocks if (one.kind, one.unit) == (block.kind, block.unit)]
        left = sum(funding.left.get(one.id, 0) for one in same if not one.reserve)
        if not block.alerted and not block.reserve and left <= block.reorder_at:
            low.append((block, left))
    if not low:
        return
    work.run("UPDATE earn_block SET alerted = true WHERE id = ANY(%s)", ([block.id for block, _ in low],))
    events = [
        Event("prepaid.low", block.id, (bank,), {"bank": bank, "unit": block.unit, "left": str(left)}, live)
        for block, left in low
    ]
    announce_events(work, events, now=now)
