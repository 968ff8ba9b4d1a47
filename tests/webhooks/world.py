"""A hub with endpoints, a worker that stands in the calling thread, and a clock of its own."""

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from hub.access.vault import Vault
from hub.agreements import service as agreements
from hub.agreements.types import NewPartner
from hub.kernel.clock import ManualClock
from hub.outbox.events import EVENT_ANNOUNCED, Event, announce_events
from hub.storage import Database
from hub.webhooks import endpoint_secrets, endpoints
from hub.webhooks.delivering import Deliveries
from hub.webhooks.destinations import Destinations
from hub.webhooks.types import EndpointDraft, Sent
from hub.worker.direct import next_instant, run_due
from hub.worker.events import EventHandler
from hub.worker.webhooks import webhook_handlers
from tests.conftest import START

MASTER = "a master key for tests, long enough to be taken"


@dataclass(frozen=True, slots=True)
class Request:
    """What was sent, and when by the world's clock."""

    at: datetime
    url: str
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Wire:
    """A sender that sends nothing: it keeps requests, and answers as it is told."""

    clock: ManualClock
    answer: Callable[[Request], Sent] = lambda _: Sent("delivered", 204, "204 No Content")
    sent: list[Request] = field(default_factory=list)

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Sent:
        """Keep it and answer."""
        request = Request(self.clock.now(), url, headers, body)
        self.sent.append(request)
        return self.answer(request)


class World:
    """Two test partners and a live one."""

    def __init__(self, database: Database, clock: ManualClock) -> None:
        self.database = database
        self.clock = clock
        self.vault = Vault(MASTER)
        self.wire = Wire(clock)
        self.deliveries = Deliveries(self.vault, self.wire, lambda below: 0, milliseconds=lambda: 0)
        self.handlers = {
            EVENT_ANNOUNCED: EventHandler(database, clock),
            **webhook_handlers(database, self.deliveries, clock),
        }
        with database.work() as work:
            for code, live in (("aerojet", False), ("staywell", False), ("northbank", True)):
                new = NewPartner(code=code, name=code, kind="airline", profile=code, live=live)
                agreements.add_partner(work, new, actor="operator:maya", now=START)

    def endpoint(self, partner: str = "aerojet", **draft: Any) -> str:
        """A new endpoint of a partner, with its secrets."""
        made = EndpointDraft(**{"url": "https://partner.example/hooks", **draft})
        with self.database.work() as work:
            known = endpoints.add_endpoint(
                work,
                partner,
                made,
                Destinations(),
                live=partner == "northbank",
                actor="operator:maya",
                now=self.clock.now(),
            )
            endpoint_secrets.issue(work, self.vault, known, now=self.clock.now())
        return known.id

    def happen(self, *subjects: str, partner: str = "aerojet", type: str = "conversion.posted") -> None:
        """One event for each subject, announced together."""
        with self.database.work() as work:
            events = [Event(type, one, (partner,), {"conversion": one}, partner == "northbank") for one in subjects]
            announce_events(work, events, now=self.clock.now())

    def carry(self) -> None:
        """Handle everything that is due at this instant."""
        for _ in range(10_000):
            if not run_due(self.database, self.handlers, self.clock.now(), 200):
                return
        raise AssertionError("something is due for ever")

    def pass_time(self, by: timedelta) -> None:
        """Let time go by, stopping wherever something becomes due."""
        until = self.clock.now() + by
        self.carry()
        while (due := next_instant(self.database)) is not None and due <= until:
            self.clock.advance(max(due - self.clock.now(), timedelta(0)))
            self.carry()
        self.clock.advance(until - self.clock.now())

    def states(self) -> list[tuple[str, int]]:
        """State and attempts of every delivery, by number of its event."""
        with self.database.read() as work:
            return work.fetch("SELECT state, attempt FROM webhook_delivery ORDER BY number, endpoint")

    def standing(self, endpoint: str) -> tuple[Any, ...]:
        """State, reason, opening and failures of an endpoint."""
        with self.database.read() as work:
            rows = work.fetch(
                "SELECT state, reason, opening, failures FROM webhook_endpoint WHERE id = %s", (endpoint,)
            )
        return rows[0]

    def secret_texts(self, endpoint: str) -> list[str]:
        """The shared secrets of an endpoint, newest first, as their owner keeps them."""
        with self.database.read() as work:
            sealed = endpoint_secrets.sealed_secrets(work, [endpoint], now=self.clock.now())[endpoint]
        opened = endpoint_secrets.opened(self.vault, endpoint, sealed)
        return ["whsec_" + base64.b64encode(one.key).decode() for one in opened]
