"""A brand is its folder: added from a template, or by a profile alone, it converts, and every book agrees after."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from hub.config import read_settings
from hub.conversion.states import ConversionState
from hub.conversion.types import Conversion
from hub.storage import Database
from hub.trials.brands import (
    End,
    accept,
    counterpart,
    end_of,
    exchanging,
    linked_member,
    reckon,
    set_up,
    simulated,
    try_ends,
    work_until_ended,
)
from hub.wiring import Hub, build_hub, sandbox_credentials
from hub.worker.direct import next_instant
from partners.files.faults import FileFault, in_order
from partners.sandbox.bench import MEMBER_NAME, TrialClock
from partners.sandbox.books import MemberStatus, SimulatedMember
from partners.sandbox.faults import Echo, Fault, FaultKind, FaultPlan
from partners.sandbox.server import RunningSimulator, serve
from partners.templates import TemplateKind, copy_template
from tests.partners.conftest import TEMPLATE_CODE
from tests.partners.mistakes import TEN, planted


@contextmanager
def opened(database: Database, folder: Path, clock: TrialClock) -> Iterator[Hub]:
    """A hub that was told of one further folder of brands, by its setting and by nothing else."""
    environment = {"HUB_DATA_DIR": str(folder / "data"), "HUB_PARTNERS_DIR": str(folder / "brands")}
    (folder / "brands").mkdir(exist_ok=True)
    hub = build_hub(read_settings(environment), database, clock)
    try:
        yield hub
    finally:
        hub.registry.close()
        hub.locks.close()


@contextmanager
def played(hub: Hub, ends: tuple[End, End], clock: TrialClock) -> Iterator[RunningSimulator]:
    """Both ends' simulators, in which nothing goes wrong by itself."""
    credentials = sandbox_credentials(hub.settings)
    partners = [simulated(hub.registry, end, credentials) for end in ends]
    with serve("127.0.0.1", 0, partners, FaultPlan(magic=False, slow_ms=5), clock) as simulator:
        yield simulator


def forward(hub: Hub, clock: TrialClock) -> None:
    """Nothing is due: the time is put forward to when something will be."""
    instant = next_instant(hub.database)
    if instant is not None:
        clock.put_forward(max(instant - hub.clock.now(), timedelta(milliseconds=1)))


@pytest.mark.parametrize("kind", [TemplateKind.REST, TemplateKind.DECLARATIVE])
def test_a_brand_from_a_template_converts_without_any_other_change(
    database: Database, tmp_path: Path, kind: TemplateKind
) -> None:
    copy_template(kind, "newcomer", tmp_path / "brands")
    clock = TrialClock()

    with opened(database, tmp_path, clock) as hub:
        ends = (end_of(hub.registry.profile("newcomer")), counterpart(hub.registry))
        with played(hub, ends, clock) as simulator:
            found = try_ends(hub, simulator, ends, conversions=4, wait=lambda: forward(hub, clock))

    assert [one.state for one in found.conversions] == [ConversionState.POSTED] * 4
    assert {one.source_unit for one in found.conversions} == {"newcomer.point", "counterpart.point"}
    assert found.ok, found


def test_cashback_becomes_points_at_a_partner_of_files_and_comes_back(database: Database, tmp_path: Path) -> None:
    clock = TrialClock()
    faults = in_order(FileFault.TRUNCATED, FileFault.MISSING, FileFault.UNKNOWN_WORD, FileFault.REPEATED)

    with opened(database, tmp_path, clock) as hub:
        ends = (end_of(hub.registry.profile("northbank")), end_of(hub.registry.profile("corner_shop")))
        with played(hub, ends, clock) as simulator:
            exchange = exchanging(hub, simulator, ends[1], faults)

            def night() -> None:
                exchange()
                forward(hub, clock)

            found = try_ends(hub, simulator, ends, conversions=4, wait=night)

    assert [one.state for one in found.conversions] == [ConversionState.POSTED] * 4
    assert {one.source_unit for one in found.conversions} == {"northbank.cashback", "corner_shop.point"}
    assert found.ok, found


