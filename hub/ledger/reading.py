"""Stub."""

import uuid
from collections.abc import Collection
from datetime import datetime

from hub.ledger.types import Balance, Entry, PostingRecord, Turnover
from hub.storage import Work


def balances(work: Work, codes: Collection[str]) -> dict[str, Balance]:
    """Stub."""
    raise NotImplementedError


def balance_at(work: Work, code: str, at: datetime) -> int:
    """Stub."""
    raise NotImplementedError


def entries(work: Work, code: str, *, after: int, limit: int) -> list[Entry]:
    """Stub."""
    raise NotImplementedError


def postings(work: Work, period: int, *, after: uuid.UUID | None, limit: int) -> list[PostingRecord]:
    """Stub."""
    raise NotImplementedError


def posting(work: Work, key: str) -> PostingRecord | None:
    """Stub."""
    raise NotImplementedError


def accounts(work: Work, prefix: str) -> list[Balance]:
    """Stub."""
    raise NotImplementedError


def turnover(work: Work, period: int, *, prefix: str = "") -> list[Turnover]:
    """Stub."""
    raise NotImplementedError
