"""Results that a partner tells later, over the real chain: Northbank's simulator signs and posts them, the hub's own
front door proves and stores them, its handlers act. However they come, a conversion ends once and the books agree."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest
import requests

from hub import chart
from hub.conversion.states import ConversionState
from hub.conversion.types import Conversion
from hub.gateway.app import create_app, stop_app
from hub.kernel.clock import ManualClock
from hub.legs.cases import open_case_files
from hub.legs.types import LegProfile
from hub.notifications import service as notifications
from hub.notifications.states import NotificationState
from hub.notifications.types import Received, Sender
from hub.storage import Database
from hub.worker.direct import run_due
from partners.base import PartnerAdapter, Ports
from partners.memory import MemoryBreaker, MemoryTokenStore
from partners.northbank.face import NorthbankFace
from partners.profile import NotificationScheme
from partners.registry import BRANDS_FOLDER, Registry
from partners.sandbox.books import SimulatedMember
from partners.sandbox.faults import MAGIC_NOTICES, FaultPlan, NoticeFault
from partners.sandbox.oauth import Credentials
from partners.sandbox.server import RunningSimulator, SimulatedPartner, serve
from partners.signatures import SignedRequest, SigningKey
from tests.conversion.world import VAULT, World, unit_of
from tests.gateway.contract_client import services_of
from tests.gateway.serving import served
from tests.legs.fakes import FakePartner, profile

RULES = profile(inquiry_lag_seconds=0)
ENDINGS = {kind: ending for ending, kind in MAGIC_NOTICES.items()}
UNIT = "northbank.cashback"
BALANCE = 1_000_000
# Real seconds until something that happens on other threads is given up.
PATIENCE = 20


class Directory:
    """Northbank over HTTP; the others in this process."""

    def __init__(self, northbank: PartnerAdapter) -> None:
        self._northbank = northbank
        self._others = {code: FakePartner() for code in ("aerojet", "staywell")}

    def adapter(self, partner: str) -> Any:
        """How to call this partner."""
        return self._northbank if partner == "northbank" else self._others[partner]

    def profile(self, partner: str) -> LegProfile:
        """The same for all."""
        del partner
        return RULES


@dataclass
class Door:
    """The hub's front door. open: notices wait while it is closed. on_stored: called before a notice is thanked for."""

    open: threading.Event = field(default_factory=threading.Event)
    on_stored: Callable[[], None] | None = None
    answers: list[str] = field(default_factory=list)

    def around(self, app: Any) -> Any:
        """The WSGI application behind this door."""

        def guarded(environ: Any, start: Any) -> Any:
            assert self.open.wait(PATIENCE), "nobody opened the door again"

            def started(status: str, *rest: Any) -> Any:
                self.answers.append(status)
                if status.startswith("202") and self.on_stored is not None:
                    self.on_stored()
                return start(status, *rest)

            return app(environ, started)

        return guarded