def _pairs() -> list[tuple[str, str]]:
    """Each brand that is called is once a source and once a target."""
    codes = ["aerojet", "staywell", "northbank", "greenroots", "sandbox"]
    return list(zip(codes, [*codes[1:], codes[0]], strict=True))


# Whatever may happen to one call, reading or moving; None for nothing.
_FAULTS: tuple[Fault | None, ...] = (
    None,
    *(Fault(kind, coin=coin) for kind in FaultKind for coin in (False, True)),
    Fault(FaultKind.WRONG_ECHO, coin=False, echo=Echo.MEMBERSHIP),
)
_SEQUENCES = 8
_LONGEST = 9


@pytest.mark.parametrize(("source", "target"), _pairs())
def test_whatever_goes_wrong_both_partners_balances_end_as_the_ledger_says(
    database: Database, tmp_path: Path, source: str, target: str
) -> None:
    draw, clock = random.Random(f"{source}-{target}"), TrialClock()

    with opened(database, tmp_path, clock) as hub:
        ends = (end_of(hub.registry.profile(source)), end_of(hub.registry.profile(target)))
        with played(hub, ends, clock) as simulator:
            set_up(hub, simulator, ends)
            members = [linked_member(hub, ends, number) for number in (100, 101)]
            # The second member's account at the target is closed after it was linked: its points must come back.
            closed = ends[1].profile.member.numbered(101)
            simulator.books(target).open_members([SimulatedMember(closed, MEMBER_NAME, MemberStatus.CLOSED)])
            made = []
            for number in range(_SEQUENCES):
                told = {end.code: _sequence(draw) for end in ends}
                made.append(accept(hub, members[number % 4 == 3], *ends, number=number))
                for code, sequence in told.items():
                    simulator.strike(code, *sequence)
                work_until_ended(hub, made[-1:], lambda: forward(hub, clock))
                found = reckon(hub, simulator, ends, made[-1:])
                assert found.ok, (number, told, found)
            _require_each_moved_as_it_ended(simulator, ends, reckon(hub, simulator, ends, made).conversions)


def test_an_adapter_that_takes_silence_for_a_yes_is_found_out_by_the_books(database: Database, tmp_path: Path) -> None:
    (tmp_path / "brands").mkdir()
    planted(tmp_path / "brands", TEN["timeout read as Done"])
    clock = TrialClock()

    with opened(database, tmp_path, clock) as hub:
        ends = (end_of(hub.registry.profile(TEMPLATE_CODE)), counterpart(hub.registry))
        with played(hub, ends, clock) as simulator:
            set_up(hub, simulator, ends)
            made = [accept(hub, linked_member(hub, ends, 100), *ends, number=1)]
            simulator.strike(TEMPLATE_CODE, Fault(FaultKind.TIMEOUT_BEFORE, coin=False))
            work_until_ended(hub, made, lambda: forward(hub, clock))
            found = reckon(hub, simulator, ends, made)

    assert found.disagreements == ("your_brand.point: members +0, ledger -601",)
    assert not found.ok


def _sequence(draw: random.Random) -> list[Fault | None]:
    return [draw.choice(_FAULTS) for _ in range(draw.randrange(_LONGEST))]


def _require_each_moved_as_it_ended(
    simulator: RunningSimulator, ends: tuple[End, End], conversions: tuple[Conversion, ...]
) -> None:
    """The sums that members lost and won are those of the conversions that were posted, at either end."""
    posted = [one for one in conversions if one.state is ConversionState.POSTED]
    moved = [sum(amount for _, _, _, amount in simulator.books(end.code).journal()) for end in ends]
    assert moved == [
        -sum(one.source_amount for one in posted),
        sum(one.target_amount for one in posted),
    ]
