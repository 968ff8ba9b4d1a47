"""SOAP 1.1 as staywell speaks it: envelopes, actions and faults over real HTTP, and decimals that stay exact."""

from collections.abc import Iterator
from datetime import timedelta
from xml.etree.ElementTree import fromstring

import pytest
import requests

from hub.kernel.clock import SystemClock
from partners.base import Done, Instruction, Ports, Reason, Refused, Unknown
from partners.memory import MemoryBreaker, MemoryTokenStore
from partners.registry import BRANDS_FOLDER, Registry
from partners.sandbox.bench import NUMBER_POOR, Bench, on_trial
from partners.sandbox.faults import FaultKind, FaultPlan
from partners.soap import ENVELOPE, envelope

NAMESPACE = "urn:staywell:gateway:2.1"
NIGHT = "staywell.night"


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    registry = Registry.scan([BRANDS_FOLDER])
    with on_trial(registry, "staywell") as found:
        yield found
    registry.close()


def _token(bench: Bench) -> str:
    client = bench.connection
    answer = requests.post(
        client.token_url,
        {"grant_type": "client_credentials"},
        auth=(client.client_id, client.secrets["client_secret"]),
        timeout=5,
    )
    return str(answer.json()["access_token"])


def _post(bench: Bench, body: bytes, **headers: str) -> requests.Response:
    sent = {
        "content-type": "text/xml; charset=utf-8",
        "soapaction": f'"{NAMESPACE}#Transaction"',
        "authorization": f"Bearer {_token(bench)}",
        **headers,
    }
    return requests.post(bench.connection.base_url + "/soap", body, headers=sent, timeout=5)


def _transaction(bench: Bench, **parts: str) -> bytes:
    asked = {"Kind": "AWARD", "Reference": "by-hand", "Guest": bench.member(100), "Currency": "NIGHT", **parts}
    return envelope(NAMESPACE, "TransactionRequest", asked)


@pytest.mark.parametrize(("quantity", "booked"), [("2.5", 25), ("3", 30), ("0.50", 5), ("10.0", 100)])
def test_nights_go_over_the_wire_as_decimals(bench: Bench, quantity: str, booked: int) -> None:
    key = f"by-hand-{booked}"

    answer = _post(bench, _transaction(bench, Reference=key, Quantity=quantity))

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/xml; charset=utf-8"
    assert bench.moved(key) == [booked]


def test_half_a_night_is_half_a_night_on_both_sides(bench: Bench) -> None:
    instruction = Instruction("half-1", bench.member(101), NIGHT, 5, 1)

    outcome = bench.adapter.debit(instruction)

    assert isinstance(outcome, Done)
    assert outcome.amount == 5
    assert bench.moved("half-1") == [-5]


@pytest.mark.parametrize("amount", [1, 4, 6, 3_655])
def test_what_is_no_half_night_is_never_sent(bench: Bench, amount: int) -> None:
    outcome = bench.adapter.debit(Instruction(f"odd-{amount}", bench.member(101), NIGHT, amount, 1))

    assert outcome == Refused(Reason.AMOUNT_NOT_ALLOWED)
    assert bench.books.find(f"odd-{amount}").key == f"odd-{amount}"


def test_a_refusal_is_a_fault_with_a_code(bench: Bench) -> None:
    answer = _post(
        bench, _transaction(bench, Kind="REDEEM", Reference="poor", Guest=bench.member(NUMBER_POOR), Quantity="1")
    )

    root = fromstring(answer.content)
    assert answer.status_code == 500
    assert root.findtext(f"{{{ENVELOPE}}}Body/{{{ENVELOPE}}}Fault/faultcode") == "soap:Client"
    assert root.findtext(f".//{{{NAMESPACE}}}GatewayFault/{{{NAMESPACE}}}Code") == "2001"


@pytest.mark.parametrize(
    "headers",
    [
        {"soapaction": f'"{NAMESPACE}#Cancel"'},
        {"soapaction": ""},
        {"content-type": "application/json"},
    ],
)
def test_another_action_or_type_than_the_documents_books_nothing(bench: Bench, headers: dict[str, str]) -> None:
    answer = _post(bench, _transaction(bench, Reference="misdirected", Quantity="1"), **headers)

    assert answer.status_code == 500
    assert bench.moved("misdirected") == []


@pytest.mark.parametrize("body", [b"", b"<a/>", b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", b"\xff"])
def test_what_is_no_envelope_is_a_fault_of_the_client(bench: Bench, body: bytes) -> None:
    answer = _post(bench, body)

    assert answer.status_code == 500
    assert "soap:Client" in answer.text


def test_refusals_do_not_open_the_breaker_though_they_are_answered_500(bench: Bench) -> None:
    registry, clock = Registry.scan([BRANDS_FOLDER]), SystemClock()
    breaker = MemoryBreaker(clock, failures_max=3, rest=timedelta(seconds=60))
    adapter = registry.adapter("staywell", bench.connection, Ports(MemoryTokenStore(), breaker, clock))

    outcomes = [
        adapter.debit(Instruction(f"poor-{number}", bench.member(NUMBER_POOR), NIGHT, 10, 1)) for number in range(5)
    ]
    registry.close()

    assert {getattr(outcome, "reason", outcome) for outcome in outcomes} == {Reason.INSUFFICIENT_POINTS}


def test_faults_of_the_server_open_it(bench: Bench) -> None:
    registry, clock = Registry.scan([BRANDS_FOLDER]), SystemClock()
    breaker = MemoryBreaker(clock, failures_max=3, rest=timedelta(seconds=60))
    adapter = registry.adapter("staywell", bench.connection, Ports(MemoryTokenStore(), breaker, clock))
    bench.simulator.set_plan(FaultPlan(per_mille={FaultKind.SERVER_ERROR_THEN_SUCCESS: 1_000}))

    outcomes = [adapter.debit(Instruction(f"broken-{number}", bench.member(102), NIGHT, 10, 1)) for number in range(4)]
    bench.simulator.set_plan(FaultPlan())
    registry.close()

    assert outcomes[0] == Unknown("http 503")
    assert outcomes[3] == Unknown("breaker open", called=False)


def test_a_name_that_xml_cannot_say_is_sent_without_those_characters() -> None:
    body = envelope(NAMESPACE, "GuestRequest", {"Name": "Ada \x00\x0b\ud800<&>é 𝒳"})

    assert fromstring(body).findtext(f".//{{{NAMESPACE}}}Name") == "Ada <&>é 𝒳"
