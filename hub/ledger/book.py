"""Stub."""

from collections.abc import Sequence
from datetime import datetime
from fractions import Fraction

from hub.ledger.types import Held, LedgerRefusal, Posted, Posting, Reversal, Voided


class Book:
    """Stub."""

    def post(self, posting: Posting, *, reverses: Reversal | None = None) -> Posted | LedgerRefusal:
        """Stub."""
        raise NotImplementedError

    def hold(self, posting: Posting, *, reverses: Reversal | None = None) -> Held | LedgerRefusal:
        """Stub."""
        raise NotImplementedError

    def hold_all(self, postings: Sequence[Posting]) -> list[Held] | LedgerRefusal:
        """Stub."""
        raise NotImplementedError

    def post_hold(
        self, key: str, *, effective_at: datetime, amounts: Sequence[int] | None = None
    ) -> Posted | LedgerRefusal:
        """Stub."""
        raise NotImplementedError

    def void_hold(self, key: str) -> Voided | LedgerRefusal:
        """Stub."""
        raise NotImplementedError

    def reverse(
        self, key: str, *, of: str, share: Fraction, effective_at: datetime, reference: str | None = None
    ) -> Posted | LedgerRefusal:
        """Stub."""
        raise NotImplementedError

    def write(self) -> None:
        """Stub."""
        raise NotImplementedError
