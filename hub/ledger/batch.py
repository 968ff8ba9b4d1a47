"""What one batch is going to write, as the text that COPY takes and that its seal covers.

Knows rows and their order. Does not decide anything and does not touch the database.
"""

import hashlib
import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from hub.kernel.errors import Fact
from hub.ledger.lines import (
    NULL,
    bytes_field,
    escape,
    escape_common,
    integers_field,
    json_field,
    optional,
    time_text,
    transfers_json,
)
from hub.ledger.state import AccountState, HoldState, Part, StoredHold, StoredPosting
from hub.ledger.types import LedgerRefusal, Posting, Transfer


@dataclass(frozen=True, slots=True)
class Stamp:
    """What everything in one batch has in common.

    id_first: ids of its postings count up from here. seal: number of its seal in the database. writer, number,
    previous: its place in the chain of the writer, and the hash before it.
    """

    period: int
    recorded_at: datetime
    id_first: int
    seal: int
    writer: uuid.UUID
    number: int
    previous: bytes


@dataclass(slots=True)
class Block:
    """The canonical rows of one seal, in the order they are hashed; each ends with a newline."""

    postings: list[str] = field(default_factory=list)
    entries: list[str] = field(default_factory=list)
    holds: list[str] = field(default_factory=list)
    endings: list[str] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    reversals: list[str] = field(default_factory=list)

    def is_empty(self) -> bool:
        """Whether nothing was decided that leaves a trace."""
        return not (self.postings or self.holds or self.endings or self.refusals)


class Batch:
    """Collects the rows of a batch in the order they were decided."""

    def __init__(self, stamp: Stamp) -> None:
        self.stamp = stamp
        self.block = Block()
        self.keys: list[str] = []
        self.ended: list[StoredHold] = []
        # Sums by account id and label: debits, credits, count.
        self.turnover: defaultdict[tuple[int, str], list[int]] = defaultdict(lambda: [0, 0, 0])
        self._recorded = time_text(stamp.recorded_at)
        self._times: dict[datetime, str] = {}

    def add_posting(
        self,
        accounts: Mapping[str, AccountState],
        posting: Posting,
        stored: StoredPosting,
        *,
        reverses: uuid.UUID | None,
    ) -> None:
        """A posting with its entries; moves the balances of `accounts`."""
        effective = self._times.get(posting.effective_at)
        if effective is None:
            effective = self._times[posting.effective_at] = time_text(posting.effective_at)
        identity = str(stored.id)
        undone = NULL if reverses is None else str(reverses)
        self.block.postings.append(
            posting_line(
                identity,
                posting.key,
                stored.content,
                kind=posting.kind,
                period=stored.period,
                effective=effective,
                recorded=self._recorded,
                reverses=undone,
                reference=posting.reference,
                metadata=posting.metadata,
                seal=self.stamp.seal,
            )
        )
        self._add_entries(accounts, identity, posting.transfers)

    def _add_entries(self, accounts: Mapping[str, AccountState], identity: str, transfers: Sequence[Transfer]) -> None:
        """Two lines a transfer: the debited account first, with an even number. The lines are those of `entry_line`."""
        add = self.block.entries.append
        turnover = self.turnover
        line = 0
        for one in transfers:
            amount = one.amount
            label = one.label or ""
            debit = accounts[one.debit]
            credit = accounts[one.credit]
            tail = f"{escape_common(debit.unit)}\t{escape_common(label) if label else NULL}\n"
            debit.version += 1
            debit.posted -= amount
            credit.version += 1
            credit.posted += amount
            debit.recorded = credit.recorded = True
            add(f"{identity}\t{line}\t{debit.id}\t{-amount}\t{debit.version}\t{debit.posted}\t{tail}")
            add(f"{identity}\t{line + 1}\t{credit.id}\t{amount}\t{credit.version}\t{credit.posted}\t{tail}")
            line += 2
            sums = turnover[debit.id, label]
            sums[0] += amount
            sums[2] += 1
            sums = turnover[credit.id, label]
            sums[1] += amount
            sums[2] += 1

    def add_hold(self, hold: StoredHold) -> None:
        """A hold as it begins."""
        self.block.holds.append(
            hold_line(
                key=hold.key,
                content=hold.content,
                kind=hold.kind,
                reference=hold.reference,
                metadata=hold.metadata,
                transfers=transfers_json(hold.transfers),
                seal=self.stamp.seal,
            )
        )

    def end_hold(self, hold: StoredHold) -> None:
        """A hold that ended now."""
        self.ended.append(hold)
        self.block.endings.append(ending_line(hold.key, hold.state, hold.posted))

    def add_refusal(self, key: str, content: bytes, refusal: LedgerRefusal) -> None:
        """A refusal that stays the answer of its key."""
        self.block.refusals.append(
            refusal_line(
                key, content, code=refusal.code, detail=refusal.detail, facts=refusal.facts, seal=self.stamp.seal
            )
        )

    def add_reversal(self, part: Part) -> None:
        """A reversal that counts to the cap of its original."""
        self.block.reversals.append(
            reversal_line(
                part.key,
                part.posting,
                numerator=part.share.numerator,
                denominator=part.share.denominator,
                amounts=part.amounts,
                seal=self.stamp.seal,
            )
        )


