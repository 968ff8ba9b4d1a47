"""One simulated partner at work: proof is checked, the call read, the books asked, and a fault acted out.

Knows faces, books and faults. Does not know sockets.
"""

import html
import re
import threading
import time
from collections import deque
from dataclasses import dataclass, field, replace
from enum import StrEnum

from hub.kernel.clock import Clock
from partners.base import Reason
from partners.sandbox.books import (
    Answered,
    Applied,
    Books,
    Conflict,
    Found,
    MemberView,
    Missing,
    Move,
    Rejected,
    SimulatedMember,
)
from partners.sandbox.courier import Courier, Notice
from partners.sandbox.face import Answer, Call, Face, Inquiry, Lookup, Moves, Muddled, PlainFace, Task
from partners.sandbox.faults import Echo, Fault, FaultKind, Faults, NoticeFault
from partners.sandbox.oauth import TOKEN_PATH, Credentials, TokenDesk
from partners.signatures import SignatureInvalid, SignedRequest, SigningKey, verify_request

# A contrary notice follows the true one, or goes before it, by so much.
_CONTRARY_MS = 250
# What a partner that is asked too often asks for.
RETRY_AFTER_SECONDS = 2
_STOPS_ALL = (
    FaultKind.TIMEOUT_BEFORE,
    FaultKind.SERVER_ERROR_THEN_SUCCESS,
    FaultKind.TOKEN_EXPIRED,
    FaultKind.RATE_LIMITED,
)
# What becomes of an answer on its way back.
_SPOILING = (FaultKind.TIMEOUT_AFTER, FaultKind.CUT_OFF, FaultKind.SERVER_ERROR_AFTER, FaultKind.GARBAGE)
_WORD = re.compile(rb"[A-Za-z0-9_-]+")
# A reason that is in nobody's table.
_UNHEARD_OF = b"zz9-unheard-of"
# Reasons that a dialect usually tells in one form.
_LIKE_REASONS = (Reason.MEMBER_CLOSED, Reason.MEMBER_BLOCKED, Reason.MEMBER_UNKNOWN, Reason.INSUFFICIENT_POINTS)


class Oddity(StrEnum):
    """What a partner may say that no table of an adapter has; nothing is applied."""

    # A refusal like any other, for a reason that nobody has agreed on.
    REASON = "reason"


# What a call meets whatever the plan says: a fault, an answer in place of the partner's own, or an oddity.
Strike = Fault | Answer | Oddity


@dataclass(frozen=True, slots=True)
class Heard:
    """One call as a partner heard it.

    task: None when it was not let in. answer: None when the connection closed instead. honest: what the answer would
    have been without a distorted echo; None where none was distorted.
    """

    call: Call
    task: Task | None
    answer: Answer | None
    honest: Answer | None = None


@dataclass(frozen=True, slots=True)
class SimulatedPartner:
    """One partner to play. code: its first piece of every path. face: the dialect.

    key_life_seconds: how long keys are honoured. inquiry_lag_seconds: how long a booked key is "not found".
    token_wanted: whether a call needs an access token. api_key_header: in which header a static key stands instead.
    notify_url: where results are told later; empty for nowhere. calls_remembered: how many calls are kept to be read.
    """

    code: str
    credentials: Credentials
    face: Face = field(default_factory=PlainFace)
    members: tuple[SimulatedMember, ...] = ()
    token_seconds: int = 600
    key_life_seconds: int = 30 * 86_400
    inquiry_lag_seconds: int = 0
    token_wanted: bool = True
    api_key_header: str = ""
    notify_url: str = ""
    calls_remembered: int = 0


@dataclass(slots=True)
class Shared:
    """What all partners of one simulator have in common."""

    faults: Faults
    courier: Courier
    clock: Clock
    desks: dict[str, "Desk"] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Told:
    """An answer, None for a connection that closes, and the undistorted one if it was distorted."""

    answer: Answer | None
    honest: Answer | None = None