@dataclass
class Chain:
    """Everything between a conversion and a partner that tells later."""

    world: World
    simulator: RunningSimulator
    door: Door
    url: str
    key: str

    def convert(self, amount: int, *, out: bool = True, poor: bool = False) -> Conversion:
        """A conversion out of Northbank, or into it, of a member that it knows."""
        member = self.world.member()
        with self.world.database.work() as work:
            sql = "SELECT membership FROM member_link WHERE member = %s AND partner = 'northbank'"
            ((number,),) = work.fetch(sql, (member,))
        balance = 0 if poor else BALANCE
        self.simulator.books("northbank").open_members([SimulatedMember(number, balances={UNIT: balance})])
        ends = ("northbank", "aerojet") if out else ("aerojet", "northbank")
        return self.world.convert(amount, source=ends[0], target=ends[1], member=member)

    def work(self) -> int:
        """Let the worker do what is due now, without a moment passing; how many messages there were."""
        count = 0
        while claimed := run_due(self.world.database, self.world.handlers, self.world.clock.now(), 256):
            count += claimed
        return count

    def arrived(self, count: int) -> list[Received]:
        """What was stored, oldest first, once there are so many."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            with self.world.database.read() as work:
                found = notifications.list_received(work, partner=None, state=None, live=False, before="", limit=200)
            if len(found) >= count:
                return found[::-1]
            time.sleep(0.01)
        raise AssertionError(f"{len(found)} of {count} notices arrived")

    def tell(self, document: object, *, nonce: str) -> int:
        """Post something that Northbank signed; the answer's status."""
        body = json.dumps(document).encode()
        headers = {"content-type": "application/json"}
        request = SignedRequest("POST", self.url, headers, body)
        signed = SigningKey(self.key).sign(request, created=self.world.clock.now(), nonce=nonce)
        return requests.post(self.url, body, headers={**headers, **signed}, timeout=PATIENCE).status_code

    def kinds_of_attempts(self, leg: str) -> list[str]:
        """What was asked of the partner, in order."""
        with self.world.database.read() as work:
            rows = work.fetch("SELECT kind FROM leg_attempt WHERE leg = %s ORDER BY number", (leg,))
        return [kind for (kind,) in rows]

    def cases(self, subject: str) -> list[str]:
        """Kinds of the open cases of a leg."""
        with self.world.database.read() as work:
            return [case.kind for case in open_case_files(work, subject=subject, limit=10)]

    def require_agreement(self) -> None:
        """Northbank's own books are what the ledger says, nothing was booked twice, and nothing is under way."""
        totals = self.simulator.books("northbank").totals()
        assert totals["double_applications"] == 0
        assert totals["change"] == {UNIT: self.world.posted(chart.outside(unit_of("northbank")))}
        self.world.require_nothing_under_way()


def event(key: str, *, status: str = "SETTLED", amount: str = "6.00", settled: str = "", why: str = "") -> object:
    """An event of Northbank about an order."""
    order: dict[str, object] = {
        "idempotencyKey": key,
        "accountId": "no1",
        "amount": {"value": amount, "currency": "USD"},
        "orderId": "NB-77",
        "status": status,
    }
    if status == "SETTLED":
        order["settledAmount"] = {"value": settled or amount, "currency": "USD"}
    if why:
        order["declineCode"] = why
    name = {"SETTLED": "order.settled", "DECLINED": "order.declined"}[status]
    return {"event": name, "eventId": f"evt-{key}", "order": order}


@pytest.fixture(scope="module")
def registry() -> Iterator[Registry]:
    found = Registry.scan([BRANDS_FOLDER])
    yield found
    found.close()


@pytest.fixture
def chain(database: Database, clock: ManualClock, registry: Registry) -> Iterator[Chain]:
    credentials, door = Credentials.fresh("hub-in-tests"), Door()
    door.open.set()
    breaker = MemoryBreaker(clock, failures_max=1_000, rest=timedelta(seconds=1))
    ports = Ports(MemoryTokenStore(), breaker, clock)
    northbank = SimulatedPartner("northbank", credentials, face=NorthbankFace())
    sender = Sender("northbank", False, NotificationScheme.RFC9421, (credentials.webhook_public_key,))
    with serve("127.0.0.1", 0, [northbank], FaultPlan(late_ms=60), clock) as simulator:
        connection = simulator.connection("northbank", credentials, timeout_seconds=PATIENCE)
        directory = Directory(registry.adapter("northbank", connection, ports))
        world = World(database, clock, directory=directory, scales={"northbank": 2})
        services = replace(services_of(database, clock), senders={"northbank": sender}.get, vault=VAULT)
        app = create_app(services)
        app.wsgi_app = door.around(app.wsgi_app)  # type: ignore[method-assign]
        with served(app) as base:
            object.__setattr__(services, "public_url", base)
            url = f"{base}/v1/partners/northbank/notifications"
            simulator.notify("northbank", url)
            yield Chain(world, simulator, door, url, credentials.webhook_key)
            door.open.set()
            simulator.notify("northbank", "")
        stop_app(app)


