"""What the door needs from the rest of the hub, handed in by the one place that builds objects.

Knows the shapes of its neighbours. Builds nothing.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from hub.access.guard import Guard
from hub.access.vault import Vault
from hub.conversion.states import ConversionState
from hub.conversion.types import Acceptance, Conversion, Moment, ReversalRequest
from hub.kernel.clock import Clock
from hub.kernel.errors import HubError
from hub.rates.catalogue import CatalogueCache
from hub.rates.quotes import Quoter
from hub.storage import Database, Work


class ConversionsPort(Protocol):
    """The calls of conversions that the door makes; see `hub.conversion.service`."""

    def accept(self, work: Work, requests: Sequence[Acceptance], *, now: datetime) -> list[Conversion | HubError]:
        """Carry out quotes."""

    def cancel(self, work: Work, ids: Sequence[tuple[str, str]], *, now: datetime) -> list[Conversion | HubError]:
        """Cancel what was not sent yet, by (id, the client's partner)."""

    def reverse(self, work: Work, requests: Sequence[ReversalRequest], *, now: datetime) -> list[Conversion | HubError]:
        """Convert back, whole or in part."""

    def bonus_used(self, work: Work, member: str) -> dict[str, int]:
        """Bonus points this member had so far, by campaign."""

    def get(self, work: Work, id: str, *, client_partner: str) -> Conversion:
        """One conversion that this partner may see."""

    def list(
        self,
        work: Work,
        *,
        client_partner: str,
        state: ConversionState | None,
        partner: str | None,
        member: str | None,
        after: tuple[datetime, str] | None,
        limit: int,
        since: datetime | None,
        until: datetime | None,
    ) -> list[Conversion]:
        """Conversions that this partner may see, newest first."""

    def timeline(self, work: Work, id: str, *, client_partner: str) -> Sequence[Moment]:
        """What happened to one, oldest first."""


@dataclass(frozen=True, slots=True)
class Services:
    """Everything a process of the door works with.

    public_url: issuer and base of links, never a request's Host. broker_answers: whether messages can be carried right
    now. number_pattern: what membership numbers of a partner look like (a regular expression). requests_per_minute: one
    client's allowance in one process. batch_requests_max: requests that one transaction takes at most.
    """

    database: Database
    clock: Clock
    vault: Vault
    guard: Guard
    conversions: ConversionsPort
    catalogues: CatalogueCache
    quoter: Quoter
    public_url: str
    broker_answers: Callable[[], bool]
    number_pattern: Callable[[str], str]
    requests_per_minute: int = 600_000
    lag_seconds_max: int = 300