class Desk:
    """Answers the calls of one partner. Safe between threads. address: as it is called, without the path."""

    def __init__(
        self, partner: SimulatedPartner, books: Books, tokens: TokenDesk, shared: Shared, *, address: str
    ) -> None:
        self.code = partner.code
        self.books = books
        self.tokens = tokens
        self.face = partner.face
        self.notify_url = partner.notify_url
        self._partner = partner
        self._shared = shared
        self._faults = shared.faults
        self._address = address
        self._nonces: set[str] = set()
        self._lock = threading.Lock()
        self._strikes: deque[Strike | None] = deque()
        self._heard: deque[Heard] = deque(maxlen=partner.calls_remembered)
        webhook_key = partner.credentials.webhook_key
        self._key = SigningKey(webhook_key, f"{partner.code}-1") if webhook_key else None

    def strike(self, *strikes: Strike | None) -> None:
        """What the next calls that are let in meet, in order, None for nothing; forgets what was waiting."""
        with self._lock:
            self._strikes = deque(strikes)

    def heard(self) -> list[Heard]:
        """The newest calls, oldest first; none unless they are remembered."""
        with self._lock:
            return list(self._heard)

    def forget_heard(self) -> None:
        """Remember no call that was made so far."""
        with self._lock:
            self._heard.clear()

    def answer(self, call: Call) -> Answer | None:
        """The answer, or None when the connection is to close without one."""
        if call.path == TOKEN_PATH:
            return self.tokens.issue(call)
        task: Task | None = None
        if not self._proven(call):
            told = _Told(self.face.failed(401, "invalid_token"))
        elif self.face.signed and not self._signature_holds(call):
            told = _Told(self.face.failed(401, "invalid_signature"))
        else:
            task = self.face.read(call)
            told = self._tell_of(task, call, self._next_strike())
        if self._partner.calls_remembered:
            with self._lock:
                self._heard.append(Heard(call, task, told.answer, told.honest))
        return told.answer

    def _next_strike(self) -> Strike | None:
        with self._lock:
            return self._strikes.popleft() if self._strikes else None

    def _tell_of(self, task: Task, call: Call, strike: Strike | None) -> _Told:
        if isinstance(strike, Answer):
            return _Told(strike)
        if isinstance(task, Move):
            return self._odd(task) if isinstance(strike, Oddity) else self._move(task, call, strike)
        if isinstance(task, Moves):
            return _Told(self._move_many(task.moves, call, strike if isinstance(strike, Fault) else None))
        if isinstance(task, Inquiry):
            found = self.books.find(task.key)
            if isinstance(strike, Fault):
                return self._struck_read(strike, call, self.face.found(found), self.face.found(_other_key(found)))
            return _Told(self.face.found(found))
        if isinstance(task, Lookup):
            view = self.books.member(task.membership)
            answer = self.face.member(task, view, _refusal(view, task))
            if isinstance(strike, Fault):
                return self._struck_read(strike, call, answer, self._of_another(task, view))
            return _Told(answer)
        return _Told(self.face.failed(task.status, task.why))

    def _proven(self, call: Call) -> bool:
        if self._partner.api_key_header:
            return self.tokens.key_holds(call.headers.get(self._partner.api_key_header, ""))
        return not self._partner.token_wanted or self.tokens.valid(call.headers.get("authorization", ""))

    def _signature_holds(self, call: Call) -> bool:
        url = self._address + call.path + (f"?{call.query}" if call.query else "")
        request = SignedRequest(call.method, url, call.headers, call.body)
        keys = self._partner.credentials.signing_public_key
        try:
            signature = verify_request(request, public_keys=keys, now=self._shared.clock.now())
        except SignatureInvalid:
            return False
        fresh = signature.nonce not in self._nonces
        self._nonces.add(signature.nonce)
        return fresh

    def _move(self, move: Move, call: Call, struck: Fault | None) -> _Told:
        fault = struck or self._faults.draw(self.code, move.key, move.amount)
        if fault is None:
            return _Told(self.face.moved(self._apply(move)))
        if fault.kind in _STOPS_ALL:
            return _Told(self._stopped(fault.kind, call))
        if fault.kind in (FaultKind.UNKNOWN_WORD, FaultKind.GARBAGE) and fault.coin:
            return _Told(self.face.muddled(move) if fault.kind is FaultKind.UNKNOWN_WORD else _page(call))
        result = self._apply(move)
        match fault.kind:
            case FaultKind.DUPLICATE_APPLICATION:
                return _Told(self.face.moved(self._apply(move)))
            case FaultKind.WRONG_ECHO:
                return _Told(self.face.moved(_distorted(result, fault)), self.face.moved(result))
            case FaultKind.UNKNOWN_WORD:
                return _Told(self.face.muddled(move))
            case _:
                return _Told(self._spoilt(fault.kind, call, self.face.moved(result)))

    def _move_many(self, moves: tuple[Move, ...], call: Call, struck: Fault | None) -> Answer | None:
        """Faults of the line strike the whole call, faults of an item that item."""
        faults = [struck or self._faults.draw(self.code, move.key, move.amount) for move in moves]
        kinds = {fault.kind for fault in faults if fault is not None}
        for kind in _STOPS_ALL:
            if kind in kinds:
                return self._stopped(kind, call)
        results = [self._item(move, fault) for move, fault in zip(moves, faults, strict=True)]
        answer: Answer | None = self.face.moved_many(results)
        for kind in (FaultKind.SLOW_ANSWER, *_SPOILING):
            if kind in kinds and answer is not None:
                answer = self._spoilt(kind, call, answer)
        return answer

    def _item(self, move: Move, fault: Fault | None) -> Answered | Muddled:
        kind = fault.kind if fault is not None else None
        if fault is not None and kind is FaultKind.UNKNOWN_WORD:
            if not fault.coin:
                self._apply(move)
            return Muddled(move)
        result = self._apply(move)
        if fault is not None and kind is FaultKind.WRONG_ECHO:
            return _distorted(result, fault)
        return self._apply(move) if kind is FaultKind.DUPLICATE_APPLICATION else result

    def _odd(self, move: Move) -> _Told:
        """A refusal as this dialect words them, its reason replaced by one that is in no table."""
        now = self._shared.clock.now()
        told = [self.face.moved(Rejected(move, reason, now)) for reason in _LIKE_REASONS]
        for one in told:
            for other in told:
                body = _with_odd_words(one.body, other.body) if one.status == other.status else None
                if body is not None:
                    return _Told(replace(one, body=body))
        return _Told(self.face.failed(422, _UNHEARD_OF.decode()))

    def _stopped(self, kind: FaultKind, call: Call) -> Answer | None:
        """The faults in which the books were never asked."""
        if kind is FaultKind.TIMEOUT_BEFORE:
            return None
        if kind is FaultKind.SERVER_ERROR_THEN_SUCCESS:
            return self.face.failed(503, "try_again")
        if kind is FaultKind.RATE_LIMITED:
            limited = self.face.failed(429, "too_many_requests")
            return replace(limited, headers={**limited.headers, "retry-after": str(RETRY_AFTER_SECONDS)})
        self.tokens.revoke(call.headers.get("authorization", ""))
        return self.face.failed(401, "invalid_token")

    def _spoilt(self, kind: FaultKind, call: Call, answer: Answer) -> Answer | None:
        """What is left of an answer on its way back; late, but whole, for a kind that spoils nothing."""
        match kind:
            case FaultKind.TIMEOUT_AFTER:
                return None
            case FaultKind.CUT_OFF:
                return replace(answer, cut=True)
            case FaultKind.SERVER_ERROR_AFTER:
                return self.face.failed(502, "bad_gateway")
            case FaultKind.GARBAGE:
                return _page(call)
            case _:
                time.sleep(self._faults.plan.slow_ms / 1_000)
                return answer

    def _struck_read(self, fault: Fault, call: Call, honest: Answer, of_another: Answer) -> _Told:
        """The same troubles for a call that moves nothing."""
        if fault.kind in _STOPS_ALL:
            return _Told(self._stopped(fault.kind, call))
        if fault.kind is FaultKind.WRONG_ECHO:
            return _Told(of_another, honest)
        return _Told(self._spoilt(fault.kind, call, honest))

    def _of_another(self, lookup: Lookup, view: MemberView | None) -> Answer:
        """What would be answered about this member as if somebody else had been asked about."""
        other = lookup.membership[:-1] + ("1" if lookup.membership.endswith("0") else "0")
        shown = replace(view, membership=other) if view is not None else None
        return self.face.member(replace(lookup, membership=other), shown, _refusal(view, lookup))

    def _apply(self, move: Move) -> Answered:
        """Ask the books, and see to it that what is told later is told."""
        result = self.books.apply(move)
        if not isinstance(result, Conflict) and not result.replayed and self.notify_url and self._key is not None:
            body = self.face.notice(result)
            if body:
                self._tell(result, Notice(self.code, self.notify_url, body, self._key))
        return result

    def _tell(self, result: Applied | Rejected, notice: Notice) -> None:
        move, courier, soon = result.move, self._shared.courier, self.face.notice_after_ms
        trouble = self._faults.draw_notice(self.code, move.key, move.amount)
        match trouble.kind if trouble is not None else None:
            case NoticeFault.NEVER:
                return
            case NoticeFault.PREMATURE:
                courier.send_now(notice)
            case NoticeFault.LATE:
                courier.send(notice, after_ms=soon + self._faults.plan.late_ms)
            case NoticeFault.TWICE if trouble is not None and trouble.coin:
                courier.send(replace(notice, copies=2), after_ms=soon)
            case NoticeFault.TWICE:
                courier.send(notice, after_ms=soon)
                courier.send(notice, after_ms=soon + _CONTRARY_MS)
            case NoticeFault.CONTRADICTORY:
                contrary = self.face.notice(opposite(result))
                assert contrary, "what is told later has an opposite that is told later"
                first, second = (0, _CONTRARY_MS) if trouble is not None and trouble.coin else (_CONTRARY_MS, 0)
                courier.send(notice, after_ms=soon + first)
                courier.send(replace(notice, body=contrary), after_ms=soon + second)
            case _:
                courier.send(notice, after_ms=soon)


