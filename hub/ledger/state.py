"""What one batch knows while it decides: the locked balances, and what the keys it looked up were used for.

Plain memory. Knows nothing of the database: `locking.py` fills it, `book.py` decides on it, `writing.py` writes it.
"""

import uuid
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from fractions import Fraction

from hub.kernel.limits import AMOUNT_LEDGER_MAX
from hub.ledger.types import FloorBreached, LedgerOverflow, LedgerRefusal, Transfer


class HoldState(StrEnum):
    """Where a hold is. It ends exactly once."""

    PENDING = "pending"  # reserved: available is lower, posted is not
    POSTED = "posted"  # became a posting, in whole or in part
    VOIDED = "voided"  # given back in full


class AccountState:
    """One locked balance, as it is after what was decided so far in this batch.

    Not frozen: thousands of changes a batch. changed: whether `write` must store it; recorded: whether an entry was
    added since.
    """

    __slots__ = ("changed", "code", "floor", "held", "id", "posted", "recorded", "target", "unit", "version")

    def __init__(
        self,
        *,
        id: int,
        code: str,
        unit: str,
        posted: int,
        held: int,
        version: int,
        floor: int | None,
        target: int | None,
    ) -> None:
        self.id = id
        self.code = code
        self.unit = unit
        self.posted = posted
        self.held = held
        self.version = version
        self.floor = floor
        self.target = target
        self.changed = False
        self.recorded = False

    def refusal_of(self, *, debits: int, credits: int) -> LedgerRefusal | None:
        """Why this account cannot take these sums together; None if it can.

        The floor is judged on the net effect, since all transfers of a posting post together. The bounds of 64 bits
        are judged as if all debits, or all credits, came first, so that no order of lines can pass them.
        """
        available = self.posted - self.held
        if available - debits < -AMOUNT_LEDGER_MAX or self.posted + credits > AMOUNT_LEDGER_MAX:
            return LedgerOverflow("This posting would take a balance beyond 64 bits.", account=self.code)
        if self.floor is not None and debits > credits and available - debits + credits < self.floor:
            return FloorBreached(
                "The account has not enough available for this.",
                account=self.code,
                available=available - self.floor,
                needed=debits - credits,
            )
        return None

    def refusal_of_hold(self, *, debits: int) -> LedgerRefusal | None:
        """Why this account cannot reserve this sum; None if it can. Credits of a hold help nobody before they post."""
        if self.held + debits > AMOUNT_LEDGER_MAX:
            return LedgerOverflow("This hold would take a balance beyond 64 bits.", account=self.code)
        return self.refusal_of(debits=debits, credits=0)

    def follow(self) -> None:
        """Raise a floor that has not reached its target yet to what is available now."""
        if self.target is not None and self.floor is not None and self.floor < self.target:
            self.floor = max(self.floor, min(self.target, self.posted - self.held))


@dataclass(slots=True)
class StoredPosting:
    """A posting that a key was used for."""

    id: uuid.UUID
    key: str
    content: bytes
    transfers: tuple[Transfer, ...]
    period: int
    recorded_at: datetime
    reference: str | None


@dataclass(slots=True)
class StoredHold:
    """A hold that a key was used for. posted: amount posted of each transfer, once it is posted."""

    key: str
    content: bytes
    kind: str
    reference: str | None
    metadata: dict[str, str]
    transfers: tuple[Transfer, ...]
    state: HoldState
    posted: list[int] | None


@dataclass(frozen=True, slots=True)
class Part:
    """A reversal that was decided.

    key: its own. of, posting: key and id of the original. amounts: what it counts for, per transfer of the original.
    """

    key: str
    of: str
    posting: uuid.UUID
    share: Fraction
    amounts: list[int]


@dataclass(slots=True)
class Known:
    """What the keys of a batch were used for, at its start and by what it decided since."""

    postings: dict[str, StoredPosting] = field(default_factory=dict)
    holds: dict[str, StoredHold] = field(default_factory=dict)
    refusals: dict[str, tuple[bytes, LedgerRefusal]] = field(default_factory=dict)
    parts: dict[str, Part] = field(default_factory=dict)
    parts_of: dict[uuid.UUID, list[Part]] = field(default_factory=dict)

    def uses(self, key: str) -> bool:
        """Whether the key was used for anything."""
        return key in self.postings or key in self.holds or key in self.refusals

    def add_part(self, part: Part, *, counts: bool) -> None:
        """Note a reversal. counts: whether it counts to the cap of its original; one whose hold was voided does not."""
        self.parts[part.key] = part
        if counts:
            self.parts_of.setdefault(part.posting, []).append(part)

    def drop_part(self, key: str) -> None:
        """The hold that would have reversed was voided: it no longer counts."""
        part = self.parts.get(key)
        if part is not None and part in self.parts_of.get(part.posting, []):
            self.parts_of[part.posting].remove(part)
