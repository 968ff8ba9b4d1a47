"""Which call of a simulated partner goes wrong, and how: decided by a seed, never by the order of threads.

Knows kinds, rates and magic amounts, and counts what was done. Does not know how a fault is acted out.
"""

import hashlib
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType


class FaultKind(StrEnum):
    """What a partner, or the network before it, can do to a call that moves points."""

    # The connection closes without an answer; nothing was applied.
    TIMEOUT_BEFORE = "timeout_before"
    # Applied, and then the connection closes without an answer.
    TIMEOUT_AFTER = "timeout_after"
    # 503 with nothing applied; the next call with the same key goes well.
    SERVER_ERROR_THEN_SUCCESS = "server_error_then_success"
    # The partner runs the same movement twice by its own mistake; its keys stop the second.
    DUPLICATE_APPLICATION = "duplicate_application"
    # Applied as asked, but the answer names another key or amount.
    WRONG_ECHO = "wrong_echo"
    # The token is revoked just before the call: 401, nothing applied.
    TOKEN_EXPIRED = "token_expired"  # noqa: S105 (a kind of fault, no secret)
    # Applied and answered, late but within the timeout.
    SLOW_ANSWER = "slow_answer"
    # The answer carries a status word that is in no interface description; applied or not.
    UNKNOWN_WORD = "unknown_word"
    # Applied, and then the answer breaks off in the middle.
    CUT_OFF = "cut_off"
    # Applied, and then a gateway in between says 502.
    SERVER_ERROR_AFTER = "server_error_after"
    # 429 with a wait, nothing applied; the next call with the same key goes well.
    RATE_LIMITED = "rate_limited"
    # 200 with a page of HTML that quotes the whole request, its headers too; applied or not.
    GARBAGE = "garbage"


class Echo(StrEnum):
    """Which part of an answer is about something else."""

    KEY = "key"
    AMOUNT = "amount"
    MEMBERSHIP = "membership"


# The last three digits of an amount that ask for a fault on the first call with a key. All are multiples of 5, so that
# units that count in halves can ask too.
MAGIC_AMOUNTS: Mapping[int, FaultKind] = MappingProxyType(
    {
        905: FaultKind.TIMEOUT_BEFORE,
        910: FaultKind.TIMEOUT_AFTER,
        915: FaultKind.SERVER_ERROR_THEN_SUCCESS,
        920: FaultKind.DUPLICATE_APPLICATION,
        925: FaultKind.WRONG_ECHO,
        930: FaultKind.TOKEN_EXPIRED,
        935: FaultKind.SLOW_ANSWER,
        940: FaultKind.UNKNOWN_WORD,
        970: FaultKind.CUT_OFF,
        975: FaultKind.SERVER_ERROR_AFTER,
        980: FaultKind.RATE_LIMITED,
        985: FaultKind.GARBAGE,
    }
)


class NoticeFault(StrEnum):
    """What can happen to the notice by which a partner tells a result later."""

    # It comes when the hub has long inquired.
    LATE = "notice_late"
    # It comes twice: the very same request, or the same body signed again.
    TWICE = "notice_twice"
    # It comes, and another one that says the opposite; either may be first.
    CONTRADICTORY = "notice_contradictory"
    # It comes before the call that it is about has been answered.
    PREMATURE = "notice_premature"
    # It never comes.
    NEVER = "notice_never"


# The same for notices, of partners that send any.
MAGIC_NOTICES: Mapping[int, NoticeFault] = MappingProxyType(
    {
        945: NoticeFault.LATE,
        950: NoticeFault.TWICE,
        955: NoticeFault.CONTRADICTORY,
        960: NoticeFault.PREMATURE,
        965: NoticeFault.NEVER,
    }
)

# After one of these the next call with the same key is let through: that is what they are about.
_ONCE = frozenset({FaultKind.SERVER_ERROR_THEN_SUCCESS, FaultKind.TOKEN_EXPIRED, FaultKind.RATE_LIMITED})


