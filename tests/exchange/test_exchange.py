"""A conversion travels in files: there, back, refused, repeated, and wherever the hub dies."""

import os
from datetime import timedelta

import pytest

from hub import ledger
from hub.conversion.states import ConversionState
from hub.kernel.clock import ManualClock
from partners.base import Done, Member, MemberValidation, Reason, Refused, Unknown
from partners.files.faults import FileFault
from partners.sandbox.books import MemberStatus, SimulatedMember
from tests.exchange.conftest import Making
from tests.exchange.world import BRAND, SHOP, FileWorld
from tests.legs.fakes import Crash


def test_points_arrive_at_a_partner_of_files_and_leave_it_again(files: FileWorld) -> None:
    member = files.world.member()
    there = files.world.convert(10_000, source="aerojet", target=SHOP, member=member)
    back = files.world.convert(1_000, source=SHOP, target="northbank", member=member)

    files.settle(there, back)

    assert [files.world.state(one) for one in (there, back)] == [ConversionState.POSTED] * 2
    assert {one.state.value for one in files.sent()} == {"answered"}
    assert [(one.state.value, one.rejected) for one in files.arrivals()] == [("done", 0)] * len(files.arrivals())
    assert len(files.sent("receipts")) == len(files.arrivals())
    assert files.world.cases() == []
    files.require_books_agree()


def test_what_the_shop_refuses_is_given_back_at_the_source(files: FileWorld) -> None:
    member = files.world.member()
    files.shop.books.open_members([SimulatedMember("st1", status=MemberStatus.CLOSED)])
    conversion = files.world.convert(10_000, source="aerojet", target=SHOP, member=member)

    files.settle(conversion)

    assert files.world.get(conversion).state is ConversionState.VOIDED
    assert files.world.get(conversion).reason == "member_closed"
    assert files.partners["aerojet"].total() == 0
    files.require_books_agree()


def test_an_answer_with_another_amount_or_member_goes_to_a_person(files: FileWorld) -> None:
    first, second = (files.world.convert(10_000, source="aerojet", target=SHOP) for _ in range(2))
    files.turn()
    files.turn()
    files.shop._read_instructions()
    [answer] = files.shop._answers.values()
    answer.rows[0]["amount"] = 3_999
    answer.rows[1]["membership"] = "st39"
    answer.name, answer.content = files.shop._written(
        files.shop._files.answers, 1, 1, answer.rows, result="accepted", reason=""
    )

    files.shop.turn()
    files.turn()

    kinds = sorted(kind for _, kind in files.world.cases())
    assert kinds == ["by_hand", "file_record", "file_record"]
    assert {files.world.state(one) for one in (first, second)} == {ConversionState.DEBITED}


def test_an_answer_against_what_was_proven_before_is_a_case_and_changes_nothing(files: FileWorld) -> None:
    conversion = files.world.convert(10_000, source="aerojet", target=SHOP)
    files.turn()
    with files.database.work() as work:
        [(leg,)] = work.fetch("SELECT leg FROM file_line")
        ledger.enter(work)
        told = files.world.legs.prove(work, leg, Refused(Reason.MEMBER_CLOSED), "a list", now=files.clock.now())
        files.world.conversions.settle_legs(work, [told], now=files.clock.now())

    files.settle(conversion)

    assert files.world.state(conversion) is ConversionState.VOIDED
    assert sorted(kind for _, kind in files.world.cases()) == ["contradiction", "file_record"]
    assert [one.rejected for one in files.arrivals()] == [1]


def test_files_are_cut_at_the_hour_agreed_on_and_not_before(files: FileWorld, clock: ManualClock) -> None:
    files.turn(at_once=False)
    files.world.convert(10_000, source="aerojet", target=SHOP)

    assert files.turn(at_once=False).delivered == ()
    clock.advance(timedelta(hours=12))  # 21:00 UTC is 22:00 in London
    assert files.turn(at_once=False).delivered == ("CSHI000001.TXT",)
    files.world.convert(10_000, source="aerojet", target=SHOP)
    assert files.turn(at_once=False).delivered == ()


