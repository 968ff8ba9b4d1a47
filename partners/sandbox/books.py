"""A simulated partner's own books: members, balances, and movements that apply once per key.

Knows nothing of HTTP, dialects or faults. The books are honest whatever the network does: their journal is what the
hub's ledger is compared with. Safe between threads.
"""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType

from hub.kernel.clock import Clock
from partners.base import Reason


class MemberStatus(StrEnum):
    """What a partner thinks of a membership."""

    ACTIVE = "active"
    CLOSED = "closed"
    BLOCKED = "blocked"
    DECEASED = "deceased"


class MoveKind(StrEnum):
    """What a movement does to a balance."""

    DEBIT = "debit"
    CREDIT = "credit"
    REVERSE = "reverse"


_REASON_OF_STATUS: Mapping[MemberStatus, Reason] = MappingProxyType(
    {
        MemberStatus.CLOSED: Reason.MEMBER_CLOSED,
        MemberStatus.BLOCKED: Reason.MEMBER_BLOCKED,
        MemberStatus.DECEASED: Reason.MEMBER_DECEASED,
    }
)


@dataclass(frozen=True, slots=True)
class SimulatedMember:
    """A member to be opened. balances: by unit, whole smallest units. merged_into: the surviving number, or empty."""

    membership: str
    name: str = ""
    status: MemberStatus = MemberStatus.ACTIVE
    balances: Mapping[str, int] = field(default_factory=dict)
    tier: str = ""
    merged_into: str = ""


@dataclass(frozen=True, slots=True)
class Move:
    """What is asked of the books, and at the same time the content that a key stands for.

    A reversal names its original by key or by reference, and may leave out what follows from it.
    """

    kind: MoveKind
    key: str
    membership: str
    unit: str
    amount: int
    original_key: str = ""
    original_reference: str = ""


@dataclass(frozen=True, slots=True)
class Applied:
    """It is booked. surviving: under which number, if another one. replayed: it had been before this was asked.

    age: since it was decided.
    """

    move: Move
    reference: str
    balance: int
    at: datetime
    surviving: str = ""
    replayed: bool = False
    age: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True)
class Rejected:
    """It is not booked and never will be under this key."""

    move: Move
    reason: Reason
    at: datetime
    replayed: bool = False
    age: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True)
class Conflict:
    """The key stands for other content; nothing was done."""

    move: Move


@dataclass(frozen=True, slots=True)
class Missing:
    """No such key, or not to be seen yet."""

    key: str


Answered = Applied | Rejected | Conflict
Found = Applied | Rejected | Missing


@dataclass(slots=True)
class _Account:
    member: SimulatedMember
    opening: dict[str, int]
    balances: dict[str, int]


@dataclass(frozen=True, slots=True)
class MemberView:
    """A member as the partner would show it."""

    membership: str
    name: str
    status: MemberStatus
    tier: str
    balances: Mapping[str, int]
    surviving: str

    @property
    def refusal(self) -> Reason | None:
        """Why it may not take part, if it may not."""
        return _REASON_OF_STATUS.get(self.status)


