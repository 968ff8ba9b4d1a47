"""The declarative adapter on the wire: what is sent, byte for byte, and what answers mean."""

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import responses

from hub.kernel.clock import SystemClock
from partners.base import (
    Connection,
    Done,
    Instruction,
    Member,
    Outcome,
    PartnerAdapter,
    Ports,
    Reason,
    Refused,
    Unknown,
)
from partners.conformance import check_brand
from partners.memory import MemoryBreaker, MemoryTokenStore
from partners.registry import BRANDS_FOLDER, Registry

BASE, KEY = "https://partner.example/base", "k3y-0f-greenroots"
MEMBER = "GR000001008"
INSTRUCTION = Instruction("leg_1", MEMBER, "greenroots.seed", 60050, 2, trace="00-1-2-03")
GIFT = {"key": "leg_1", "giver": MEMBER, "seeds": 600.5, "state": "given", "receipt": "R1", "moved_to": ""}

Edit = Callable[[str], str]
Partner = responses.RequestsMock


@pytest.fixture
def partner() -> Iterator[Partner]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mocked:
        yield mocked


def _adapter(folder: Path | None = None, **secrets: str) -> PartnerAdapter:
    registry = Registry.scan([folder or BRANDS_FOLDER])
    clock = SystemClock()
    ports = Ports(MemoryTokenStore(), MemoryBreaker(clock, failures_max=99, rest=timedelta(seconds=1)), clock)
    connection = Connection("greenroots", BASE, "", "", secrets or {"api_key": KEY}, 5)
    return registry.adapter("greenroots", connection, ports)


def _edited(tmp_path: Path, *swaps: tuple[str, str]) -> Path:
    # Without the recorded replies, which are those of the profile as it stands.
    without = shutil.ignore_patterns("fixtures")
    folder = shutil.copytree(BRANDS_FOLDER / "greenroots", tmp_path / "greenroots", ignore=without)
    file = Path(folder) / "profile.toml"
    text = file.read_text(encoding="utf-8")
    for old, new in swaps:
        assert old in text
        text = text.replace(old, new)
    file.write_text(text, encoding="utf-8")
    return tmp_path


def _gift(partner: Partner, status: int = 200, **changes: object) -> None:
    document = {"gift": {**GIFT, **changes}, "left": 1}
    partner.post(f"{BASE}/v2/gifts", json=document, status=status)


def test_a_call_is_sent_exactly_as_declared(partner: Partner) -> None:
    _gift(partner)

    outcome = _adapter().credit(replace(INSTRUCTION, bonus=50))

    [call] = partner.calls
    assert isinstance(outcome, Done)
    assert call.request.body == (
        b'{"direction":"in","giver":{"number":"GR000001008"},"seeds":600.50,"of_which_bonus":0.50}'
    )
    told = {name: call.request.headers[name] for name in ("Idempotency-Key", "Accept-Version", "traceparent")}
    assert told == {"Idempotency-Key": "leg_1", "Accept-Version": "2", "traceparent": "00-1-2-03"}
    assert call.request.headers["X-Greenroots-Key"] == KEY
    assert "Authorization" not in call.request.headers


@pytest.mark.parametrize(("form", "written"), [("whole", b'"seeds":60050'), ("decimal_text", b'"seeds":"600.50"')])
def test_amounts_are_written_in_the_declared_form(partner: Partner, tmp_path: Path, form: str, written: bytes) -> None:
    folder = _edited(tmp_path, ('"decimal_number"', f'"{form}"'))
    _gift(partner, seeds=json.loads(written.partition(b":")[2]))

    outcome = _adapter(folder).debit(INSTRUCTION)

    assert isinstance(outcome, Done)
    assert outcome.amount == 60050
    assert written in (partner.calls[0].request.body or b"")  # type: ignore[operator]


@pytest.mark.parametrize("form", ["whole", "decimal_text", "decimal_number"])
@pytest.mark.parametrize(
    "told",
    [True, None, "x", [], {}, -600.5, "-600.50", "600,50", "6.005e2", " 600.50", 600.500001],
)
def test_an_amount_in_any_other_form_is_no_echo(partner: Partner, tmp_path: Path, form: str, told: object) -> None:
    folder = _edited(tmp_path, ('"decimal_number"', f'"{form}"'))
    _gift(partner, seeds=told)

    assert _adapter(folder).debit(INSTRUCTION) == Unknown("wrong echo: amount")


@pytest.mark.parametrize("number", ["6.005e3", "1e9999999999999999999", "NaN", "6" * 5_000])
def test_a_number_that_nobody_writes_is_no_echo(partner: Partner, number: str) -> None:
    body = f'{{"gift":{{"key":"leg_1","giver":"{MEMBER}","seeds":{number},"state":"given","receipt":"R1"}}}}'
    partner.post(f"{BASE}/v2/gifts", body=body)

    assert isinstance(_adapter().debit(INSTRUCTION), Unknown)