@dataclass(frozen=True, slots=True)
class FaultPlan:
    """How often things go wrong.

    per_mille: calls in a thousand, by kind; together at most 1,000. notices_per_mille: the same of results that are
    told later. slow_ms and late_ms: how late a slow answer and a late notice are. magic: whether magic amounts are
    heard. partners: whom it concerns; empty for all.
    """

    seed: int = 0
    per_mille: Mapping[FaultKind, int] = field(default_factory=dict)
    slow_ms: int = 200
    magic: bool = True
    partners: frozenset[str] = frozenset()
    notices_per_mille: Mapping[NoticeFault, int] = field(default_factory=dict)
    late_ms: int = 1_500

    def __post_init__(self) -> None:
        for rates in (self.per_mille.values(), self.notices_per_mille.values()):
            assert all(rate >= 0 for rate in rates), "a rate is a count of calls in a thousand"
            assert sum(rates) <= 1_000, "rates beyond all calls"

    @classmethod
    def even(cls, seed: int, per_mille: int) -> "FaultPlan":
        """A plan in which each kind strikes `per_mille` calls in a thousand, and magic amounts are not heard."""
        notices = dict.fromkeys(NoticeFault, per_mille)
        return cls(seed=seed, per_mille=dict.fromkeys(FaultKind, per_mille), magic=False, notices_per_mille=notices)


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault to act out. coin: the seed's own toss, for kinds that go two ways.

    echo: what a wrong echo is wrong about; None leaves it to the coin (the key or the amount).
    """

    kind: FaultKind
    coin: bool
    echo: Echo | None = None


@dataclass(frozen=True, slots=True)
class NoticeTrouble:
    """What is to happen to a notice. coin: the seed's own toss."""

    kind: NoticeFault
    coin: bool


class Faults:
    """Decides on every call that moves points, and remembers how often each kind was done. Safe between threads."""

    def __init__(self, plan: FaultPlan) -> None:
        self._lock = threading.Lock()
        self._plan = plan
        self._attempts: dict[tuple[str, str], tuple[int, FaultKind | None]] = {}
        self._counts: dict[FaultKind, int] = dict.fromkeys(FaultKind, 0)
        self._notices: dict[NoticeFault, int] = dict.fromkeys(NoticeFault, 0)

    @property
    def plan(self) -> FaultPlan:
        """The plan in force."""
        with self._lock:
            return self._plan

    @plan.setter
    def plan(self, plan: FaultPlan) -> None:
        with self._lock:
            self._plan = plan

    def counts(self) -> dict[FaultKind, int]:
        """How often each kind has been done so far."""
        with self._lock:
            return dict(self._counts)

    def draw(self, partner: str, key: str, amount: int) -> Fault | None:
        """The fault for this call, or None. The same seed, partner, key and number of the attempt give the same."""
        with self._lock:
            attempt, before = self._attempts.get((partner, key), (0, None))
            fault = None if before in _ONCE else _decide(self._plan, partner, key, amount, attempt)
            self._attempts[partner, key] = (attempt + 1, fault.kind if fault else None)
            if fault is not None:
                self._counts[fault.kind] += 1
            return fault

    def notice_counts(self) -> dict[NoticeFault, int]:
        """How often each kind has been done to a notice so far."""
        with self._lock:
            return dict(self._notices)

    def draw_notice(self, partner: str, key: str, amount: int) -> NoticeTrouble | None:
        """What is to happen to the notice about this key, or None. The same seed, partner and key give the same."""
        with self._lock:
            trouble = _decide_notice(self._plan, partner, key, amount)
            if trouble is not None:
                self._notices[trouble.kind] += 1
            return trouble


def _decide(plan: FaultPlan, partner: str, key: str, amount: int, attempt: int) -> Fault | None:
    if plan.partners and partner not in plan.partners:
        return None
    point, coin = _lot(f"{plan.seed}|{partner}|{key}|{attempt}")
    if plan.magic and attempt == 0 and amount % 1_000 in MAGIC_AMOUNTS:
        return Fault(MAGIC_AMOUNTS[amount % 1_000], coin)
    for kind in FaultKind:
        point -= plan.per_mille.get(kind, 0)
        if point < 0:
            return Fault(kind, coin)
    return None


def _decide_notice(plan: FaultPlan, partner: str, key: str, amount: int) -> NoticeTrouble | None:
    if plan.partners and partner not in plan.partners:
        return None
    point, coin = _lot(f"{plan.seed}|{partner}|{key}|notice")
    if plan.magic and amount % 1_000 in MAGIC_NOTICES:
        return NoticeTrouble(MAGIC_NOTICES[amount % 1_000], coin)
    for kind in NoticeFault:
        point -= plan.notices_per_mille.get(kind, 0)
        if point < 0:
            return NoticeTrouble(kind, coin)
    return None


def _lot(text: str) -> tuple[int, bool]:
    """A number below 1,000 and a coin, drawn from `text`."""
    digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
    return int.from_bytes(digest[:6], "big") % 1_000, bool(digest[7] & 1)