@pytest.mark.parametrize("fault", [FileFault.REFUSING, FileFault.UNKNOWN_WORD, FileFault.STRANGER, FileFault.MISSING])
def test_what_goes_wrong_is_mended_by_another_file(making: Making, fault: FileFault) -> None:
    files = making(fault)
    conversion = files.world.convert(10_000, source="aerojet", target=SHOP)

    files.settle(conversion)

    assert files.world.state(conversion) is ConversionState.POSTED
    files.require_books_agree()


def test_a_missing_answer_is_a_case_until_it_comes(files: FileWorld, clock: ManualClock) -> None:
    conversion = files.world.convert(10_000, source="aerojet", target=SHOP)
    files.turn()
    files.turn()
    clock.advance(timedelta(hours=49))

    files.turn()
    [sent] = files.sent()
    assert (sent.id, "late") in files.world.cases()
    files.settle(conversion)

    assert (sent.id, "late") not in files.world.cases()


def test_wherever_the_hub_dies_the_same_bytes_go_out_and_nothing_counts_twice(files: FileWorld) -> None:
    member = files.world.member()
    conversions = [files.world.convert(5_000, source="aerojet", target=SHOP, member=member)]
    died, names = set(), []

    def dying(step: str) -> None:
        what = step.split(" ")[0]
        if step not in died:
            died.add(step)
            names.append(what)
            raise Crash

    for _ in range(40):
        files.world.run()
        try:
            files.exchange(dying).run(SHOP, at_once=True)
        except Crash:
            continue
        files.shop.turn()
        if all(files.world.state(one) is ConversionState.POSTED for one in conversions) and files.sent("receipts"):
            break

    assert {"wrote", "kept", "delivered", "handed", "fetched", "took", "spooled", "removed", "judged", "applied"} <= {
        *names
    }
    assert files.world.state(conversions[0]) is ConversionState.POSTED
    assert [(one.sequence, one.state.value) for one in files.sent()] == [(1, "answered")]
    assert [one.state.value for one in files.arrivals()].count("done") == 1
    files.require_books_agree()


def test_copies_of_files_are_kept_for_as_long_as_anybody_may_ask(files: FileWorld) -> None:
    conversion = files.world.convert(10_000, source="aerojet", target=SHOP)
    files.settle(conversion)
    [copy] = (files.folder / ".spool" / SHOP).glob("fin_*")
    arrived = files.clock.now()
    os.utime(copy, (arrived.timestamp(), arrived.timestamp()))

    early = files.exchange().forget(arrived + timedelta(days=89))
    late = files.exchange().forget(arrived + timedelta(days=91))

    assert (early, late) == (0, 1)
    assert not copy.exists()


def test_the_adapter_says_what_the_file_room_knows(files: FileWorld) -> None:
    conversion = files.world.convert(10_000, source="aerojet", target=SHOP)
    files.world.run()
    with files.database.read() as work:
        [(key,)] = work.fetch("SELECT id FROM leg WHERE partner = %s", (SHOP,))
    before = files.adapter.inquire(key)
    files.turn()
    sent = files.adapter.inquire(key)
    files.settle(conversion)
    after = files.adapter.inquire(key)

    assert before == Unknown("goes out in the next file", pending=True)
    assert sent == Unknown("in file 1, no answer yet", pending=True)
    assert isinstance(after, Done)
    assert after.amount == 4_000


def test_a_number_is_judged_by_its_shape_and_check_digit(files: FileWorld) -> None:
    good = files.adapter.validate_member(Member(BRAND.member.example))
    bad = files.adapter.validate_member(Member("CS1000000009"))

    assert isinstance(good.outcome, Done)
    assert bad == MemberValidation(Refused(Reason.MEMBER_UNKNOWN, "not a number of this brand"))