def posting_line(
    identity: str,
    key: str,
    content: bytes,
    *,
    kind: str,
    period: int,
    effective: str,
    recorded: str,
    reverses: str,
    reference: str | None,
    metadata: Mapping[str, str],
    seal: int,
) -> str:
    """The row of a posting. effective, recorded, reverses: as fields of COPY."""
    referred = NULL if reference is None else escape(reference)
    noted = json_field(metadata) if metadata else "{}"
    return (
        f"{identity}\t{escape(key)}\t\\\\x{content.hex()}\t{escape_common(kind)}\t{period}\t{effective}\t{recorded}"
        f"\t{reverses}\t{referred}\t{noted}\t{seal}\n"
    )


def entry_line(
    identity: str,
    line: int,
    account: int,
    *,
    amount: int,
    version: int,
    after: int,
    unit: str,
    label: str | None,
) -> str:
    """The row of an entry."""
    last = f"{escape_common(unit)}\t{NULL if label is None else escape_common(label)}"
    return f"{identity}\t{line}\t{account}\t{amount}\t{version}\t{after}\t{last}\n"


def hold_line(
    *,
    key: str,
    content: bytes,
    kind: str,
    reference: str | None,
    metadata: Mapping[str, str],
    transfers: Sequence[object],
    seal: int,
) -> str:
    """The row of a hold as it begins. transfers: as they are stored."""
    return (
        f"{escape(key)}\t{bytes_field(content)}\t{escape_common(kind)}\t{optional(reference)}\t{json_field(metadata)}"
        f"\t{json_field(transfers)}\t{HoldState.PENDING}\t{seal}\n"
    )


def refusal_line(key: str, content: bytes, *, code: str, detail: str, facts: Mapping[str, Fact], seal: int) -> str:
    """The row of a refusal."""
    return f"{escape(key)}\t{bytes_field(content)}\t{code}\t{escape(detail)}\t{json_field(facts)}\t{seal}\n"


def ending_line(key: str, state: str, posted: Sequence[int] | None) -> str:
    """What is sealed about the end of a hold."""
    return f"{escape(key)}\t{state}\t{integers_field(posted)}\n"


def reversal_line(
    key: str, posting: uuid.UUID, *, numerator: int, denominator: int, amounts: Sequence[int], seal: int
) -> str:
    """The row of a reversal."""
    return f"{escape(key)}\t{posting}\t{numerator}\t{denominator}\t{integers_field(amounts)}\t{seal}\n"


def seal_hash(stamp: Stamp, block: Block) -> bytes:
    """SHA-256 over the previous seal of the same writer, this seal's own row, and the canonical rows of the batch.

    Postings and entries are in the order they were decided, which is that of their ids; the others are sorted.
    """
    found = hashlib.sha256(stamp.previous)
    found.update(f"{stamp.seal}\t{stamp.writer}\t{stamp.number}\t{time_text(stamp.recorded_at)}\n".encode())
    for rows in (
        block.postings,
        block.entries,
        sorted(block.holds),
        sorted(block.endings),
        sorted(block.refusals),
        sorted(block.reversals),
    ):
        found.update(f"{len(rows)}\n".encode())
        found.update("".join(rows).encode())
    return found.digest()
