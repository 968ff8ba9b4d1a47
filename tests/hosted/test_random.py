"""Ten thousand random steps: lots are always what a plain model says, and their fold is the ledger's balance."""

import os
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest

from hub import chart, outbox
from hub.conversion.states import ConversionState
from hub.conversion.types import Acceptance, Cancellation, Conversion, ReversalRequest
from hub.hosted.types import PointsKind, PointsPosted, PointsRequest
from hub.kernel.clock import ManualClock
from hub.kernel.errors import HubError
from hub.legs.service import LEG_DUE, LEG_HOSTED
from hub.outbox import QUEUES
from hub.storage import Database
from hub.worker.handlers import Answered, HostedLegHandler, LegHandler
from partners.base import Reason, Refused
from tests.conversion.world import World, unit_of
from tests.hosted.model import Given, Pocket, Taken, remove, reserve
from tests.hosted.support import rules

UNIT = unit_of("staywell")
STEPS = int(os.environ.get("HUB_TEST_HOSTED_STEPS", "10000"))
MEMBERS = 60
VERIFY_EVERY_ROUNDS = 40


@dataclass
class Moved:
    """A posting of the programme's own client that may be undone. gave: what left; brought: a key of what came."""

    member: str
    id: str
    amount: int
    undone: int = 0
    gave: Given | None = None
    brought: str = ""


@dataclass
class Trip:
    """A conversion. outward: from the programme. brings: the key under which points arrive. reserved: what it set
    apart. parts: each reversal with what it takes back and restores.
    """

    member: str
    conversion: Conversion
    outward: bool
    brings: str
    refuse: str = ""
    reserved: Taken = field(default_factory=list)
    given: Given | None = None
    undoes: "Trip | None" = None
    parts: list[tuple["Trip", int, int]] = field(default_factory=list)