def test_a_conversion_is_carried_by_notices_alone_and_nobody_is_asked_twice(chain: Chain) -> None:
    conversion = chain.convert(5_000)

    chain.work()
    chain.arrived(1)
    chain.work()

    debit = chain.world.leg_of(conversion, "debit")
    assert chain.world.state(conversion) is ConversionState.POSTED
    assert chain.kinds_of_attempts(debit) == ["call"]
    assert [one.reason for one in chain.arrived(1)] == ["applied"]
    chain.require_agreement()


def test_a_decline_that_is_told_later_ends_a_conversion_without_points_moving(chain: Chain) -> None:
    conversion = chain.convert(5_000, poor=True)

    chain.work()
    chain.arrived(1)
    chain.work()

    assert (chain.world.state(conversion), chain.world.get(conversion).reason) == ("voided", "insufficient_points")
    chain.require_agreement()


def test_a_premature_notice_is_applied_while_the_call_it_is_about_still_runs(chain: Chain) -> None:
    # The partner is slow to answer, and the worker has acted on the notice before the call returns.
    chain.door.on_stored = lambda: _in_another_thread(chain.work)
    conversion = chain.convert(1_000 + ENDINGS[NoticeFault.PREMATURE])

    chain.work()

    debit = chain.world.leg_of(conversion, "debit")
    with chain.world.database.read() as work:
        rows = work.fetch("SELECT outcome, detail FROM leg_attempt WHERE leg = %s", (debit,))
    assert rows == [("unknown", "overtaken")]
    assert chain.world.state(conversion) is ConversionState.POSTED
    chain.require_agreement()


def _in_another_thread(act: Callable[[], object]) -> None:
    thread = threading.Thread(target=act)
    thread.start()
    thread.join(PATIENCE)


