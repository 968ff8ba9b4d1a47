"""The lots of some memberships while a batch decides: taken, reserved, given back, lapsed; each sees what came before.

Knows the rules of lots. Does not know rows: `store.py` reads and writes them, while the memberships are locked.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from hub.hosted.allocation import Free, allocated, given_back
from hub.hosted.errors import (
    BalanceAboveMaximum,
    InsufficientPoints,
    MembershipMissing,
    MembershipNotActive,
)
from hub.hosted.expiry import lapses_at
from hub.hosted.states import MembershipState
from hub.hosted.types import HostedProgramme, Lot, Membership, Move, MoveKind, Place
from hub.kernel.errors import HubError
from hub.kernel.ids import new_id
from partners.hosted.programme import Activity, ExpiryKind

# What to take of which lot, in order.
Allocation = Sequence[tuple[str, int]]


@dataclass(frozen=True, slots=True)
class Grant:
    """Points that come in together. expires_at: None for the programme's own rule."""

    amount: int
    earned_at: datetime
    expires_at: datetime | None = None


class LotState:
    """A lot as it is after what was decided so far. fresh: it has no row yet. changed: its row must be written."""

    __slots__ = ("changed", "expires_at", "fresh", "held", "lot", "remaining")

    def __init__(self, lot: Lot, *, fresh: bool) -> None:
        self.lot = lot
        self.expires_at = lot.expires_at
        self.remaining = lot.remaining
        self.held = lot.held
        self.fresh = fresh
        self.changed = False

    @property
    def free(self) -> int:
        """What is neither gone nor reserved."""
        return self.remaining - self.held


class MemberState:
    """A membership as it is after what was decided so far."""

    __slots__ = ("active_at", "changed", "lapses_at", "membership", "programme")

    def __init__(self, membership: Membership, programme: HostedProgramme) -> None:
        self.membership = membership
        self.programme = programme
        self.active_at = membership.active_at
        self.lapses_at = membership.lapses_at
        self.changed = False


