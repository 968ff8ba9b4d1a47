"""Stub."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from hub.ledger.types import Account
from hub.storage import Work


def open_accounts(work: Work, accounts: Sequence[Account], *, now: datetime) -> None:
    """Stub."""
    raise NotImplementedError


def set_floors(work: Work, floors: Mapping[str, int | None], *, now: datetime) -> None:
    """Stub."""
    raise NotImplementedError
