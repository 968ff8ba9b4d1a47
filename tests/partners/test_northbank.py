"""Northbank accepts first and tells later: by events that it signs, or to whoever asks. Only whole results count."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests

from hub.kernel.clock import SystemClock
from partners.base import Done, Instruction, Notification, NotificationUnreadable, Reason, Refused, Unknown
from partners.northbank import orders
from partners.registry import BRANDS_FOLDER, Registry
from partners.sandbox.bench import NUMBER_POOR, Bench, on_trial
from partners.sandbox.faults import MAGIC_NOTICES, NoticeFault
from partners.session import Reply
from partners.signatures import SignatureInvalid, SignedRequest, SigningKey, verify_request
from tests.partners.test_signatures import pem_pair

UNIT = "northbank.cashback"
ENDINGS = {kind: ending for ending, kind in MAGIC_NOTICES.items()}


@dataclass
class Inbox:
    """A hub's front door for notices: keeps those whose signature holds, and counts the others."""

    url: str
    public_key: str
    kept: list[tuple[str, bytes]] = field(default_factory=list)
    refused: int = 0
    changed: threading.Condition = field(default_factory=threading.Condition)

    def take(self, headers: dict[str, str], body: bytes) -> int:
        request = SignedRequest("POST", self.url, headers, body)
        with self.changed:
            self.changed.notify_all()
            try:
                signature = verify_request(request, public_keys=self.public_key, now=SystemClock().now())
            except SignatureInvalid:
                self.refused += 1
                return 401
            self.kept.append((signature.nonce, body))
            return 202

    def wait_for(self, key: str, count: int = 1) -> list[bytes]:
        with self.changed:
            self.changed.wait_for(lambda: len(self._about(key)) >= count, timeout=5)
            return self._about(key)

    def _about(self, key: str) -> list[bytes]:
        return [body for _, body in self.kept if key.encode() in body]


@contextmanager
def inbox_of(bench: Bench) -> Iterator[Inbox]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            self.send_response(inbox.take(dict(self.headers.items()), body))
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    url = f"http://127.0.0.1:{server.server_address[1]}/v1/partners/northbank/notifications"
    inbox = Inbox(url, bench.connection.secrets["webhook_public_key"])
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    bench.simulator.notify("northbank", url)
    try:
        yield inbox
    finally:
        bench.simulator.notify("northbank", "")
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    registry = Registry.scan([BRANDS_FOLDER])
    with on_trial(registry, "northbank") as found:
        yield found
    registry.close()


def order(bench: Bench, key: str, amount: int, *, number: int = 100) -> Instruction:
    return Instruction(key, bench.member(number), UNIT, amount, 2)


def read(bench: Bench, body: bytes) -> Notification:
    (found,) = bench.adapter.notifications(body)
    return found


def test_an_order_is_accepted_first_and_its_result_is_told_by_a_signed_event(bench: Bench) -> None:
    with inbox_of(bench) as inbox:
        first = bench.adapter.debit(order(bench, "o-1", 1_250))
        (body,) = inbox.wait_for("o-1")

    told = read(bench, body)
    assert first == Unknown("received by the partner", pending=True)
    assert (told.kind, told.subject) == ("leg.result", "o-1")
    assert isinstance(told.outcome, Done)
    assert told.outcome.amount == 1_250
    assert told.outcome == bench.adapter.inquire("o-1")


def test_a_decline_is_told_the_same_way(bench: Bench) -> None:
    with inbox_of(bench) as inbox:
        bench.adapter.debit(order(bench, "o-2", 1_250, number=NUMBER_POOR))
        (body,) = inbox.wait_for("o-2")

    assert read(bench, body).outcome == Refused(Reason.INSUFFICIENT_POINTS, "insufficient-funds")


def test_an_accepted_order_says_where_its_result_will_be(bench: Bench) -> None:
    url = f"{bench.connection.base_url}/cashback/v1/orders"
    body = json.dumps(
        {"accountId": bench.member(100), "direction": "DEBIT", "amount": {"value": "6.00", "currency": "USD"}}
    ).encode()
    answer = _signed_post(bench, url, body, key="o-4", nonce="n-4")

    assert (answer.status_code, answer.headers["location"]) == (202, "/cashback/v1/orders/o-4")


@pytest.mark.parametrize("wrong", ["unsigned", "another key", "used before"])
def test_an_order_whose_signature_does_not_hold_is_not_taken(bench: Bench, wrong: str) -> None:
    url = f"{bench.connection.base_url}/cashback/v1/orders"
    body = b'{"accountId":"NB000000000100","direction":"CREDIT","amount":{"value":"1.00","currency":"USD"}}'
    pem = {"unsigned": "", "another key": pem_pair()[0]}.get(wrong)

    answers = [
        _signed_post(bench, url, body, key=f"forged {wrong}", nonce="n-1", pem=pem).status_code for _ in range(2)
    ]

    assert answers == ([202, 401] if wrong == "used before" else [401, 401])
    assert bench.moved(f"forged {wrong}") == ([100] if wrong == "used before" else [])


def _signed_post(
    bench: Bench, url: str, body: bytes, *, key: str, nonce: str, pem: str | None = None
) -> requests.Response:
    """As the hub would; pem: another key than the hub's, or empty for no signature at all."""
    headers = {"content-type": "application/json", "idempotency-key": key}
    signer = SigningKey(pem or bench.connection.secrets["signing_key"])
    signed = signer.sign(SignedRequest("POST", url, headers, body), created=SystemClock().now(), nonce=nonce)
    bearer = {"authorization": f"Bearer {_token(bench)}"}
    return requests.post(url, body, headers={**headers, **bearer, **(signed if pem != "" else {})}, timeout=5)


