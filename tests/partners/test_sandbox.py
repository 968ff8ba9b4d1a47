"""Simulated partners: honest books, faults by seed, and a server that many can call at once."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
import requests

from hub.kernel.clock import ManualClock, SystemClock
from partners.base import Done, Instruction, Outcome, PartnerAdapter, Ports, Reason, Unknown
from partners.memory import MemoryBreaker, MemoryTokenStore
from partners.registry import BRANDS_FOLDER, Registry
from partners.sandbox.bench import face_of
from partners.sandbox.books import (
    Applied,
    Books,
    Conflict,
    MemberStatus,
    Missing,
    Move,
    MoveKind,
    Rejected,
    SimulatedMember,
)
from partners.sandbox.faults import MAGIC_AMOUNTS, Fault, FaultKind, FaultPlan, Faults
from partners.sandbox.oauth import Credentials
from partners.sandbox.server import RunningSimulator, SimulatedPartner, serve

CREDENTIALS = Credentials.fresh("hub")
UNIT = "p.point"


def _books(clock: ManualClock, *, lag_seconds: int = 0) -> Books:
    books = Books(clock, key_life=timedelta(hours=8), inquiry_lag=timedelta(seconds=lag_seconds))
    books.open_members([SimulatedMember("M-1", "Ada", balances={UNIT: 1_000})])
    return books


def _move(kind: MoveKind, key: str, amount: int, *, member: str = "M-1", original: str = "", unit: str = UNIT) -> Move:
    return Move(kind, key, member, unit, amount, original)


def _balance(books: Books) -> int:
    view = books.member("M-1")
    assert view is not None
    return view.balances[UNIT]


def test_a_movement_applies_once_per_key(clock: ManualClock) -> None:
    books = _books(clock)

    first, again = (books.apply(_move(MoveKind.DEBIT, "k", 400)) for _ in range(2))

    assert isinstance(first, Applied)
    assert isinstance(again, Applied)
    assert (first.replayed, again.replayed, first.reference == again.reference) == (False, True, True)
    assert _balance(books) == 600


def test_a_key_with_other_content_is_a_conflict(clock: ManualClock) -> None:
    books = _books(clock)
    books.apply(_move(MoveKind.DEBIT, "k", 400))

    assert isinstance(books.apply(_move(MoveKind.DEBIT, "k", 401)), Conflict)
    assert isinstance(books.apply(_move(MoveKind.CREDIT, "k", 400)), Conflict)
    assert _balance(books) == 600


def test_a_refusal_stands_under_its_key(clock: ManualClock) -> None:
    books = _books(clock)
    books.apply(_move(MoveKind.DEBIT, "k", 1_001))
    books.apply(_move(MoveKind.CREDIT, "other", 500))

    again = books.apply(_move(MoveKind.DEBIT, "k", 1_001))

    assert isinstance(again, Rejected)
    assert (again.reason, again.replayed, _balance(books)) == (Reason.INSUFFICIENT_POINTS, True, 1_500)


def test_a_forgotten_key_applies_again_and_the_totals_show_it(clock: ManualClock) -> None:
    books = _books(clock)
    books.apply(_move(MoveKind.DEBIT, "k", 100))
    clock.advance(timedelta(hours=8))

    books.apply(_move(MoveKind.DEBIT, "k", 100))

    totals = books.totals()
    assert (totals["double_applications"], totals["change"], totals["movements"]) == (1, {UNIT: -200}, 2)


def test_inquiries_outlive_keys(clock: ManualClock) -> None:
    books = _books(clock)
    books.apply(_move(MoveKind.DEBIT, "k", 100))

    clock.advance(timedelta(days=30))

    assert isinstance(books.find("k"), Applied)


def test_a_booked_key_is_missing_until_the_lag_has_passed(clock: ManualClock) -> None:
    books = _books(clock, lag_seconds=2)
    books.apply(_move(MoveKind.DEBIT, "k", 100))
    early = books.find("k")

    clock.advance(timedelta(seconds=2))

    assert early == Missing("k")
    assert isinstance(books.find("k"), Applied)


@pytest.mark.parametrize(
    ("move", "reason"),
    [
        (_move(MoveKind.REVERSE, "r", 10, original="nothing"), Reason.NOT_REVERSIBLE),
        (_move(MoveKind.REVERSE, "r", 401, original="debit"), Reason.NOT_REVERSIBLE),
        (_move(MoveKind.REVERSE, "r", 10, original="debit", unit="p.other"), Reason.NOT_REVERSIBLE),
        (_move(MoveKind.REVERSE, "r", 10, original="refused"), Reason.NOT_REVERSIBLE),
        (_move(MoveKind.CREDIT, "c", 0), Reason.AMOUNT_NOT_ALLOWED),
        (_move(MoveKind.CREDIT, "c", -5), Reason.AMOUNT_NOT_ALLOWED),
        (_move(MoveKind.CREDIT, "c", 5, member="M-9"), Reason.MEMBER_UNKNOWN),
    ],
)
def test_what_cannot_be_booked_is_refused_for_its_reason(clock: ManualClock, move: Move, reason: Reason) -> None:
    books = _books(clock)
    books.apply(_move(MoveKind.DEBIT, "debit", 400))
    books.apply(_move(MoveKind.DEBIT, "refused", 4_000))

    result = books.apply(move)

    assert isinstance(result, Rejected)
    assert (result.reason, _balance(books)) == (reason, 600)


def test_reversals_add_up_to_the_whole(clock: ManualClock) -> None:
    books = _books(clock)
    books.apply(_move(MoveKind.DEBIT, "debit", 400))

    results = [books.apply(_move(MoveKind.REVERSE, f"r{n}", 150, original="debit")) for n in range(3)]

    assert [type(result) for result in results] == [Applied, Applied, Rejected]
    assert _balance(books) == 900


def test_the_change_of_balances_is_what_the_journal_says(clock: ManualClock) -> None:
    books = _books(clock)
    for number in range(20):
        books.apply(_move(MoveKind.CREDIT if number % 3 else MoveKind.DEBIT, f"k{number}", 10 + number))

    booked = sum(amount for *_, amount in books.journal())

    assert books.totals()["change"] == {UNIT: booked} == {UNIT: _balance(books) - 1_000}


def test_faults_follow_the_seed_and_not_the_order(clock: ManualClock) -> None:
    plan = FaultPlan.even(7, 60)
    keys = [f"k{number}" for number in range(400)]
    one, other = Faults(plan), Faults(plan)

    first = {key: one.draw("p", key, 100) for key in keys}
    second = {key: other.draw("p", key, 100) for key in reversed(keys)}

    assert first == second
    assert one.counts() == other.counts()
    assert first != {key: Faults(FaultPlan.even(8, 60)).draw("p", key, 100) for key in keys}


def test_each_kind_strikes_about_as_often_as_planned() -> None:
    faults = Faults(FaultPlan.even(1, 20))

    for number in range(3_000):
        faults.draw("p", f"k{number}", 100)

    assert all(30 <= count <= 100 for count in faults.counts().values())


@pytest.mark.parametrize(("ending", "kind"), list(MAGIC_AMOUNTS.items()))
def test_a_magic_amount_strikes_once(ending: int, kind: FaultKind) -> None:
    faults = Faults(FaultPlan())

    first, second = (faults.draw("p", "k", 7_000 + ending) for _ in range(2))

    assert isinstance(first, Fault)
    assert (first.kind, second) == (kind, None)


def test_nothing_goes_wrong_unless_planned() -> None:
    faults = Faults(FaultPlan(magic=False))

    assert [faults.draw("p", f"k{n}", 905) for n in range(500)] == [None] * 500


def test_a_plan_may_concern_some_partners_only() -> None:
    faults = Faults(FaultPlan(per_mille={FaultKind.SLOW_ANSWER: 1_000}, partners=frozenset({"bad"})))

    assert faults.draw("good", "k", 1) is None
    assert faults.draw("bad", "k", 1) is not None


def test_a_server_error_is_followed_by_success() -> None:
    faults = Faults(FaultPlan(per_mille={FaultKind.SERVER_ERROR_THEN_SUCCESS: 1_000}))

    drawn = [faults.draw("p", "k", 1) for _ in range(4)]

    assert [fault is not None for fault in drawn] == [True, False, True, False]


@pytest.mark.parametrize("rates", [{FaultKind.SLOW_ANSWER: 1_001}, {FaultKind.SLOW_ANSWER: -1}])
def test_a_plan_beyond_all_calls_is_a_fault_of_ours(rates: dict[FaultKind, int]) -> None:
    with pytest.raises(AssertionError):
        FaultPlan(per_mille=rates)


@pytest.fixture
def running() -> Iterator[RunningSimulator]:
    members = tuple(SimulatedMember(f"M-{n}", f"Member {n}", balances={UNIT: 1_000}) for n in range(50))
    partners = [SimulatedPartner(code, CREDENTIALS, members=members) for code in ("p", "q")]
    with serve("127.0.0.1", 0, partners, FaultPlan(magic=False)) as found:
        yield found


def _get(running: RunningSimulator, path: str, status: int = 200) -> dict[str, object]:
    reply = requests.get(f"{running.url}/_sim/{path}", timeout=5)
    assert reply.status_code == status
    return dict(reply.json())


def _send(running: RunningSimulator, method: str, path: str, body: object, status: int) -> dict[str, object]:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    reply = requests.request(method, f"{running.url}/_sim/{path}", data=data, timeout=5)
    assert reply.status_code == status
    return dict(reply.json())


def test_members_are_opened_and_seen(running: RunningSimulator) -> None:
    one = {"membership": "X/1", "name": "Xaver", "status": "blocked", "balances": {UNIT: 5}}

    opened = _send(running, "POST", "p/members", one, 201)
    many = _send(running, "POST", "p/members", [{"membership": f"N-{n}"} for n in range(3)], 201)

    assert (opened["opened"], many["opened"]) == (1, 3)
    seen = _get(running, "p/members/X%2F1")
    assert (seen["name"], seen["status"], seen["balances"]) == ("Xaver", "blocked", {UNIT: 5})
    assert _get(running, "p/totals")["members"] == 54


def test_opening_a_member_again_changes_its_status_and_keeps_its_balance(clock: ManualClock) -> None:
    books = _books(clock)
    books.apply(_move(MoveKind.DEBIT, "k", 400))

    books.open_members([SimulatedMember("M-1", "Ada", MemberStatus.BLOCKED, balances={UNIT: 1_000})])

    refused = books.apply(_move(MoveKind.DEBIT, "k2", 1))
    assert isinstance(refused, Rejected)
    assert (refused.reason, _balance(books)) == (Reason.MEMBER_BLOCKED, 600)
    assert books.totals()["change"] == {UNIT: -400}


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"7",
        {"name": "no number"},
        {"membership": "a", "status": "sleepy"},
        {"membership": "a", "balances": {"u": 1.5}},
        {"membership": "a", "balances": []},
    ],
)
def test_a_member_that_makes_no_sense_is_refused(running: RunningSimulator, body: object) -> None:
    assert _send(running, "POST", "p/members", body, 400)["error"] == "member"
    assert _get(running, "p/totals")["members"] == 50


@pytest.mark.parametrize("path", ["nobody/totals", "p/members/nobody", "p/elsewhere"])
def test_what_is_not_there_is_not_found(running: RunningSimulator, path: str) -> None:
    _get(running, path, 404)


def test_the_plan_is_set_and_shown(running: RunningSimulator) -> None:
    plan = {
        "seed": 3,
        "per_mille": {"slow_answer": 10},
        "notices_per_mille": {"notice_late": 20},
        "slow_ms": 20,
        "late_ms": 30,
        "magic": False,
        "partners": ["q"],
    }

    shown = _send(running, "PUT", "faults", plan, 200)

    assert shown["plan"] == plan
    assert _get(running, "faults")["counts"] == {str(kind): 0 for kind in FaultKind}


@pytest.mark.parametrize(
    "plan",
    [
        b"{",
        [],
        {"rate": 1},
        {"per_mille": {"sabotage": 1}},
        {"per_mille": {"slow_answer": 2_000}},
        {"per_mille": {"slow_answer": "1"}},
        {"per_mille": 3},
        {"notices_per_mille": {"slow_answer": 1}},
        {"notices_per_mille": {"notice_late": 2_000}},
        {"late_ms": "1"},
    ],
)
def test_a_plan_that_makes_no_sense_is_refused(running: RunningSimulator, plan: object) -> None:
    _send(running, "PUT", "faults", plan, 400)
    assert _get(running, "faults")["plan"] == {
        "seed": 0,
        "per_mille": {},
        "notices_per_mille": {},
        "slow_ms": 200,
        "late_ms": 1_500,
        "magic": False,
        "partners": [],
    }


def test_the_address_for_notices_is_set_and_shown(running: RunningSimulator) -> None:
    shown = _send(running, "PUT", "q/notifications", {"url": "http://127.0.0.1:9/x"}, 200)

    assert shown == {"url": "http://127.0.0.1:9/x", "posted": []}
    assert _get(running, "q/notifications") == shown


@pytest.mark.parametrize("body", [b"", [], {}, {"url": 7}, {"url": "file:///etc/passwd"}])
def test_an_address_for_notices_that_makes_no_sense_is_refused(running: RunningSimulator, body: object) -> None:
    _send(running, "PUT", "q/notifications", body, 400)

    assert _get(running, "q/notifications")["url"] == ""


def test_partners_keep_their_own_books_and_tokens(running: RunningSimulator) -> None:
    form = {"grant_type": "client_credentials", "client_id": "hub", "client_secret": CREDENTIALS.client_secret}
    token = requests.post(f"{running.url}/p/oauth/token", data=form, timeout=5).json()["access_token"]
    body = {"key": "k", "direction": "credit", "membership": "M-1", "unit": UNIT, "amount": 7}
    headers = {"authorization": f"Bearer {token}"}

    statuses = [
        requests.post(f"{running.url}/{code}/v1/movements", json=body, headers=headers, timeout=5).status_code
        for code in ("p", "q", "nobody")
    ]

    assert statuses == [200, 401, 404]
    assert (_get(running, "p/totals")["change"], _get(running, "q/totals")["change"]) == ({UNIT: 7}, {UNIT: 0})


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"grant_type": "password"},
        {"grant_type": "client_credentials"},
        {"grant_type": "client_credentials", "client_id": "hub", "client_secret": "wrong"},
        {"grant_type": "client_credentials", "client_id": "other", "client_secret": CREDENTIALS.client_secret},
        {
            "grant_type": "client_credentials",
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": "eyJhbGciOiJub25lIn0.e30.",
        },
    ],
)
def test_an_unproven_client_gets_no_token(running: RunningSimulator, form: dict[str, str]) -> None:
    reply = requests.post(f"{running.url}/p/oauth/token", data=form, timeout=5)

    assert reply.status_code in (400, 401)
    assert "access_token" not in reply.json()


def test_a_stopped_simulator_leaves_no_thread_and_no_socket(running: RunningSimulator) -> None:
    session = requests.Session()
    session.get(f"{running.url}/_sim/faults", timeout=5)
    before = threading.active_count()

    running.stop()
    running.stop()

    assert threading.active_count() < before
    with pytest.raises(requests.ConnectionError):
        session.get(f"{running.url}/_sim/faults", timeout=5)
    session.close()


def test_a_request_that_is_too_large_is_refused(running: RunningSimulator) -> None:
    headers = {"content-length": str(10**9)}

    reply = requests.post(f"{running.url}/_sim/p/members", data=b"", headers=headers, timeout=5)

    assert reply.status_code == 413


# What each brand's members, units and amounts are in the storm below.
STORM = {
    "aerojet": "aerojet.mile",
    "staywell": "staywell.night",
    "northbank": "northbank.cashback",
    "sandbox": "sandbox.point",
}


def test_in_a_storm_of_faults_every_instruction_ends_once_and_the_books_agree() -> None:
    """Debits and credits at four brands at once, each repeated and inquired until it is done."""
    registry = Registry.scan([BRANDS_FOLDER])
    partners = [
        SimulatedPartner(
            code,
            CREDENTIALS,
            face=face_of(registry, code),
            members=(SimulatedMember(registry.profile(code).member.numbered(1), balances={unit: 10**7}),),
        )
        for code, unit in STORM.items()
    ]
    with serve("127.0.0.1", 0, partners, FaultPlan.even(11, 60)) as running:
        ended = _ride_out(registry, running)

        counts = running.fault_counts()
        for code, unit in STORM.items():
            totals = running.books(code).totals()
            assert totals["double_applications"] == 0
            assert totals["change"] == {unit: sum(amount for at, amount in ended if at == code)}
    registry.close()
    assert len(ended) == 4 * 100
    assert all(count >= 5 for count in counts.values()), counts


def _ride_out(registry: Registry, running: RunningSimulator) -> list[tuple[str, int]]:
    clock = SystemClock()
    ports = Ports(MemoryTokenStore(), MemoryBreaker(clock, failures_max=10**6, rest=timedelta(seconds=1)), clock)
    ended: list[tuple[str, int]] = []

    def ride(code: str, unit: str, part: int) -> None:
        profile = registry.profile(code)
        adapter = registry.adapter(code, running.connection(code, CREDENTIALS, timeout_seconds=5), ports)
        for number in range(25):
            scale = next(found.scale for found in profile.units if found.code == unit)
            amount = 500 + 5 * number
            instruction = Instruction(f"{part}-{number}", profile.member.numbered(1), unit, amount, scale)
            move, sign = (adapter.debit, -1) if number % 2 else (adapter.credit, 1)
            if isinstance(_persist(adapter, move, instruction), Done):
                ended.append((code, sign * amount))

    threads = [
        threading.Thread(target=ride, args=(code, unit, part)) for code, unit in STORM.items() for part in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return ended


def _persist(adapter: PartnerAdapter, move: Callable[[Instruction], Outcome], instruction: Instruction) -> Outcome:
    """As the hub would: inquire after Unknown, and send the same key again when it is not found."""
    outcome = move(instruction)
    for _ in range(200):
        if not isinstance(outcome, Unknown):
            break
        outcome = adapter.inquire(instruction.key)
        if isinstance(outcome, Unknown) and outcome.not_found:
            outcome = move(instruction)
        elif isinstance(outcome, Unknown):
            time.sleep(0.01)
    return outcome
