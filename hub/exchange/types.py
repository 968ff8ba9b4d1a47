"""Files, lines and the ports of the exchange as data."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from hub.exchange.states import InState, LineOutcome, OutState, Series
from hub.legs.types import LegProfile, LegResult
from hub.storage import Work
from partners.files.declaration import FilesProfile
from partners.files.places import Place

Settle = Callable[[Work, Sequence[LegResult], datetime], None]
"""Tells the owners of legs how these stand; inside the transaction that entered the ledger's period."""


@dataclass(frozen=True, slots=True)
class FilePartner:
    """A partner that speaks files: what its brand declares, what legs have to respect, and where files change hands."""

    code: str
    files: FilesProfile
    legs: LegProfile
    place: Place


class FilePartners(Protocol):
    """Port: partners that speak files."""

    def file_partners(self) -> Sequence[str]:
        """Their codes, sorted."""

    def file_partner(self, partner: str) -> FilePartner:
        """One of them. Raises: PartnerSpeaksNoFiles."""


@dataclass(frozen=True, slots=True)
class FileOut:
    """A file of ours. about: of a receipt, the id of the file it is for. deliveries: how often it was handed over."""

    id: str
    partner: str
    kind: Series
    sequence: int
    about: str
    made_at: datetime
    state: OutState
    name: str
    records: int
    size: int
    sha256: str
    deliveries: int
    delivered_at: datetime | None
    answered_at: datetime | None
    reason: str


@dataclass(frozen=True, slots=True)
class FileIn:
    """A file of a partner. sequence: 0 while unknown. reason, detail: why it was refused; a `FileCode`, and words."""

    id: str
    partner: str
    name: str
    sha256: str
    size: int
    removed: bool
    sequence: int
    answers: str
    state: InState
    reason: str
    detail: str
    records: int
    accepted: int
    rejected: int
    received_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class Line:
    """A leg in a file of ours. amount: smallest units, bonus included. sent: whether its file was delivered."""

    leg: str
    file: str
    operation: str
    membership: str
    amount: int
    outcome: LineOutcome
    reason: str
    sent: bool


@dataclass(frozen=True, slots=True)
class FileRun:
    """What one run did for a partner: names of files delivered, taken and done, and refused."""

    partner: str
    delivered: tuple[str, ...]
    done: tuple[str, ...]
    refused: tuple[str, ...]
