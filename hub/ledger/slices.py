"""Stub."""

from datetime import datetime

from hub.ledger.types import Period
from hub.storage import Work


def enter(work: Work) -> None:
    """Stub."""
    raise NotImplementedError


def close_period(work: Work, *, now: datetime) -> Period:
    """Stub."""
    raise NotImplementedError


def period(work: Work) -> Period:
    """Stub."""
    raise NotImplementedError


def periods(work: Work) -> list[Period]:
    """Stub."""
    raise NotImplementedError