class LotBook:
    """Lots of locked memberships, and what happened before under the keys that were looked up."""

    def __init__(
        self,
        members: Mapping[Place, MemberState],
        lots: Sequence[Lot],
        moves: Sequence[Move],
        *,
        now: datetime,
    ) -> None:
        self.members = members
        self.lots = {lot.id: LotState(lot, fresh=False) for lot in lots}
        self.now = now
        self.made: list[Move] = []
        self._places: dict[Place, list[LotState]] = {}
        self._moves: dict[str, list[Move]] = {}
        self._undone: dict[str, list[Move]] = {}
        for state in self.lots.values():
            self._places.setdefault((state.lot.unit, state.lot.number), []).append(state)
        for move in moves:
            self._keep(move)

    def knows(self, key: str) -> bool:
        """Whether anything happened under this key."""
        return key in self._moves

    def moved(self, key: str, *kinds: MoveKind) -> int:
        """How much moves of these kinds under this key changed lots, whichever way."""
        return sum(abs(move.change) for move in self._moves.get(key, ()) if move.kind in kinds)

    def undone(self, key: str, kind: MoveKind) -> int:
        """How much of what happened under this key was undone by moves of this kind."""
        return sum(abs(move.change) for move in self._undone.get(key, ()) if move.kind is kind)

    def touched(self, key: str, kind: MoveKind) -> list[Place]:
        """The memberships at which moves of this kind happened under this key."""
        return sorted({self._place_of(move.lot) for move in self._moves.get(key, ()) if move.kind is kind})

    def undoes(self, key: str) -> bool:
        """Whether what happened under this key undid something else."""
        return any(move.undoes for move in self._moves.get(key, ()))

    def balance(self, place: Place) -> int:
        """What is in a membership, reserved and lapsed points included."""
        return sum(state.remaining for state in self._of(place))

    def available(self, place: Place) -> int:
        """What may be spent now: neither reserved nor lapsed."""
        return sum(state.free for state in self._of(place) if not self._is_over(place, state))

    def refusal_of(self, place: Place) -> HubError | None:
        """Why nothing may come or go at this membership; None if it may. MembershipMissing, MembershipNotActive."""
        member = self.members.get(place)
        return refusal_of(member.membership if member else None, place[0])

    def refusal_of_room(self, place: Place, amount: int) -> HubError | None:
        """Why so many points may not come in; None if they may."""
        limits = self.members[place].programme.rules.balance
        good = sum(state.remaining for state in self._of(place) if not self._is_over(place, state))
        if good + amount <= limits.maximum:
            return None
        return BalanceAboveMaximum(
            f"A membership may have {limits.maximum} points.",
            maximum=limits.maximum,
            room=max(0, limits.maximum - good),
        )

    def plan(self, place: Place, amount: int, *, minimum: int, source: str = "") -> Allocation | HubError:
        """Which lots so many points would be taken from; nothing is taken yet.

        minimum: what has to be left. source: ledger key whose own lots are taken first; empty for none.
        Answers with: InsufficientPoints.
        """
        free = [
            Free(state.lot.id, state.free, state.lot.earned_at, self._over_at(place, state))
            for state in self._of(place)
            if state.free > 0 and not self._is_over(place, state)
        ]
        have = sum(one.amount for one in free)
        if have - amount < minimum:
            return InsufficientPoints("The membership has too few points.", available=max(0, have - minimum))
        own = frozenset(one.lot for one in free if source and self.lots[one.lot].lot.source == source)
        return allocated(free, amount, preferred=own)

    def hold(self, key: str, allocation: Allocation) -> None:
        """Reserve what was planned."""
        for lot, amount in allocation:
            self._move(key, lot, MoveKind.HOLD, 0, amount)

    def post(self, key: str, activity: Activity | None) -> None:
        """Let what was reserved under this key leave. activity: None for what is none of the member's doing."""
        reserved = self._reserved(key)
        for lot, amount in reserved:
            self._move(key, lot, MoveKind.POST, -amount, -amount)
        for place in {self._place_of(lot) for lot, _ in reserved}:
            if activity is not None:
                self._touch(place, activity)

    def void(self, key: str) -> None:
        """Give back what was reserved under this key."""
        for lot, amount in self._reserved(key):
            self._move(key, lot, MoveKind.VOID, 0, -amount)

    def take(self, key: str, allocation: Allocation, activity: Activity | None, *, undoes: str = "") -> None:
        """Let what was planned leave at once. undoes: ledger key of the posting that brought it, if this undoes one."""
        for lot, amount in allocation:
            self._move(key, lot, MoveKind.TAKE, -amount, 0, undoes=undoes)
        if activity is not None and allocation:
            self._touch(self._place_of(allocation[0][0]), activity)

    def earn(self, key: str, place: Place, grants: Sequence[Grant], activity: Activity | None) -> None:
        """Let points come in, each grant as a lot of its own. activity: None for what is none of the member's doing."""
        member = self.members[place]
        self._start_clock(place)
        if activity is not None:
            self._touch(place, activity)
        rule, zone = member.programme.rules.expiry, member.programme.zone
        for grant in grants:
            ends = grant.expires_at
            if ends is None and rule.kind is ExpiryKind.FIXED:
                ends = lapses_at(rule, grant.earned_at, zone)
            lot = Lot(
                new_id("lot", self.now), *place, key, grant.earned_at, ends, amount=grant.amount, remaining=0, held=0
            )
            state = self.lots[lot.id] = LotState(lot, fresh=True)
            self._places.setdefault(place, []).append(state)
            self._move(key, lot.id, MoveKind.EARN, grant.amount, 0)

    def dates_of(self, key: str, place: Place) -> list[Grant]:
        """What left under this key, lot by lot with its dates, to come in somewhere else."""
        return [
            Grant(-move.change, self.lots[move.lot].lot.earned_at, self._over_at(place, self.lots[move.lot]))
            for move in self._moves[key]
            if move.change < 0
        ]

    def restore(self, key: str, of: str, amount: int) -> None:
        """Give points that left under `of` back to the lots they came from, with the dates these had."""
        taken = _sums(self._moves[of], MoveKind.POST, MoveKind.TAKE)
        had = _sums(self._undone.get(of, []), MoveKind.RESTORE)
        parts = given_back([-taken[lot] for lot in taken], [had.get(lot, 0) for lot in taken], amount)
        places = {self._place_of(lot) for lot in taken}
        for place in places:
            self._restart_clock(place)
        for lot, part in zip(taken, parts, strict=True):
            if part:
                self._move(key, lot, MoveKind.RESTORE, part, 0, undoes=of)

    def lapse(self, key: str, place: Place) -> int:
        """Let everything at this membership lapse that is due and not reserved; how many points that were."""
        self._pin(place)
        total = 0
        for state in self._of(place):
            if state.free > 0 and self._is_over(place, state):
                total += state.free
                self._move(key, state.lot.id, MoveKind.LAPSE, -state.free, 0)
        return total

    def _of(self, place: Place) -> list[LotState]:
        return self._places.get(place, [])

    def _place_of(self, lot: str) -> Place:
        found = self.lots[lot].lot
        return (found.unit, found.number)

    def _over_at(self, place: Place, state: LotState) -> datetime | None:
        """When this lot lapses: at its own instant, or with all points of the member."""
        member = self.members.get(place)
        return state.expires_at or (member.lapses_at if member is not None else None)

    def _is_over(self, place: Place, state: LotState) -> bool:
        ends = self._over_at(place, state)
        return ends is not None and ends <= self.now

    def _touch(self, place: Place, activity: Activity) -> None:
        """The member did something; where that keeps points alive, they begin a new life, but for those that lapsed."""
        member = self.members[place]
        rule = member.programme.rules.expiry
        if rule.kind is not ExpiryKind.ACTIVITY or activity not in rule.qualifying:
            return
        self._pin(place)
        member.active_at = self.now
        member.lapses_at = lapses_at(rule, self.now, member.programme.zone)
        member.changed = True

    def _start_clock(self, place: Place) -> None:
        """Points come to a membership whose clock stands still, since there was nothing in it: it starts now."""
        member = self.members[place]
        rule = member.programme.rules.expiry
        self._pin(place)
        if rule.kind is ExpiryKind.ACTIVITY and member.lapses_at is None:
            member.lapses_at = lapses_at(rule, self.now, member.programme.zone)
            member.changed = True

    def _restart_clock(self, place: Place) -> None:
        """Points come back to a membership whose clock stands still: it goes on from the last activity."""
        member = self.members[place]
        rule = member.programme.rules.expiry
        if rule.kind is ExpiryKind.ACTIVITY and member.lapses_at is None:
            member.lapses_at = lapses_at(rule, member.active_at, member.programme.zone)
            member.changed = True

    def _pin(self, place: Place) -> None:
        """Points that lapsed for want of activity keep that instant as their own, whatever the member does now."""
        member = self.members[place]
        if member.lapses_at is None or member.lapses_at > self.now:
            return
        for state in self._of(place):
            if state.remaining > 0 and state.expires_at is None:
                state.expires_at = member.lapses_at
                state.changed = True
        member.lapses_at = None
        member.changed = True

    def _reserved(self, key: str) -> list[tuple[str, int]]:
        """What is still reserved under this key, in the order it was."""
        sums: dict[str, int] = {}
        for move in self._moves[key]:
            sums[move.lot] = sums.get(move.lot, 0) + move.change_held
        return [(lot, amount) for lot, amount in sums.items() if amount]

    def _move(self, key: str, lot: str, kind: MoveKind, change: int, change_held: int, *, undoes: str = "") -> None:
        state = self.lots[lot]
        state.remaining += change
        state.held += change_held
        state.changed = True
        assert 0 <= state.held <= state.remaining <= state.lot.amount, f"lot {lot} would not add up"
        move = Move(key, len(self._moves.get(key, ())), lot, kind, change, change_held, undoes)
        self._keep(move)
        self.made.append(move)

    def _keep(self, move: Move) -> None:
        self._moves.setdefault(move.key, []).append(move)
        if move.undoes:
            self._undone.setdefault(move.undoes, []).append(move)


def refusal_of(member: Membership | None, unit: str) -> HubError | None:
    """Why nothing may come to a membership or go; None if it may. MembershipMissing, MembershipNotActive."""
    if member is None:
        return MembershipMissing("The programme has no such membership.", unit=unit)
    if member.state is not MembershipState.ACTIVE:
        return MembershipNotActive(f"The membership is {member.state}.", unit=unit)
    return None


def _sums(moves: Sequence[Move], *kinds: MoveKind) -> dict[str, int]:
    """What moves of these kinds did to each lot, in the order they first touched it."""
    sums: dict[str, int] = {}
    for move in moves:
        if move.kind in kinds:
            sums[move.lot] = sums.get(move.lot, 0) + move.change
    return sums
