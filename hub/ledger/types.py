"""What the ledger takes, gives and refuses; data only.

Unit strings and account codes are opaque here. Amounts are whole smallest units. Times are aware UTC.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction

from hub.kernel.errors import AmountOverflow, HubError


@dataclass(frozen=True, slots=True)
class Account:
    """A place in the ledger with one unit. floor: lowest available balance it may have; None for no floor."""

    code: str
    unit: str
    floor: int | None


@dataclass(frozen=True, slots=True)
class Transfer:
    """One amount from a debited to a credited account of one unit.

    amount: whole smallest units, > 0. label: groups it in the turnover of both accounts; None for no group.
    """

    debit: str
    credit: str
    amount: int
    label: str | None = None


@dataclass(frozen=True, slots=True)
class Posting:
    """Transfers that post together, all or none, under one key.

    Same key and same content (kind, transfers, reference, metadata) is answered as the first time. The effective
    time is not content, because a repeat comes later.
    """

    key: str
    kind: str
    transfers: tuple[Transfer, ...]
    effective_at: datetime
    reference: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Posted:
    """A posting that is final. replayed: the key had been posted before and this is that first answer."""

    id: uuid.UUID
    key: str
    transfers: tuple[Transfer, ...]
    period: int
    recorded_at: datetime
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class Held:
    """Transfers that are reserved. replayed: the key had been held before."""

    key: str
    transfers: tuple[Transfer, ...]
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class Voided:
    """A hold that was given back in full."""

    key: str
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class Reversal:
    """What a hold or a posting undoes: `share` (0 < share <= 1) of the posting `key`."""

    key: str
    share: Fraction


@dataclass(frozen=True, slots=True)
class Balance:
    """One account at one moment, in its smallest unit.

    posted: credits minus debits. held: what open holds would take away, >= 0. version: entries so far.
    """

    account: str
    unit: str
    posted: int
    held: int
    floor: int | None
    version: int

    @property
    def available(self) -> int:
        """What may still be held or posted away, before the floor."""
        return self.posted - self.held


@dataclass(frozen=True, slots=True)
class Entry:
    """One side of one posted transfer, numbered per account without gaps from 1.

    amount: > 0 is a credit, < 0 a debit. balance_after: the account's posted balance after it.
    """

    account: str
    version: int
    amount: int
    balance_after: int
    label: str | None
    posting: uuid.UUID
    key: str
    kind: str
    period: int
    effective_at: datetime
    recorded_at: datetime
    reference: str | None


@dataclass(frozen=True, slots=True)
class PostingRecord:
    """A posting as it is stored.

    transfers: in the order they were asked for. reverses: id of the posting it undoes.
    """

    id: uuid.UUID
    key: str
    kind: str
    transfers: tuple[Transfer, ...]
    period: int
    effective_at: datetime
    recorded_at: datetime
    reverses: uuid.UUID | None
    reference: str | None
    metadata: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Turnover:
    """Sums of one account and label in one period. debits and credits: whole smallest units, >= 0."""

    period: int
    account: str
    label: str | None
    debits: int
    credits: int
    count: int


@dataclass(frozen=True, slots=True)
class Period:
    """A slice of time; every posting belongs to exactly one. closed_at: None while it is the open one."""

    number: int
    opened_at: datetime
    closed_at: datetime | None


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing `verify` found wrong: where, what is stored, what it should be."""

    check: str
    subject: str
    stored: str
    expected: str


class LedgerRefusal(HubError):
    """The ledger refused; nothing was written but the refusal itself."""


class AccountMissing(LedgerRefusal):
    """An account that was never opened."""

    code = "account_missing"


class AccountConflict(LedgerRefusal):
    """An account that exists with another unit."""

    code = "account_conflict"


class AccountInvalid(LedgerRefusal):
    """An account whose code or unit is empty, too long, or of characters that cannot be kept."""

    code = "account_invalid"


class UnitMismatch(LedgerRefusal):
    """A transfer between accounts of two units."""

    code = "unit_mismatch"


class FloorBreached(LedgerRefusal):
    """A transfer that would take an account's available balance below its floor."""

    code = "floor_breached"


class KeyReused(LedgerRefusal):
    """A key that was used before with other content."""

    code = "key_reused"


class HoldMissing(LedgerRefusal):
    """A hold that was never made."""

    code = "hold_missing"


class HoldResolved(LedgerRefusal):
    """A hold that has already ended the other way."""

    code = "hold_resolved"


class HoldExceeded(LedgerRefusal):
    """Part of a hold larger than what was held."""

    code = "hold_exceeded"


class PostingMissing(LedgerRefusal):
    """A posting to be reversed that does not exist."""

    code = "posting_missing"


class ReversalExceeded(LedgerRefusal):
    """Reversals of one posting that would together undo more than the whole."""

    code = "reversal_exceeded"


class PostingInvalid(LedgerRefusal):
    """A posting without transfers, with an amount that is not positive, or from an account to itself."""

    code = "posting_invalid"


class LedgerOverflow(LedgerRefusal, AmountOverflow):
    """A posting that would take a balance beyond 64 bits; its code is `amount_overflow`."""


class PeriodOpen(LedgerRefusal):
    """A Merkle root of a period that is not closed yet, or was never opened."""

    code = "period_open"
