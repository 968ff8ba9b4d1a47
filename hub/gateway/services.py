"""What the door needs from the rest of the hub, handed in by the one place that builds objects.

Knows the shapes of its neighbours. Builds nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from hub.access.guard import Guard
from hub.access.vault import Vault
from hub.conversion.accepting import Groundwork
from hub.conversion.ageing import Outlook
from hub.conversion.states import ConversionState
from hub.conversion.types import Acceptance, Cancellation, Conversion, Moment, ReversalRequest
from hub.gateway.ageing import AGEING, Ageing
from hub.gateway.balances import Balance
from hub.hosted.directory import ProgrammeDirectory
from hub.hosted.service import Hosted
from hub.kernel.clock import Clock
from hub.kernel.errors import HubError
from hub.notifications.types import Sender
from hub.rates.catalogue import CatalogueCache
from hub.rates.quotes import Quoter
from hub.storage import Database, Work
from hub.webhooks.destinations import Destinations
from partners.check_digits import CheckDigit


class BalancesPort(Protocol):
    """What memberships hold; see `hub.gateway.balances`."""

    def gather(self, memberships: Sequence[tuple[str, str]]) -> Sequence[Balance]:
        """Of each (partner, membership) what is known within the time there is."""


class ConversionsPort(Protocol):
    """The calls of conversions that the door makes; see `hub.conversion.service`."""

    def lay_ground(self, work: Work, requests: Sequence[Acceptance]) -> Groundwork:
        """Ask for what `accept` has to know of these requests."""

    def accept(
        self, work: Work, requests: Sequence[Acceptance], *, now: datetime, ground: Groundwork | None = None
    ) -> list[Conversion | HubError]:
        """Carry out quotes."""

    def cancel(self, work: Work, requests: Sequence[Cancellation], *, now: datetime) -> list[Conversion | HubError]:
        """Cancel what was not sent yet."""

    def reverse(self, work: Work, requests: Sequence[ReversalRequest], *, now: datetime) -> list[Conversion | HubError]:
        """Convert back, whole or in part."""

    def bonus_used(self, work: Work, member: str) -> dict[str, int]:
        """Bonus points this member had so far, by campaign."""

    def get(self, work: Work, id: str, *, client_partner: str, live: bool) -> Conversion:
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
        live: bool,
    ) -> list[Conversion]:
        """Conversions that this partner may see, newest first."""

    def timeline(self, work: Work, id: str, *, client_partner: str, live: bool) -> Sequence[Moment]:
        """What happened to one, oldest first."""

    def has_open(self, work: Work, member: str) -> bool:
        """Whether points of this member are on their way."""

    def outlook(self, work: Work, id: str, *, client_partner: str) -> Outlook:
        """Who acts next, and until when it should have ended."""


@dataclass(frozen=True, slots=True)
class Services:
    """Everything a process of the door works with.

    public_url: issuer and base of links, never a request's Host. broker_answers: whether messages can be carried right
    now. number_pattern: what membership numbers of a partner look like (a regular expression). senders:
    how a partner proves its notifications; None for no partner. requests_per_minute: one
    client's allowance. ageing: which routes are growing old. people_secret: keys the hashes of logins and addresses.
    proxy_hops: proxies of our own in front, whose X-Forwarded-For is believed. token_requests_per_minute: one client's
    over all processes. destinations: where webhooks may be sent.
    check_digit: how membership numbers of a partner must end. balances: what memberships hold, asked at the partners.
    """

    database: Database
    clock: Clock
    vault: Vault
    guard: Guard
    conversions: ConversionsPort
    programmes: ProgrammeDirectory
    hosted: Hosted
    catalogues: CatalogueCache
    quoter: Quoter
    public_url: str
    broker_answers: Callable[[], bool]
    number_pattern: Callable[[str], str]
    senders: Callable[[str], Sender | None]
    people_secret: bytes = field(repr=False)
    balances: BalancesPort
    check_digit: Callable[[str], CheckDigit] = lambda _partner: CheckDigit.NONE
    requests_per_minute: int = 600_000
    lag_seconds_max: int = 300
    proxy_hops: int = 0
    token_requests_per_minute: int = 600
    destinations: Destinations = field(default_factory=Destinations)
    ageing: Mapping[tuple[str, str], Ageing] = field(default_factory=lambda: AGEING)
