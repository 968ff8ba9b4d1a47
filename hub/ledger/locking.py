"""Stub."""

from collections.abc import Collection
from datetime import datetime

from hub.ledger.book import Book
from hub.storage import Work


def lock(work: Work, *, codes: Collection[str], keys: Collection[str], now: datetime) -> Book:
    """Stub."""
    raise NotImplementedError