def opposite(result: Applied | Rejected) -> Applied | Rejected:
    """What would have been told had the books decided otherwise."""
    if isinstance(result, Applied):
        return Rejected(result.move, Reason.INSUFFICIENT_POINTS, result.at)
    return Applied(result.move, "R000000000", 0, result.at)


def _refusal(view: MemberView | None, lookup: Lookup) -> Reason | None:
    if view is None:
        return Reason.MEMBER_UNKNOWN
    if lookup.name and view.name and lookup.name.casefold() != view.name.casefold():
        return Reason.NAME_MISMATCH
    return view.refusal


def _distorted(result: Answered, fault: Fault) -> Answered:
    """`result` as it would be told of another movement: another key, amount or member."""
    move = result.move
    echo = fault.echo or (Echo.KEY if fault.coin else Echo.AMOUNT)
    if isinstance(result, Rejected) and fault.echo is None:
        echo = Echo.KEY
    match echo:
        case Echo.KEY:
            other = replace(move, key=move.key + "X")
        case Echo.AMOUNT:
            other = replace(move, amount=move.amount + 10)
        case Echo.MEMBERSHIP:
            ending = "1" if move.membership.endswith("0") else "0"
            other = replace(move, membership=move.membership[:-1] + ending)
    return Conflict(other) if isinstance(result, Conflict) else replace(result, move=other)


def _other_key(found: Found) -> Found:
    """What was found, as it would be told of another key."""
    if isinstance(found, Missing):
        return Missing(found.key + "X")
    return replace(found, move=replace(found.move, key=found.move.key + "X"))


def _page(call: Call) -> Answer:
    """A page for developers in place of an answer: it quotes all that was sent, secrets included."""
    quoted = "\n".join(f"{name}: {value}" for name, value in call.headers.items())
    text = f"{call.method} {call.path}\n{quoted}\n\n{call.body.decode('utf-8', 'replace')}"
    page = f"<!doctype html><html><body><h1>Debug</h1><pre>{html.escape(text)}</pre></body></html>"
    return Answer(200, page.encode(), "text/html; charset=utf-8")


def _with_odd_words(body: bytes, other: bytes) -> bytes | None:
    """`body` with each word in which it differs from `other` replaced; None when they differ in more than words."""
    ours, theirs = list(_WORD.finditer(body)), _WORD.findall(other)
    if len(ours) != len(theirs) or body == other:
        return None
    for found, word in zip(reversed(ours), reversed(theirs), strict=True):
        if found[0] != word:
            body = body[: found.start()] + _UNHEARD_OF + body[found.end() :]
    return body
