"""Whatever goes wrong with files: refused as a whole with a reason and no effect, and in the end every book agrees."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub.conversion.states import FINAL, ConversionState
from hub.exchange.resending import send_again
from hub.exchange.states import OutState
from hub.members.service import links
from partners.files.declaration import Resend
from partners.files.faults import FileFault, in_order
from partners.sandbox.books import MemberStatus, SimulatedMember
from tests.exchange.conftest import Making
from tests.exchange.world import FILES, SHOP, FileWorld

F = FileFault


def test_a_spoilt_file_is_refused_as_a_whole_with_a_reason_and_no_effect(making: Making) -> None:
    spoilt = (F.TRUNCATED, F.REORDERED, F.WRONG_TOTAL, F.WRONG_CHARSET, F.WRONG_TYPE, F.EMPTY)
    files = making(*spoilt)
    conversions = [files.world.convert(10_000, source="aerojet", target=SHOP) for _ in range(3)]
    files.turn()
    files.turn()

    for _ in spoilt:
        files.shop.turn()
        files.turn()
        assert {files.world.state(one) for one in conversions} == {ConversionState.DEBITED}
    files.settle(*conversions)

    reasons = [one.reason for one in files.arrivals() if one.reason]
    assert reasons == ["truncated", "reordered", "count_differs", "wrong_charset", "wrong_type", "empty_file"]
    assert [kind for _, kind in files.world.cases()] == ["file_refused"] * 6
    assert {files.world.state(one) for one in conversions} == {ConversionState.POSTED}
    files.require_books_agree()


def test_a_file_that_comes_again_or_out_of_turn_has_no_effect(making: Making) -> None:
    files = making(F.REPEATED, None, F.MISSING)
    conversions = []
    for _ in range(3):
        conversions.append(files.world.convert(10_000, source="aerojet", target=SHOP))
        files.turn()
        files.turn()
        files.shop.turn()
    files.settle(*conversions)

    assert {one.reason for one in files.arrivals()} == {"", "duplicate_file", "sequence_gap"}
    assert {files.world.state(one) for one in conversions} == {ConversionState.POSTED}
    files.require_books_agree()


def test_an_answer_to_a_file_that_was_never_sent_has_no_effect(files: FileWorld) -> None:
    files.world.convert(10_000, source="aerojet", target=SHOP)
    files.turn()
    files.turn()
    files.shop._answer(7, [], result="accepted")

    files.shop.turn()
    files.turn()

    assert [one.reason for one in files.arrivals()] == ["answers_nothing", "sequence_gap"]


def test_what_the_shop_keeps_refusing_waits_for_a_person(making: Making) -> None:
    files = making(*[F.REFUSING, None] * 3)
    conversion = files.world.convert(10_000, source="aerojet", target=SHOP)
    for _ in range(8):
        files.turn()
        files.shop.turn()
    [refused] = files.sent()
    assert (refused.state, refused.deliveries) == (OutState.REFUSED, 3)
    assert (refused.id, "file_not_taken") in files.world.cases()

    with files.database.work() as work:
        send_again(work, files.directory.file_partner(SHOP), refused.id, now=files.clock.now())
    files.settle(conversion)

    assert files.world.state(conversion) is ConversionState.POSTED
    assert files.world.cases() == []
    files.require_books_agree()


def test_where_a_refused_number_is_used_up_the_lines_go_into_the_next_file(making: Making) -> None:
    files = making(F.REFUSING)
    files.with_exchange(resend=Resend.NEW_SEQUENCE)
    conversion = files.world.convert(10_000, source="aerojet", target=SHOP)

    files.settle(conversion)

    assert [(one.sequence, one.state.value) for one in files.sent()] == [(1, "refused"), (2, "answered")]
    files.require_books_agree()


def test_more_than_one_file_holds_goes_into_several(files: FileWorld) -> None:
    files.with_exchange(records_max=2)
    conversions = [files.world.convert(10_000, source="aerojet", target=SHOP) for _ in range(5)]

    files.settle(*conversions)

    assert [one.records for one in files.sent()] == [2, 2, 1]
    files.require_books_agree()


@settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(faults=st.lists(st.none() | st.sampled_from(FileFault), max_size=12), closed=st.booleans())
def test_any_sequence_of_faults_ends_with_books_that_agree(
    files: FileWorld, faults: list[FileFault | None], closed: bool
) -> None:
    files.shop.faults, files.shop._sends = in_order(*faults), 0
    member = files.world.member("aerojet", SHOP)
    if closed:
        with files.database.read() as work:
            number = links(work, [(member, SHOP)])[member, SHOP].membership
        files.shop.books.open_members([SimulatedMember(number, status=MemberStatus.CLOSED)])
    conversions = [
        files.world.convert(5_000, source="aerojet", target=SHOP, member=member),
        files.world.convert(1_000, source=SHOP, target="aerojet", member=member),
    ]

    files.settle(*conversions, turns=60)

    assert {files.world.state(one) for one in conversions} <= FINAL
    files.require_books_agree()


def test_nothing_is_read_through_a_link(files: FileWorld) -> None:
    secret = files.folder / "secret"
    secret.write_text("not the partner's")
    (files.folder / SHOP / FILES.exchange.fetch / "CSHA000001.TXT").symlink_to(secret)

    run = files.turn()

    assert run.refused == ()
    assert files.arrivals() == []