class Fuzz:
    """Random steps on real services, and the same on the model."""

    def __init__(self, world: World, clock: ManualClock, seed: int) -> None:
        self.world, self.clock = world, clock
        self.draw = random.Random(seed)
        self.members = [world.member() for _ in range(MEMBERS)]
        self.numbers = {member: world.kept_at(member, "staywell").number for member in self.members}
        self.receivers = set(self.members[: MEMBERS // 2])
        self.pockets = {member: Pocket() for member in self.members}
        self.moved: list[Moved] = []
        self.trips: list[Trip] = []
        self.open: list[Trip] = []
        self.did: Counter[str] = Counter()
        self.keys = 0

    @property
    def steps(self) -> int:
        return sum(self.did.values())

    def round(self) -> None:
        """Some steps of each kind, each member in at most one; then, mostly, the worker's and the clock's turn."""
        busy = {trip.member for trip in self.open}
        free = [member for member in self.members if member not in busy]
        self.draw.shuffle(free)
        self._points([free.pop() for _ in range(min(18, len(free)))])
        self._later(seconds=1)
        self._convert([free.pop() for _ in range(min(14, len(free)))])
        self._take_back(set(free))
        self._later(seconds=1)
        self._cancel()
        if self.draw.random() < 0.8:
            self._work()
        self._later(days=self.draw.randrange(12), hours=self.draw.randrange(24))
        if self.draw.random() < 0.4:
            self._lapse()
        self._compare()

    def finish(self) -> None:
        """Let everything that is under way end."""
        self._work()
        self._compare()

    def _later(self, **time: int) -> None:
        self.clock.advance(timedelta(**time))

    def _key(self) -> str:
        self.keys += 1
        return self.world.key(f"step {self.keys}")

    def _points(self, members: list[str]) -> None:
        """What a programme's own client does, in one batch."""
        asked: list[tuple[PointsRequest, Callable[[PointsPosted], None], bool]] = []
        now = self.clock.now()
        while members:
            member = members.pop()
            pocket = self.pockets[member]
            kind = self.draw.choices(
                ["earn", "spend", "adjust_up", "adjust_down", "transfer", "reverse"], [40, 20, 5, 5, 10, 20]
            )[0]
            if kind == "reverse":
                asked += self._undo_posting(member)
                continue
            amount = self.draw.randrange(1, 900)
            other = self._receiver(member, members) if kind == "transfer" else ""
            if kind == "transfer" and not other:
                continue
            key = self._key()
            number, to = self.numbers[member], self.numbers.get(other, "")
            request = PointsRequest(key, UNIT, PointsKind(kind), number, amount, to)
            if kind in ("earn", "adjust_up"):
                asked.append((request, self._bring(member, key, amount, now, undoable=kind == "earn"), True))
                continue
            taken = pocket.choose(amount, now)
            asked.append((request, self._leave(member, other, key, taken or [], now), taken is not None))
        with self.world.database.work() as work:
            answers = self.world.hosted.post(work, [one for one, _, _ in asked], now=now)
        for (request, then, granted), answer in zip(asked, answers, strict=True):
            self.did[f"{request.kind}{'' if granted else ' refused'}"] += 1
            assert isinstance(answer, PointsPosted) == granted, (request, answer)
            if isinstance(answer, PointsPosted):
                then(answer)

    def _receiver(self, member: str, members: list[str]) -> str:
        """To whom points are given. One half gives and the other receives, since which of two lots with the very same
        dates goes first is promised to nobody; and it is no longer free for anything else.
        """
        able = [one for one in members if one in self.receivers] if member not in self.receivers else []
        if able:
            members.remove(able[0])
        return able[0] if able else ""

    def _bring(
        self, member: str, key: str, amount: int, now: datetime, *, undoable: bool
    ) -> Callable[[PointsPosted], None]:
        def then(answer: PointsPosted) -> None:
            self.pockets[member].bring(f"hosted:{key}", amount, now)
            if undoable:
                self.moved.append(Moved(member, answer.id, amount, brought=f"hosted:{key}"))

        return then

    def _leave(self, member: str, other: str, key: str, taken: Taken, now: datetime) -> Callable[[PointsPosted], None]:
        def then(answer: PointsPosted) -> None:
            remove(taken)
            for pile, part in taken if other else []:
                self.pockets[other].bring(f"hosted:{key}", part, pile.earned, pile.lapses)
            if not other:
                self.moved.append(Moved(member, answer.id, answer.amount, gave=Given(taken)))

        return then

    def _undo_posting(self, member: str) -> list[tuple[PointsRequest, Callable[[PointsPosted], None], bool]]:
        mine = [one for one in self.moved if one.member == member and one.undone < one.amount]
        if not mine:
            return []
        one = self.draw.choice(mine)
        rest = one.amount - one.undone
        amount = rest if self.draw.random() < 0.4 else self.draw.randrange(1, rest + 3)
        request = PointsRequest(self._key(), UNIT, PointsKind.REVERSE, self.numbers[member], amount, of=one.id)
        now = self.clock.now()
        taken = self.pockets[member].choose(amount, now, one.brought) if one.brought else []
        granted = amount <= rest and taken is not None

        def then(_: PointsPosted) -> None:
            one.undone += amount
            remove(taken or [])
            if one.gave is not None:
                one.gave.come_back(amount)

        return [(request, then, granted)]

    def _convert(self, members: list[str]) -> None:
        """New conversions out of the programme and into it, in one batch."""
        wanted: list[tuple[Acceptance, str, bool, Taken | None]] = []
        now = self.clock.now()
        for member in members:
            outward, amount = self.draw.random() < 0.6, self.draw.randrange(5, 1_500)
            ends = ("staywell", "aerojet") if outward else ("aerojet", "staywell")
            request = self.world.request(member, amount, source=ends[0], target=ends[1])
            leaves = amount  # at 5:2 fewer leave where fewer are enough
            while outward and leaves > 1 and (leaves - 1) * 2 // 5 == amount * 2 // 5:
                leaves -= 1
            taken = self.pockets[member].choose(leaves, now) if outward else []
            wanted.append((request, member, outward, taken))
        answers = self.world.accept(*(one for one, *_ in wanted))
        for (request, member, outward, taken), answer in zip(wanted, answers, strict=True):
            self.did[f"convert {'out' if outward else 'in'}{'' if taken is not None else ' refused'}"] += 1
            assert isinstance(answer, Conversion) == (taken is not None), answer
            if isinstance(answer, Conversion) and taken is not None:
                assert not outward or sum(part for _, part in taken) == answer.source_amount
                reserve(taken)
                self._begun(Trip(member, answer, outward, f"cnv:{request.key}:p", reserved=taken))

    def _take_back(self, members: set[str]) -> None:
        """Parts of posted conversions are taken back, one for a member, in one batch."""
        wanted: list[tuple[ReversalRequest, Trip, int, Taken | None]] = []
        now = self.clock.now()
        for trip in self.draw.sample(self.trips, len(self.trips)):
            rest = trip.conversion.target_amount - sum(amount for _, amount, _ in trip.parts)
            if trip.member not in members or rest < 1 or len(wanted) == 8:
                continue
            members.remove(trip.member)
            amount = rest if self.draw.random() < 0.4 else self.draw.randrange(1, rest + 1)
            if trip.outward and not self._restored(trip, amount):
                continue
            taken = [] if trip.outward else self.pockets[trip.member].choose(amount, now, trip.brings)
            request = ReversalRequest(self._key(), trip.conversion.id, amount, "", live=False)
            wanted.append((request, trip, amount, taken))
        with self.world.database.work() as work:
            answers = self.world.conversions.reverse(work, [one for one, *_ in wanted], now=now)
        for (request, trip, amount, taken), answer in zip(wanted, answers, strict=True):
            self.did[f"reverse {'out' if trip.outward else 'in'}{'' if taken is not None else ' refused'}"] += 1
            assert isinstance(answer, Conversion) == (taken is not None), answer
            if isinstance(answer, Conversion) and taken is not None:
                reserve(taken)
                brings = f"cnv:{request.key}:p"
                back = Trip(trip.member, answer, not trip.outward, brings, reserved=taken, undoes=trip)
                trip.parts.append((back, amount, self._restored(trip, amount)))
                self._begun(back)

    def _restored(self, trip: Trip, amount: int) -> int:
        """How much of the source the next part gives back, by the original's rate and all parts together."""
        taken = sum(part for _, part, _ in trip.parts) + amount
        before = sum(restored for _, _, restored in trip.parts)
        whole = trip.conversion
        return max(0, whole.source_amount * taken // whole.target_amount - before)

    def _begun(self, trip: Trip) -> None:
        if self.draw.random() < 0.25:
            trip.refuse = self.draw.choice(["debit", "credit"])
        self.open.append(trip)

    def _cancel(self) -> None:
        """A few that were not sent yet are called off."""
        chosen = [trip for trip in self.open if self.draw.random() < 0.08]
        with self.world.database.work() as work:
            asked = [Cancellation(trip.conversion.id, "", live=False) for trip in chosen]
            answers = self.world.conversions.cancel(work, asked, now=self.clock.now())
        for trip, answer in zip(chosen, answers, strict=True):
            assert not isinstance(answer, HubError), answer
            self.did["cancel"] += 1
            self._ended(trip, ConversionState.VOIDED, debited=False)

    def _work(self) -> None:
        """Legs are carried out, many in a transaction, until nothing is due; then the model follows what came of it."""
        while self._legs():
            self._later(seconds=1)
        with self.world.database.read() as work:
            found = work.fetch(
                "SELECT id, state, posted_at FROM conversion WHERE id = ANY(%s::text[])",
                ([trip.conversion.id for trip in self.open],),
            )
        ends = {id_: (ConversionState(state), at) for id_, state, at in found}
        for trip in list(self.open):
            state, at = ends[trip.conversion.id]
            refused = trip.refuse == ("credit" if trip.outward else "debit")
            assert state is (ConversionState.VOIDED if refused else ConversionState.POSTED)
            self._ended(trip, state, debited=trip.outward or not refused, at=at)

    def _legs(self) -> int:
        world, now = self.world, self.clock.now()
        self._prepare_refusals()
        with world.database.work() as work:
            due = outbox.claim(work, queues=QUEUES, rows_max=500, lane_max=500, lease_seconds=600, now=now)
        remote = [one for one in due if one.kind == LEG_DUE]
        kept = [one for one in due if one.kind == LEG_HOSTED]
        legs, hosted = world.handlers[LEG_DUE], world.handlers[LEG_HOSTED]
        assert isinstance(legs, LegHandler)
        assert isinstance(hosted, HostedLegHandler)
        with world.database.work() as work:
            steps = legs.begin(work, remote)
        answered = [
            Answered(one, world.legs.perform(step))  # type: ignore[arg-type]
            for one, step in zip(remote, steps, strict=True)
            if step is not None
        ]
        with world.database.work() as work:
            legs.finish(work, answered)
        with world.database.work() as work:
            hosted.settle(work, kept)
            work.run("DELETE FROM outbox_message WHERE kind = 'event.announced'")
        return len(remote) + len(kept)

    def _prepare_refusals(self) -> None:
        refusing = {trip.conversion.id: trip.refuse for trip in self.open if trip.refuse}
        with self.world.database.read() as work:
            legs = work.fetch(
                "SELECT id, owner, role FROM leg WHERE state = 'open' AND NOT hosted AND owner = ANY(%s::text[])",
                (list(refusing),),
            )
        for leg, owner, role in legs:
            if refusing[owner] == role:
                self.world.partners["aerojet"].answers[leg] = Refused(Reason.LIMIT_REACHED)

    def _ended(self, trip: Trip, state: ConversionState, *, debited: bool, at: datetime | None = None) -> None:
        """What the end of a conversion does to the member's piles. at: when it posted."""
        self.open.remove(trip)
        posted = state is ConversionState.POSTED
        if trip.outward:
            reserve(trip.reserved, -1)
            if debited:
                remove(trip.reserved)
                trip.given = Given(trip.reserved)
            if debited and not posted:
                trip.given.come_back(trip.conversion.source_amount)  # type: ignore[union-attr]
        elif posted and trip.undoes is not None:
            assert trip.undoes.given is not None
            trip.undoes.given.come_back(trip.conversion.target_amount)
        elif posted:
            assert at is not None
            self.pockets[trip.member].bring(trip.brings, trip.conversion.target_amount, at)
        if trip.undoes is not None and not posted:
            trip.undoes.parts = [part for part in trip.undoes.parts if part[0] is not trip]
        if posted and trip.undoes is None and trip.conversion.target_amount:
            self.trips.append(trip)

    def _lapse(self) -> None:
        now, points = self.clock.now(), 0
        while True:
            with self.world.database.work() as work:
                done = self.world.hosted.lapse_due(work, now=now, limit=50)
            if not done.found:
                break
            points += done.points
            self.did["lapse"] += 1
        assert points == sum(pocket.lapse(now) for pocket in self.pockets.values())

    def _compare(self) -> None:
        """Every lot of every member is what the model says, and the lots of each add up to its balance."""
        with self.world.database.read() as work:
            rows = work.fetch("SELECT number, expires_at, earned_at, amount, remaining, held FROM hosted_lot")
            balances = work.fetch(
                "SELECT a.code, b.posted, b.held FROM ledger_account a JOIN ledger_balance b ON b.account = a.id "
                "WHERE a.code LIKE 'member:%%'"
            )
        found: dict[str, list[tuple[datetime, datetime, int, int, int]]] = {one: [] for one in self.numbers.values()}
        for number, *rest in rows:
            found[number].append(tuple(rest))
        booked = {code: (posted, held) for code, posted, held in balances}
        for member, number in self.numbers.items():
            lots = sorted(found[number])
            assert lots == self.pockets[member].rows(), member
            sums = (sum(one[3] for one in lots), sum(one[4] for one in lots))
            assert booked[chart.member(UNIT, number)] == sums


@pytest.mark.timeout(1_800)
def test_lots_are_what_a_plain_model_says_after_ten_thousand_random_steps(
    database: Database, clock: ManualClock
) -> None:
    world = World(database, clock, hosted={"staywell": rules()}, cap="1000000000")
    fuzz = Fuzz(world, clock, seed=20_260_406)
    rounds = 0

    while fuzz.steps < STEPS:
        fuzz.round()
        rounds += 1
        if rounds % VERIFY_EVERY_ROUNDS == 0:
            assert world.differences() == []
    fuzz.finish()

    kinds = {"earn", "spend", "transfer", "reverse", "convert out", "convert in", "reverse out", "reverse in", "cancel"}
    refusals = {"spend refused", "convert out refused", "reverse in refused"}
    assert all(fuzz.did[kind] >= STEPS // 500 for kind in kinds), fuzz.did
    assert all(fuzz.did[kind] for kind in refusals), fuzz.did
    assert fuzz.did["lapse"] >= STEPS // 500
    world.require_nothing_under_way()
    world.require_books_agree()
