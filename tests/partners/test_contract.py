"""Every brand folder keeps the family's contract: over real HTTP, and on recorded replies."""

import re
import tomllib
from collections.abc import Iterator
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
    MemberBalance,
    MemberValidation,
    Outcome,
    PartnerAdapter,
    Ports,
    Refused,
    Unknown,
    Verb,
)
from partners.conformance import CHECKS, check_brand
from partners.memory import MemoryBreaker, MemoryTokenStore
from partners.registry import BRANDS_FOLDER, Registry
from partners.sandbox.oauth import Credentials
from tests.partners.conftest import CODES, TEMPLATE_CODE

BASE, TOKENS = "https://partner.example/base", "https://partner.example/token"
CREDENTIALS = Credentials.fresh("hub")


@pytest.mark.parametrize("code", CODES)
def test_a_brand_keeps_the_contract(registry: Registry, code: str) -> None:
    report = check_brand(registry, code)

    assert [(one.check, one.sentence) for one in report.failures] == []
    assert report.passed
    assert len(report.findings) == len(CHECKS)


def _folder(code: str) -> Path:
    return BRANDS_FOLDER / ("_template" if code == TEMPLATE_CODE else code) / "fixtures"


def _recorded() -> Iterator[object]:
    for code in CODES:
        table = tomllib.loads((_folder(code) / "cases.toml").read_text(encoding="utf-8"))
        for case in table["case"]:
            yield pytest.param(code, table["instruction"], case, id=f"{code}: {case['name']}")


def _adapter(registry: Registry, code: str) -> PartnerAdapter:
    clock = SystemClock()
    breaker = MemoryBreaker(clock, failures_max=1_000, rest=timedelta(seconds=1))
    connection = Connection(code, BASE, TOKENS, "hub", CREDENTIALS.secrets(), 5)
    return registry.adapter(code, connection, Ports(MemoryTokenStore(), breaker, clock))


def _answering(status: int, body: bytes, content_type: str, headers: dict[str, str]) -> responses.RequestsMock:
    """Whatever is asked below the base address is answered so."""
    partner = responses.RequestsMock(assert_all_requests_are_fired=False)
    partner.post(TOKENS, json={"access_token": "t-1", "token_type": "bearer", "expires_in": 600})
    for method in ("GET", "POST", "PUT"):
        address = re.compile(re.escape(BASE) + ".*")
        partner.add(method, address, body=body, status=status, content_type=content_type, headers=headers)
    return partner


def _ask(adapter: PartnerAdapter, verb: Verb, instruction: Instruction, name: str) -> object:
    match verb:
        case Verb.VALIDATE_MEMBER:
            return adapter.validate_member(Member(instruction.membership, name))
        case Verb.BALANCE:
            return adapter.balance(instruction.membership)
        case Verb.INQUIRE:
            return adapter.inquire(instruction.key)
        case Verb.DEBIT:
            return adapter.debit(instruction)
        case Verb.CREDIT:
            return adapter.credit(instruction)
        case _:
            return adapter.reverse(instruction)


def _outcome(answer: object) -> Outcome:
    if isinstance(answer, MemberValidation | MemberBalance):
        return answer.outcome
    assert isinstance(answer, Done | Refused | Unknown)
    return answer


@pytest.mark.parametrize(("code", "instructed", "case"), list(_recorded()))
def test_a_recorded_reply_means_what_its_case_says(
    registry: Registry, code: str, instructed: dict[str, object], case: dict[str, object]
) -> None:
    fields = {**instructed, **{name: case[name] for name in ("key", "membership") if name in case}}
    fields["amount"] = case.get("amount_instructed", fields["amount"])
    instruction = Instruction(**fields)  # type: ignore[arg-type]
    body = (_folder(code) / str(case["file"])).read_bytes()

    with _answering(int(str(case["status"])), body, str(case["content_type"]), {}):
        answer = _ask(_adapter(registry, code), Verb(str(case["verb"])), instruction, "")

    outcome = _outcome(answer)
    match case["outcome"]:
        case "done":
            expected = (case["reference"], case.get("surviving", ""), case.get("balance"), case.get("amount"))
            assert isinstance(outcome, Done)
            assert (outcome.reference, outcome.membership, outcome.balance, outcome.amount) == expected
        case "refused":
            assert isinstance(outcome, Refused)
            assert (outcome.reason, outcome.said) == (case["reason"], case["said"])
        case _:
            assert isinstance(outcome, Unknown)
            assert str(case["why"]) in outcome.why
            assert (outcome.not_found, outcome.pending) == (case.get("not_found", False), case.get("pending", False))
    if isinstance(answer, MemberValidation):
        assert answer.name == case.get("member_name", "")
    if isinstance(answer, MemberBalance):
        assert answer.amount == case.get("points")
