"""One trace from end to end: the request, the rows it wrote, the messages, and the calls at both partners."""

import json
from collections.abc import Iterator
from datetime import timedelta

import pytest

from hub.gateway.app import stop_app
from hub.kernel.clock import SystemClock
from hub.legs.service import Legs
from hub.legs.types import LegProfile
from hub.storage import Database
from hub.worker.handlers import make_handlers
from partners.base import PartnerAdapter, Ports
from partners.memory import MemoryBreaker, MemoryTokenStore
from partners.registry import BRANDS_FOLDER, Registry
from partners.sandbox.books import SimulatedMember
from partners.sandbox.faults import FaultPlan
from partners.sandbox.oauth import Credentials
from partners.sandbox.server import RunningSimulator, SimulatedPartner, serve
from tests.gateway.contract_client import World, build_world
from tests.legs.fakes import profile
from tests.worker.conftest import Broker
from tests.worker.effects import working

TRACE = "0af7651916cd43dd8448eb211c80319c"
SENT = f"00-{TRACE}-b7ad6b7169203331-01"


class Directory:
    """Simulated partners over HTTP."""

    def __init__(self, registry: Registry, simulator: RunningSimulator, credentials: Credentials) -> None:
        clock = SystemClock()
        ports = Ports(MemoryTokenStore(), MemoryBreaker(clock, failures_max=9, rest=timedelta(seconds=1)), clock)
        self._adapters = {
            code: registry.adapter("sandbox", simulator.connection(code, credentials, timeout_seconds=10), ports)
            for code in ("aerojet", "staywell")
        }

    def adapter(self, partner: str) -> PartnerAdapter:
        """How to call this partner."""
        return self._adapters[partner]

    def profile(self, _partner: str) -> LegProfile:
        """The same for both."""
        return profile(inquiry_lag_seconds=0)


@pytest.fixture
def world(database: Database) -> Iterator[World]:
    world = build_world(database, SystemClock())
    yield world
    stop_app(world.app)


@pytest.fixture
def simulator() -> Iterator[tuple[RunningSimulator, Credentials]]:
    credentials = Credentials.fresh("hub-in-tests")
    partners = [
        SimulatedPartner(
            code, credentials, members=(SimulatedMember(number, balances={unit: 1_000_000}),), calls_remembered=20
        )
        for code, number, unit in (("aerojet", "AJ1001", "aerojet.mile"), ("staywell", "SW1001", "staywell.point"))
    ]
    with serve("127.0.0.1", 0, partners, FaultPlan()) as running:
        yield running, credentials


def test_a_trace_goes_from_the_request_over_outbox_and_worker_to_both_partners(
    world: World, broker: Broker, simulator: tuple[RunningSimulator, Credentials]
) -> None:
    registry = Registry.scan([BRANDS_FOLDER])
    legs = Legs(Directory(registry, *simulator))
    body = {"quote": world.quote(), "member": world.member}

    accepted = world.client().post(
        "/v1/conversions", json=body, headers={**world.headers(key="traced"), "traceparent": SENT}
    )
    handlers = make_handlers(
        world.database,
        world.services.vault,
        legs,
        world.services.conversions,  # type: ignore[arg-type]
        SystemClock(),
    )
    with working(world.database, broker, handlers) as worker:
        worker.drain(60)
    registry.close()

    ours = accepted.headers["traceparent"]
    assert ours.startswith(f"00-{TRACE}-")
    assert ours != SENT, "the hub's span is a new one in the caller's trace"
    assert world.get(f"/v1/conversions/{accepted.json['id']}").json["state"] == "posted"
    with world.database.read() as work:
        told = work.fetch("SELECT DISTINCT trace FROM outbox_message WHERE kind LIKE 'leg.%%'")
        recorded = work.fetch("SELECT DISTINCT trace FROM leg")
    assert told == recorded == [(ours,)]
    for partner in ("aerojet", "staywell"):
        calls = [heard.call for heard in simulator[0].heard(partner) if "movements" in heard.call.path]
        assert calls, partner
        assert {dict(call.headers).get("traceparent") for call in calls} == {ours}, json.dumps(
            [dict(call.headers) for call in calls]
        )