def _token(bench: Bench) -> str:
    client = bench.connection
    form = {
        "grant_type": "client_credentials",
        "client_id": client.client_id,
        "client_secret": client.secrets["client_secret"],
    }
    return str(requests.post(client.token_url, form, timeout=5).json()["access_token"])


def _event(**changes: object) -> dict[str, object]:
    order = {
        "idempotencyKey": "leg-1",
        "accountId": "NB000000000100",
        "amount": {"value": "12.50", "currency": "USD"},
        "settledAmount": {"value": "12.50", "currency": "USD"},
        "orderId": "NB-1",
        "status": "SETTLED",
        "available": {"value": "1.00", "currency": "USD"},
        **changes,
    }
    return {"event": "order.settled", "eventId": "evt-1", "order": order}


def test_a_whole_result_is_done(bench: Bench) -> None:
    assert read(bench, json.dumps(_event()).encode()).outcome == Done("NB-1", balance=100, amount=1_250)


@pytest.mark.parametrize(
    "changes",
    [
        {"settledAmount": {"value": "12.49", "currency": "USD"}},
        {"settledAmount": {"value": "12.50", "currency": "EUR"}},
        {"settledAmount": {"value": "12.505", "currency": "USD"}},
        {"settledAmount": {"value": 12.5, "currency": "USD"}},
        {"settledAmount": None},
        {"amount": None},
        {"status": "DECLINED"},
        {"status": "PARTIALLY_SETTLED"},
        {"status": "DECLINED", "declineCode": "insufficient-funds"},
        {"declineCode": "insufficient-funds"},
        {"orderId": ""},
    ],
)
def test_a_partial_or_contradictory_result_is_asked_for_instead(bench: Bench, changes: dict[str, object]) -> None:
    told = read(bench, json.dumps(_event(**changes)).encode())

    assert (told.subject, told.outcome) == ("leg-1", None)


@pytest.mark.parametrize("changes", [{"settledAmount": None}, {"settledAmount": {"value": "12.49", "currency": "USD"}}])
def test_an_inquiry_that_tells_of_a_part_is_no_proof(bench: Bench, changes: dict[str, object]) -> None:
    document = _event(**changes)["order"]
    assert isinstance(document, dict)

    outcome = orders.answered(Reply(200, b"", {}), document, bench.profile.units[0], lambda _: "")

    assert outcome == Unknown("settled in part")


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"event": "order.settled"},
        {"event": "order.lost", "order": _event()["order"]},
        {"event": "order.settled", "order": []},
        _event(idempotencyKey=""),
    ],
)
def test_what_is_no_event_is_refused(bench: Bench, document: dict[str, object]) -> None:
    with pytest.raises(NotificationUnreadable):
        bench.adapter.notifications(json.dumps(document).encode())


def test_an_event_comes_twice(bench: Bench) -> None:
    with inbox_of(bench) as inbox:
        for number in range(8):
            bench.adapter.credit(order(bench, f"twice-{number}-", 1_000 + ENDINGS[NoticeFault.TWICE]))
        bodies = [inbox.wait_for(f"twice-{number}-", 2) for number in range(8)]
        nonces = [nonce for nonce, body in inbox.kept if b"twice-" in body]

    assert {len(found) for found in bodies} == {2}
    assert all(first == second for first, second in bodies)
    assert 8 < len(set(nonces)) < 16  # some are the very same request, some are signed again


def test_an_event_comes_before_the_answer_it_is_about(bench: Bench) -> None:
    with inbox_of(bench) as inbox:
        bench.adapter.credit(order(bench, "early", 1_000 + ENDINGS[NoticeFault.PREMATURE]))
        already = len(inbox.wait_for("early", 0))

    assert already == 1


def test_an_event_contradicts_another(bench: Bench) -> None:
    with inbox_of(bench) as inbox:
        bench.adapter.credit(order(bench, "both", 1_000 + ENDINGS[NoticeFault.CONTRADICTORY]))
        bodies = inbox.wait_for("both", 2)

    assert {type(read(bench, body).outcome) for body in bodies} == {Done, Refused}
    assert bench.moved("both") == [1_955]


def test_an_event_never_comes_and_the_result_is_there_for_whoever_asks(bench: Bench) -> None:
    with inbox_of(bench) as inbox:
        bench.adapter.credit(order(bench, "never", 1_000 + ENDINGS[NoticeFault.NEVER]))
        bench.adapter.credit(order(bench, "after", 600))
        inbox.wait_for("after")
        told = inbox.wait_for("never", 0)
        found = bench.adapter.inquire("never")

    assert told == []
    assert isinstance(found, Done)


def test_an_event_comes_late(bench: Bench) -> None:
    plan = bench.simulator.plan
    bench.simulator.set_plan(replace(plan, late_ms=400))
    with inbox_of(bench) as inbox:
        bench.adapter.credit(order(bench, "late", 1_000 + ENDINGS[NoticeFault.LATE]))
        bench.adapter.credit(order(bench, "in time", 600))
        inbox.wait_for("in time")
        early = inbox.wait_for("late", 0)
        late = inbox.wait_for("late")
    bench.simulator.set_plan(plan)

    assert (len(early), len(late)) == (0, 1)


def test_an_event_that_is_not_taken_is_posted_again(bench: Bench) -> None:
    with inbox_of(bench) as inbox:
        key, inbox.public_key = inbox.public_key, pem_pair()[1]
        bench.adapter.credit(order(bench, "again", 600))
        with inbox.changed:
            inbox.changed.wait_for(lambda: inbox.refused, timeout=5)
        inbox.public_key = key
        bodies = inbox.wait_for("again")

    assert len(bodies) == 1
    watched = requests.get(f"{bench.simulator.url}/_sim/northbank/notifications", timeout=5).json()
    assert {401, 202} <= {post["status"] for post in watched["posted"]}
