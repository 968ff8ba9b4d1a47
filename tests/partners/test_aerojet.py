"""Aerojet books up to a hundred credits in one call, each by itself; each keeps its own key for a repeat."""

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest

from partners.aerojet import movements
from partners.base import Done, Instruction, Outcome, Reason, Refused, Unknown
from partners.registry import BRANDS_FOLDER, Registry
from partners.sandbox.bench import NUMBER_CLOSED, NUMBER_MERGED, NUMBER_NOBODY, NUMBER_SURVIVING, Bench, on_trial
from partners.sandbox.faults import MAGIC_AMOUNTS, FaultKind
from partners.session import Reply

UNIT = "aerojet.mile"
ENDINGS = {kind: ending for ending, kind in MAGIC_AMOUNTS.items()}


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    registry = Registry.scan([BRANDS_FOLDER])
    with on_trial(registry, "aerojet") as found:
        yield found
    registry.close()


def credit(bench: Bench, key: str, amount: int = 600, *, number: int = 100) -> Instruction:
    return Instruction(key, bench.member(number), UNIT, amount)


def many(bench: Bench, stem: str, count: int) -> list[Instruction]:
    return [credit(bench, f"{stem}-{place}", 100 + place, number=100 + place % 50) for place in range(count)]


def booked(bench: Bench, instructions: list[Instruction]) -> list[list[int]]:
    return [bench.moved(one.key) for one in instructions]


@pytest.mark.parametrize("count", [0, 1, 100, 101, 250])
def test_each_of_many_is_booked_once_and_answered_in_its_place(bench: Bench, count: int) -> None:
    instructions = many(bench, f"all-{count}", count)

    outcomes = bench.adapter.credit_many(instructions)

    assert [getattr(outcome, "amount", outcome) for outcome in outcomes] == [one.amount for one in instructions]
    assert booked(bench, instructions) == [[one.amount] for one in instructions]
    assert len({outcome.reference for outcome in outcomes if isinstance(outcome, Done)}) == count


def test_one_that_is_refused_does_not_hold_up_the_others(bench: Bench) -> None:
    instructions = [
        credit(bench, "part-1"),
        credit(bench, "part-2", number=NUMBER_CLOSED),
        credit(bench, "part-3", number=NUMBER_NOBODY),
        credit(bench, "part-4", number=NUMBER_MERGED),
        credit(bench, "part-5"),
    ]

    outcomes = bench.adapter.credit_many(instructions)

    assert [type(outcome) for outcome in outcomes] == [Done, Refused, Refused, Done, Done]
    assert [getattr(outcome, "reason", "") for outcome in outcomes[1:3]] == [
        Reason.MEMBER_CLOSED,
        Reason.MEMBER_UNKNOWN,
    ]
    assert getattr(outcomes[3], "membership", "") == bench.member(NUMBER_SURVIVING)


def test_the_same_keys_again_are_answered_as_before_and_booked_once(bench: Bench) -> None:
    instructions = many(bench, "again", 30)
    first = bench.adapter.credit_many(instructions)

    again = bench.adapter.credit_many(instructions[::-1])[::-1]

    assert [getattr(outcome, "reference", outcome) for outcome in again] == [
        getattr(outcome, "reference", None) for outcome in first
    ]
    assert booked(bench, instructions) == [[one.amount] for one in instructions]


def test_a_key_used_otherwise_is_no_proof_and_the_others_are(bench: Bench) -> None:
    first = credit(bench, "used")
    bench.adapter.credit_many([first])

    outcomes = bench.adapter.credit_many([replace(first, amount=700), credit(bench, "unused")])

    assert [type(outcome) for outcome in outcomes] == [Unknown, Done]
    assert bench.moved("used") == [600]


@pytest.mark.parametrize("kind", list(FaultKind))
def test_a_fault_in_the_middle_of_many_is_survived(bench: Bench, kind: FaultKind) -> None:
    struck = credit(bench, f"struck-{kind}", 1_000 + ENDINGS[kind])
    instructions = [*many(bench, f"before-{kind}", 3), struck, *many(bench, f"after-{kind}", 3)]

    first = bench.adapter.credit_many(instructions)
    waiting = [one for one, outcome in zip(instructions, first, strict=True) if isinstance(outcome, Unknown)]
    again = bench.adapter.credit_many(waiting)

    whole_call = {
        FaultKind.TIMEOUT_BEFORE,
        FaultKind.TIMEOUT_AFTER,
        FaultKind.SERVER_ERROR_THEN_SUCCESS,
        FaultKind.SERVER_ERROR_AFTER,
        FaultKind.RATE_LIMITED,
        FaultKind.CUT_OFF,
        FaultKind.GARBAGE,
    }
    alone = {FaultKind.WRONG_ECHO, FaultKind.UNKNOWN_WORD}
    assert len(waiting) == (7 if kind in whole_call else 1 if kind in alone else 0)
    assert [type(outcome) for outcome in again] == [Done] * len(waiting)
    assert booked(bench, instructions) == [[one.amount] for one in instructions]


def test_silence_is_unknown_for_each(bench: Bench) -> None:
    outcomes = bench.unreachable.credit_many(many(bench, "silence", 3))

    assert [getattr(outcome, "called", None) for outcome in outcomes] == [False] * 3


def test_two_instructions_under_one_key_are_a_fault_of_ours(bench: Bench) -> None:
    with pytest.raises(AssertionError):
        bench.adapter.credit_many([credit(bench, "double"), credit(bench, "double", 700)])

    assert bench.moved("double") == []


def _result(key: str, **changes: object) -> dict[str, object]:
    return {
        "movementId": key,
        "state": "BOOKED",
        "recordLocator": f"AJ-{key}",
        "membershipNo": "AJ10000100",
        "miles": 600,
        **changes,
    }


A, B = (Instruction(key, "AJ10000100", UNIT, 600) for key in ("a", "b"))


@pytest.mark.parametrize(
    ("results", "why"),
    [
        ([_result("a")], "no result for this movement"),
        ([_result("a"), _result("b"), _result("b", state="REJECTED")], "two results for one movement"),
        ([_result("a"), _result("b", miles=601)], "wrong echo: amount"),
        ([_result("a"), _result("b", miles="600")], "wrong echo: amount"),
        ([_result("a"), _result("b", membershipNo="AJ10000101")], "wrong echo: membership"),
        ([_result("a"), _result("b", state="ON_STANDBY")], "http 200, unfamiliar word ON_STANDBY"),
        ([_result("a"), _result("b", recordLocator="")], "http 200, unfamiliar word BOOKED"),
        ([_result("a"), "b", None], "no result for this movement"),
    ],
)
def test_a_result_that_is_missing_doubled_or_strange_proves_nothing_for_that_one(
    results: list[object], why: str
) -> None:
    outcomes = movements.sorted_out(Reply(200, b"", {}), {"results": results}, [A, B], lambda _: "")

    assert outcomes == [Done("AJ-a", amount=600), Unknown(why)]


@pytest.mark.parametrize(
    ("status", "document"), [(200, {}), (200, {"results": {}}), (207, {"results": [_result("a")]}), (413, {})]
)
def test_an_answer_that_is_no_list_of_results_proves_nothing(status: int, document: dict[str, object]) -> None:
    outcomes: list[Outcome] = movements.sorted_out(Reply(status, json.dumps(document).encode(), {}), document, [A], str)

    assert [type(outcome) for outcome in outcomes] == [Unknown]