def test_a_notice_that_comes_twice_has_its_effect_once(chain: Chain) -> None:
    amount = 1_000 + ENDINGS[NoticeFault.TWICE]
    # At 5:2, so much arrives as the amount that asks Northbank for the fault.
    conversions = [chain.convert(amount if out else amount * 5 // 2, out=out) for out in (True, False) * 3]

    chain.world.run(hours=1)
    _until(lambda: len(chain.door.answers) >= 2 * len(conversions))
    chain.world.run(hours=1)

    assert {chain.world.state(one) for one in conversions} == {"posted"}
    assert {status[:3] for status in chain.door.answers} <= {"200", "202"}
    assert chain.world.cases() == []
    chain.require_agreement()


def test_a_late_notice_finds_everything_done(chain: Chain) -> None:
    chain.door.open.clear()
    conversion = chain.convert(1_000 + ENDINGS[NoticeFault.LATE])

    chain.world.run(hours=1)
    before = chain.world.state(conversion)
    chain.door.open.set()
    chain.arrived(1)
    chain.work()

    assert (before, chain.world.state(conversion)) == ("posted", "posted")
    assert [one.reason for one in chain.arrived(1)] == ["changes nothing"]
    assert chain.world.cases() == []
    chain.require_agreement()


def test_a_notice_that_never_comes_is_asked_for(chain: Chain) -> None:
    conversion = chain.convert(1_000 + ENDINGS[NoticeFault.NEVER])

    chain.world.run(hours=1)

    assert chain.world.state(conversion) is ConversionState.POSTED
    assert "inquiry" in chain.kinds_of_attempts(chain.world.leg_of(conversion, "debit"))
    chain.require_agreement()


@pytest.mark.parametrize("number", range(4))
def test_a_contradiction_ends_a_conversion_once_and_is_a_case_for_a_person(chain: Chain, number: int) -> None:
    # Whether the true notice or the false one is first is the simulator's toss over the key.
    conversion = chain.convert(1_000 + ENDINGS[NoticeFault.CONTRADICTORY])

    chain.work()
    chain.arrived(1)
    chain.work()
    ended = chain.world.state(conversion)
    chain.arrived(2)
    chain.work()

    debit = chain.world.leg_of(conversion, "debit")
    assert ended in ("posted", "voided"), number
    assert chain.world.state(conversion) == ended
    assert chain.cases(debit) == ["contradiction"]
    assert sorted(one.reason for one in chain.arrived(2)) == ["applied", "changes nothing"]
    chain.world.require_nothing_under_way()


def test_done_after_refused_moves_nothing_and_is_a_case(chain: Chain) -> None:
    conversion = chain.convert(600, poor=True)
    chain.work()
    chain.arrived(1)
    chain.work()
    debit = chain.world.leg_of(conversion, "debit")

    assert chain.tell(event(debit), nonce="n-1") == 202
    chain.work()

    assert (chain.world.state(conversion), chain.cases(debit)) == ("voided", ["contradiction"])
    chain.world.require_nothing_under_way()


def test_a_wrong_amount_is_no_proof_and_is_a_case(chain: Chain) -> None:
    chain.simulator.notify("northbank", "")
    conversion = chain.convert(600)
    chain.work()
    debit = chain.world.leg_of(conversion, "debit")

    chain.tell(event(debit, amount="60.00"), nonce="n-1")
    chain.work()

    assert chain.cases(debit) == ["by_hand"]
    assert chain.world.state(conversion) not in ("posted", "voided")
    assert chain.world.posted(chart.outside(unit_of("northbank"))) == 0


def test_what_is_settled_in_part_has_the_partner_asked_at_once(chain: Chain) -> None:
    chain.simulator.notify("northbank", "")
    conversion = chain.convert(600)
    chain.work()
    debit = chain.world.leg_of(conversion, "debit")
    chain.world.advance(milliseconds=100)

    chain.tell(event(debit, settled="5.99"), nonce="n-1")
    chain.work()

    assert chain.kinds_of_attempts(debit) == ["call", "inquiry"]
    assert chain.world.state(conversion) is ConversionState.POSTED
    chain.require_agreement()


def test_a_result_for_an_unknown_key_waits_and_then_is_a_persons_to_look_at(chain: Chain) -> None:
    chain.tell(event("leg_01krjw0000000000000000000e"), nonce="n-1")

    chain.work()
    early = chain.arrived(1)[0]
    chain.world.run(hours=1)
    late = chain.arrived(1)[0]

    assert (early.state, late.state) == (NotificationState.RECEIVED, NotificationState.QUARANTINED)
    assert early.reason == late.reason == "leg_missing: there is no such instruction"
    assert chain.world.cases() == []


def test_a_partner_cannot_prove_another_partners_leg(chain: Chain) -> None:
    conversion = chain.world.convert(600, source="aerojet", target="staywell")
    debit = chain.world.leg_of(conversion, "debit")

    chain.tell(event(debit, status="DECLINED", why="account-closed"), nonce="n-1")
    chain.world.run(hours=1)

    assert chain.world.state(conversion) is ConversionState.POSTED
    assert chain.cases(debit) == []
    assert chain.arrived(1)[0].state is NotificationState.QUARANTINED


def test_proof_of_a_leg_that_was_never_sent_is_a_case(chain: Chain) -> None:
    conversion = chain.convert(600)
    debit = chain.world.leg_of(conversion, "debit")

    chain.tell(event(debit), nonce="n-1")
    with chain.world.database.work() as work:
        work.run("UPDATE outbox_message SET available_at = available_at + interval '1 hour' WHERE kind = 'leg.due'")
    chain.work()

    assert chain.cases(debit) == ["contradiction"]
    assert chain.world.state(conversion) not in ("posted", "voided")


def test_conversions_among_all_faults_of_notices_end_and_the_books_agree(chain: Chain) -> None:
    # Contradictions apart: a partner that says both cannot agree with anybody.
    rates = {kind: 150 for kind in NoticeFault if kind is not NoticeFault.CONTRADICTORY}
    chain.simulator.set_plan(FaultPlan(seed=11, magic=False, notices_per_mille=rates, late_ms=60))
    conversions = [chain.convert(500 + 10 * number, out=bool(number % 2)) for number in range(30)]

    chain.world.run(hours=2)
    _until(lambda: chain.work() == 0)
    chain.world.run(hours=2)

    assert {chain.world.state(one) for one in conversions} == {"posted"}
    assert sum(chain.simulator.notice_counts().values()) > 0
    assert chain.world.cases() == []
    chain.require_agreement()


def _until(reached: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not reached():
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.01)
