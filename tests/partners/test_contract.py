"""Every brand folder keeps the family's contract: over real HTTP, on recorded replies, and on bad ones."""

import re
import tomllib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import responses

from hub.kernel.clock import SystemClock
from hub.kernel.limits import PARTNER_REPLY_BYTES_MAX
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
from partners.conformance import CHECKS, run_all
from partners.memory import MemoryBreaker, MemoryTokenStore
from partners.registry import BRANDS_FOLDER, Registry
from partners.sandbox.bench import Bench, on_trial
from partners.sandbox.oauth import Credentials
from tests.partners.conftest import CODES, TEMPLATE_CODE, copy_of_template

BASE, TOKENS = "https://partner.example/base", "https://partner.example/token"
CREDENTIALS = Credentials.fresh("hub")


@pytest.mark.parametrize("check", list(CHECKS))
def test_a_brand_passes(bench: Bench, check: str) -> None:
    CHECKS[check](bench)


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


BAD_REPLIES = {
    "server error": (500, b"<html>oops</html>", "text/html"),
    "maintenance": (503, b"", "text/plain"),
    "forbidden": (403, b"{}", "application/json"),
    "redirect": (302, b"", "text/plain"),
    "unauthorized twice": (401, b"{}", "application/json"),
    "nothing in 200": (200, b"", "application/json"),
    "garbage": (200, b"\xff\xfe{]", "application/json"),
    "array": (200, b"[]", "application/json"),
    "deep": (200, b"[" * 100_000, "application/json"),
    "not a number": (200, b'{"status": NaN}', "application/json"),
    "html in 200": (200, b"<html><body>Welcome</body></html>", "text/html"),
    "entities": (200, b'<!DOCTYPE a [<!ENTITY b "c">]><Response>&b;</Response>', "application/xml"),
    "oversize": (200, b" " * (PARTNER_REPLY_BYTES_MAX + 1) + b"{}", "application/json"),
    "bare refusal": (422, b"{}", "application/json"),
    "bare 404": (404, b"not here", "text/plain"),
    "gone": (410, b"{}", "application/json"),
}


@pytest.mark.parametrize("bad", list(BAD_REPLIES))
@pytest.mark.parametrize("code", CODES)
def test_a_bad_reply_proves_nothing(registry: Registry, code: str, bad: str) -> None:
    profile = registry.profile(code)
    unit = profile.units[0]
    instruction = Instruction("k-1", profile.member.numbered(100), unit.code, 600, unit.scale)
    status, body, content_type = BAD_REPLIES[bad]

    with _answering(status, body, content_type, {"location": "https://elsewhere.example/"}):
        adapter = _adapter(registry, code)
        outcomes = [_outcome(_ask(adapter, verb, instruction, "Ada")) for verb in profile.capabilities.verbs]

    assert [type(outcome) for outcome in outcomes] == [Unknown] * len(outcomes)
    assert not any(isinstance(outcome, Unknown) and (outcome.not_found or outcome.pending) for outcome in outcomes)


@pytest.mark.parametrize("code", CODES)
def test_a_partner_that_asks_for_patience_is_heard(registry: Registry, code: str) -> None:
    profile = registry.profile(code)
    unit = profile.units[0]
    instruction = Instruction("k-1", profile.member.numbered(100), unit.code, 600, unit.scale)

    with _answering(429, b"{}", "application/json", {"retry-after": "17"}):
        outcome = _adapter(registry, code).debit(instruction)

    assert isinstance(outcome, Unknown)
    assert outcome.retry_after_seconds == 17


# One thing wrong in a copy of the template -> the checks that must notice.
BROKEN = {
    "a refusal is taken without its word": (
        ('    if status == "refused" and said in REASONS:\n        return Refused(REASONS[said], said)\n', ""),
        "too_little_is_refused_for_good",
    ),
    "the echo is not compared": (
        ("or echo is None else echo", "or True else echo"),
        "the_fault_wrong_echo_is_survived",
    ),
    "every 200 is a yes": (
        ('status in ("done", "already_done") and reference:', "True:"),
        "the_fault_unknown_word_is_survived",
    ),
    "silence is a no": (
        (
            "        if isinstance(reply, Unknown):\n            return reply\n        document = json_of(reply)\n"
            "        if document is None:\n            return unreadable(reply)\n",
            "        if isinstance(reply, Unknown):\n            return Refused(Reason.PROGRAMME_CLOSED)\n"
            "        document = json_of(reply)\n"
            "        if document is None:\n            return unreadable(reply)\n",
        ),
        "the_fault_timeout_after_is_survived",
    ),
    "not found is a no": (
        ('return Unknown("key not found", not_found=True)', "return Refused(Reason.MEMBER_UNKNOWN)"),
        "an_unheard_key_is_not_found",
    ),
    "a verb is not written": (
        ("    def balance(self", "    def balances(self"),
        "every_stated_verb_exists",
    ),
    "a repeat gets a key of its own": (
        ('"key": instruction.key,', '"key": __import__("secrets").token_hex(8),'),
        "the_same_key_moves_once",
    ),
    "the reference is made up": (
        ("reference=reference,", 'reference=__import__("secrets").token_hex(8),'),
        "the_same_key_moves_once",
    ),
}


@pytest.mark.parametrize("what", list(BROKEN))
def test_the_contract_notices_that(tmp_path: Path, what: str) -> None:
    (old, new), check = BROKEN[what]
    file = copy_of_template(tmp_path) / "adapter.py"
    text = file.read_text(encoding="utf-8")
    assert text.count(old) == 1
    file.write_text(text.replace(old, new), encoding="utf-8")
    registry = Registry.scan([tmp_path])

    with on_trial(registry, TEMPLATE_CODE) as bench:
        findings = run_all(bench)

    registry.close()
    assert check in [finding.check for finding in findings if not finding.passed]


def test_an_untouched_copy_of_the_template_passes_everything(tmp_path: Path) -> None:
    copy_of_template(tmp_path)
    registry = Registry.scan([tmp_path])

    with on_trial(registry, TEMPLATE_CODE) as bench:
        findings = run_all(bench)

    registry.close()
    assert [finding for finding in findings if not finding.passed] == []
    assert len(findings) == len(CHECKS)