class Books:
    """One partner's members and movements. key_life: how long a key is honoured; inquiries remember for ever."""

    def __init__(self, clock: Clock, *, key_life: timedelta, inquiry_lag: timedelta) -> None:
        self._clock = clock
        self._key_life = key_life
        self._inquiry_lag = inquiry_lag
        self._lock = threading.Lock()
        self._accounts: dict[str, _Account] = {}
        self._results: dict[str, Applied | Rejected] = {}
        self._given_back: dict[str, int] = {}
        self._journal: list[tuple[str, str, str, int]] = []
        self._repeats = 0

    def open_members(self, members: Sequence[SimulatedMember]) -> None:
        """Open memberships, or change what is known of open ones.

        One that is open keeps its balances, and its opening ones too; only units that it did not have are added. So the
        same call twice is harmless, and a member can be blocked in the middle of things.
        """
        with self._lock:
            for member in members:
                account = self._accounts.setdefault(member.membership, _Account(member, {}, {}))
                account.member = member
                for unit, balance in member.balances.items():
                    account.opening.setdefault(unit, balance)
                    account.balances.setdefault(unit, balance)

    def member(self, membership: str) -> MemberView | None:
        """A membership as it stands; None when there is none."""
        with self._lock:
            account = self._accounts.get(membership)
            if account is None:
                return None
            member = account.member
            return MemberView(
                membership, member.name, member.status, member.tier, dict(account.balances), member.merged_into
            )

    def apply(self, move: Move) -> Answered:
        """Book `move` unless its key was booked; the same key answers the same as long as it lives."""
        with self._lock:
            now = self._clock.now()
            move = self._completed(move)
            known = self._results.get(move.key)
            if known is not None and now - known.at < self._key_life:
                if known.move != move:
                    return Conflict(move)
                self._repeats += 1
                return _again(known, now)
            result = self._book(move, now)
            self._results[move.key] = result
            return result

    def find(self, key: str) -> Found:
        """What became of a key, once the partner's own lag has passed."""
        with self._lock:
            known, now = self._results.get(key), self._clock.now()
            if known is None or now - known.at < self._inquiry_lag:
                return Missing(key)
            return _again(known, now)

    def totals(self) -> dict[str, object]:
        """The books in figures: change of balances against the opening ones by unit, and what was booked.

        double_applications: keys whose movement changed balances more than once.
        """
        with self._lock:
            change: dict[str, int] = {}
            for account in self._accounts.values():
                for unit, balance in account.balances.items():
                    change[unit] = change.get(unit, 0) + balance - account.opening.get(unit, 0)
            keys = {key for key, *_ in self._journal}
            return {
                "change": change,
                "movements": len(self._journal),
                "double_applications": len(self._journal) - len(keys),
                "repeats": self._repeats,
                "members": len(self._accounts),
            }

    def journal(self) -> list[tuple[str, str, str, int]]:
        """Every change of a balance in order: key, membership, unit, signed amount."""
        with self._lock:
            return list(self._journal)

    def _completed(self, move: Move) -> Move:
        """A reversal with what it leaves out taken from its original."""
        if move.kind is not MoveKind.REVERSE:
            return move
        originals = (one for one in self._results.values() if isinstance(one, Applied))
        if not move.original_key and move.original_reference:
            found = next((one for one in originals if one.reference == move.original_reference), None)
            move = replace(move, original_key=found.move.key if found else "")
        original = self._results.get(move.original_key)
        if original is None or move.membership:
            return move
        return replace(move, membership=original.move.membership, unit=original.move.unit)

    def _book(self, move: Move, now: datetime) -> Applied | Rejected:
        account = self._accounts.get(move.membership)
        if account is None:
            return Rejected(move, Reason.MEMBER_UNKNOWN, now)
        surviving = account.member.merged_into
        if surviving:
            account = self._accounts[surviving]
        reason = self._reason(move, account)
        if reason is not None:
            return Rejected(move, reason, now)
        signed = self._signed(move)
        balance = account.balances.get(move.unit, 0) + signed
        if move.kind is MoveKind.DEBIT and balance < 0:
            return Rejected(move, Reason.INSUFFICIENT_POINTS, now)
        if move.kind is MoveKind.REVERSE:
            self._given_back[move.original_key] = self._given_back.get(move.original_key, 0) + move.amount
        account.balances[move.unit] = balance
        self._journal.append((move.key, account.member.membership, move.unit, signed))
        return Applied(move, f"R{len(self._journal):09d}", balance, now, surviving)

    def _reason(self, move: Move, account: _Account) -> Reason | None:
        if move.amount <= 0:
            return Reason.AMOUNT_NOT_ALLOWED
        if move.kind is MoveKind.REVERSE:
            original = self._results.get(move.original_key)
            if not isinstance(original, Applied) or original.move.kind is MoveKind.REVERSE:
                return Reason.NOT_REVERSIBLE
            left = original.move.amount - self._given_back.get(move.original_key, 0)
            same = (original.move.membership, original.move.unit) == (move.membership, move.unit)
            if not same or move.amount > left:
                return Reason.NOT_REVERSIBLE
        return _REASON_OF_STATUS.get(account.member.status)

    def _signed(self, move: Move) -> int:
        kind = move.kind
        if kind is MoveKind.REVERSE:
            original = self._results[move.original_key].move.kind
            kind = MoveKind.CREDIT if original is MoveKind.DEBIT else MoveKind.DEBIT
        return move.amount if kind is MoveKind.CREDIT else -move.amount


def _again(known: Applied | Rejected, now: datetime) -> Applied | Rejected:
    return replace(known, replayed=True, age=now - known.at)