def test_a_large_decimal_number_stays_exact(partner: Partner) -> None:
    body = '{"gift":{"key":"leg_1","giver":"GR000001008","seeds":90071992547409.93,"state":"given","receipt":"R1"}}'
    partner.post(f"{BASE}/v2/gifts", body=body)
    most = replace(INSTRUCTION, amount=9_007_199_254_740_993)

    outcome = _adapter().debit(most)

    assert isinstance(outcome, Done)
    assert b'"seeds":90071992547409.93' in (partner.calls[0].request.body or b"")  # type: ignore[operator]


@pytest.mark.parametrize("change", [{"key": "leg_2"}, {"giver": "GR000001016"}, {"seeds": 600.51}, {"seeds": 6005}])
@pytest.mark.parametrize("status", [200, 422])
def test_an_answer_about_something_else_proves_nothing(
    partner: Partner, change: dict[str, object], status: int
) -> None:
    document = {"gift": {**GIFT, **change, "state": "given" if status == 200 else "declined"}}
    partner.post(f"{BASE}/v2/gifts", json={**document, "problem": {"code": "giver_left"}}, status=status)

    outcome = _adapter().debit(INSTRUCTION)

    assert isinstance(outcome, Unknown)
    assert outcome.why.startswith("wrong echo")


# State, status, reason -> what it is.
MEANINGS: list[tuple[object, int, str, Outcome]] = [
    ("given", 200, "", Done("R1", "", 100, 60050)),
    ("given_before", 201, "", Done("R1", "", 100, 60050)),
    ("declined", 422, "giver_left", Refused(Reason.MEMBER_CLOSED, "giver_left")),
    ("declined", 422, "no_idea", Unknown("http 422 no_idea")),
    ("declined", 200, "giver_left", Unknown("http 200, unfamiliar word declined")),
    ("given", 422, "", Unknown("http 422 given")),
    ("given", 202, "", Unknown("http 202, unfamiliar word given")),
    ("given", 500, "", Unknown("http 500 given")),
    ("given", 302, "", Unknown("http 302 given")),
    ("perhaps", 200, "", Unknown("http 200, unfamiliar word perhaps")),
    (True, 200, "", Unknown("http 200, unfamiliar word true")),
    (None, 200, "", Unknown("http 200, unfamiliar word (unprintable)")),
]


@pytest.mark.parametrize(("state", "status", "reason", "meaning"), MEANINGS)
def test_words_and_statuses_mean_only_what_is_declared(
    partner: Partner, state: object, status: int, reason: str, meaning: Outcome
) -> None:
    document = {"gift": {**GIFT, "state": state}, "left": 1, "problem": {"code": reason}}
    partner.post(f"{BASE}/v2/gifts", json=document, status=status)

    outcome = _adapter().debit(INSTRUCTION)

    assert type(outcome) is type(meaning)
    assert outcome == meaning or (isinstance(outcome, Unknown) and outcome.why.split(",")[0] == f"http {status}")


def test_a_yes_without_a_reference_is_no_yes(partner: Partner) -> None:
    _gift(partner, receipt="")

    assert _adapter().debit(INSTRUCTION) == Unknown("http 200, no reference")


def test_a_key_that_stands_twice_is_unreadable(partner: Partner) -> None:
    partner.post(f"{BASE}/v2/gifts", body='{"gift":{},"gift":{}}')

    assert _adapter().debit(INSTRUCTION) == Unknown("http 200, unreadable body")


def test_not_found_takes_the_declared_status_place_and_word(partner: Partner) -> None:
    partner.get(f"{BASE}/v2/gifts/leg_1", json={"problem": {"code": "no_such_gift"}}, status=404)
    partner.get(f"{BASE}/v2/gifts/leg_2", json={"problem": {"code": "no_such_route"}}, status=404)
    partner.get(f"{BASE}/v2/gifts/leg_3", json={"problem": {"code": "no_such_gift"}}, status=410)
    partner.get(f"{BASE}/v2/gifts/leg_4", json={"problem": {"code": "no_such_gift"}, "gift": {"key": "x"}}, status=404)
    adapter = _adapter()

    outcomes = [adapter.inquire(f"leg_{number}") for number in (1, 2, 3, 4)]

    assert [isinstance(outcome, Unknown) and outcome.not_found for outcome in outcomes] == [True, False, False, False]


def test_paths_are_escaped_and_nothing_else_is_put_in(partner: Partner) -> None:
    address = f"{BASE}/v2/gifts/a%2F..%2F%3Fx%3D%7Bmembership%7D%23%C3%A9"
    partner.get(address, json={"problem": {"code": "no_such_gift"}}, status=404)

    outcome = _adapter().inquire("a/../?x={membership}#é")

    assert outcome == Unknown("key not found", not_found=True)


@pytest.mark.parametrize("key", ["..", ".", ""])
def test_a_piece_of_dots_alone_is_not_sent(partner: Partner, key: str) -> None:
    assert _adapter().inquire(key) == Unknown("what would stand in the path is no name", called=False)
    assert len(partner.calls) == 0


@pytest.mark.parametrize("number", ["GR000001009", "../admin", "GR000001008\n", "GR00000100８", ""])
def test_numbers_that_the_brand_cannot_have_issued_go_nowhere(partner: Partner, number: str) -> None:
    adapter = _adapter()

    moved = adapter.debit(replace(INSTRUCTION, membership=number))
    asked = [adapter.validate_member(Member(number)).outcome, adapter.balance(number).outcome]

    assert moved == Unknown("no membership number of this brand", called=False)
    assert [isinstance(one, Refused) and one.reason for one in asked] == [Reason.MEMBER_UNKNOWN] * 2
    assert len(partner.calls) == 0


def test_another_scale_than_the_brands_goes_nowhere(partner: Partner) -> None:
    outcomes = [_adapter().debit(replace(INSTRUCTION, scale=scale)) for scale in (0, 1, 3)]

    assert outcomes == [Unknown("no unit of this brand", called=False)] * 3
    assert len(partner.calls) == 0


def test_a_reversal_that_names_no_original_goes_nowhere(partner: Partner) -> None:
    assert _adapter().reverse(INSTRUCTION) == Unknown("the original is not named", called=False)
    assert len(partner.calls) == 0


def test_a_missing_api_key_is_no_call(partner: Partner) -> None:
    outcome = _adapter(None, client_secret="other").debit(INSTRUCTION)

    assert outcome == Unknown("no api key", called=False)


def test_a_refused_api_key_is_no_proof_and_is_not_tried_again(partner: Partner) -> None:
    _gift(partner, status=401)

    assert isinstance(_adapter().debit(INSTRUCTION), Unknown)
    assert len(partner.calls) == 1


# Other protocols by profile alone, each against the simulator that the same profile makes.
VARIANTS: dict[str, list[tuple[str, str]]] = {
    "whole amounts": [('"decimal_number"', '"whole"')],
    "decimal text": [('"decimal_number"', '"decimal_text"')],
    "tokens": [
        (
            'auth = "api_key"\napi_key_header = "X-Greenroots-Key"',
            'token_url = "https://t.example/"\nauth = "private_key_jwt"',
        )
    ],
    "a key in the body": [
        ('key_header = "Idempotency-Key"\n', ""),
        ('"/seeds" = "amount"', '"/seeds" = "amount"\n"/id" = "key"'),
    ],
    "a key in the path": [
        ('key_header = "Idempotency-Key"\n', ""),
        ('path = "/v2/gifts"', 'path = "/v2/gifts/{key}/of/{membership}"'),
        ('path = "/v2/gifts/{original_key}/returns"', 'path = "/v2/returns/{key}/of/{original_key}"'),
    ],
    "reversal by reference alone": [
        ("/{original_key}/returns", "/{original_reference}/returns"),
        ('"/giver/number" = "membership"\n"/seeds" = "amount"\n\n[inquire]', '"/seeds" = "amount"\n\n[inquire]'),
    ],
    "results later": [
        ("done = [200, 201]", "done = [200, 201]\npending = [202]"),
        ('refused = ["declined"]', 'refused = ["declined"]\npending = ["received"]'),
    ],
    "statuses without words": [
        ('[words]\ndone = ["given", "given_before"]\nrefused = ["declined"]\n', ""),
        ('result = "/gift/state"\n', ""),
        ("[inquire.statuses]\nrefused = [200]\n", ""),
    ],
    "yes as true": [
        ('done = ["given", "given_before"]\nrefused = ["declined"]', 'done = ["true"]\nrefused = ["false"]'),
    ],
    "inquiry by query": [('path = "/v2/gifts/{key}"', 'path = "/v2/gifts"\nrequest = { by = "key" }')],
    "by credit": [
        ('reverse = "native"', 'reverse = "by_credit"'),
        ('[reverse]\nmethod = "POST"\npath = "/v2/gifts/{original_key}/returns"\n', ""),
        ('\n[reverse.request]\n"/giver/number" = "membership"\n"/seeds" = "amount"\n', ""),
    ],
}


@pytest.mark.parametrize("what", list(VARIANTS))
def test_a_profile_alone_makes_adapter_and_simulator(tmp_path: Path, what: str) -> None:
    registry = Registry.scan([_edited(tmp_path, *VARIANTS[what])])

    report = check_brand(registry, "greenroots")

    registry.close()
    assert [(one.check, one.sentence) for one in report.failures] == []
