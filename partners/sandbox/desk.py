"""One simulated partner at work: the token is checked, the call read, the books asked, and a fault acted out.

Knows faces, books and faults. Does not know sockets.
"""

import time
from dataclasses import dataclass, field, replace

from partners.base import Reason
from partners.sandbox.books import Answered, Applied, Books, Conflict, MemberView, Move
from partners.sandbox.face import Answer, Call, Face, Inquiry, Lookup, Unheard
from partners.sandbox.faults import Fault, FaultKind, Faults
from partners.sandbox.oauth import TOKEN_PATH, TokenDesk


class Desk:
    """Answers the calls of one partner. Safe between threads."""

    def __init__(self, code: str, face: Face, books: Books, tokens: TokenDesk, faults: Faults) -> None:
        self.books = books
        self.tokens = tokens
        self._code = code
        self._face = face
        self._faults = faults

    def answer(self, call: Call) -> Answer | None:
        """The answer, or None when the connection is to close without one."""
        if call.path == TOKEN_PATH:
            return self.tokens.issue(call)
        if not self.tokens.valid(call.headers.get("authorization", "")):
            return self._face.failed(401, "invalid_token")
        task = self._face.read(call)
        if isinstance(task, Move):
            return self._move(task, call)
        if isinstance(task, Inquiry):
            return self._face.found(self.books.find(task.key))
        if isinstance(task, Lookup):
            view = self.books.member(task.membership)
            return self._face.member(task, view, _refusal(view, task))
        return self._unheard(task)

    def _unheard(self, task: Unheard) -> Answer:
        return self._face.failed(task.status, task.why)

    def _move(self, move: Move, call: Call) -> Answer | None:
        fault = self._faults.draw(self._code, move.key, move.amount)
        if fault is None:
            return self._face.moved(self.books.apply(move))
        match fault.kind:
            case FaultKind.TIMEOUT_BEFORE:
                return None
            case FaultKind.SERVER_ERROR_THEN_SUCCESS:
                return self._face.failed(503, "try_again")
            case FaultKind.TOKEN_EXPIRED:
                self.tokens.revoke(call.headers.get("authorization", ""))
                return self._face.failed(401, "invalid_token")
            case _:
                return self._applied(move, fault)

    def _applied(self, move: Move, fault: Fault) -> Answer | None:
        """The faults in which the books were, or may have been, asked."""
        if fault.kind is FaultKind.UNKNOWN_WORD and fault.coin:
            return self._face.muddled(move)
        result = self.books.apply(move)
        match fault.kind:
            case FaultKind.TIMEOUT_AFTER:
                return None
            case FaultKind.DUPLICATE_APPLICATION:
                return self._face.moved(self.books.apply(move))
            case FaultKind.WRONG_ECHO:
                return self._face.moved(_distorted(result, fault))
            case FaultKind.UNKNOWN_WORD:
                return self._face.muddled(move)
            case _:
                time.sleep(self._faults.plan.slow_ms / 1_000)
                return self._face.moved(result)


@dataclass(slots=True)
class Shared:
    """What all partners of one simulator have in common."""

    faults: Faults
    desks: dict[str, Desk] = field(default_factory=dict)


def _refusal(view: MemberView | None, lookup: Lookup) -> Reason | None:
    if view is None:
        return Reason.MEMBER_UNKNOWN
    if lookup.name and view.name and lookup.name.casefold() != view.name.casefold():
        return Reason.NAME_MISMATCH
    return view.refusal


def _distorted(result: Answered, fault: Fault) -> Answered:
    """`result` as it would be told of another movement: another key, or another amount."""
    move = result.move
    other = replace(move, key=move.key + "X") if fault.coin else replace(move, amount=move.amount + 10)
    if isinstance(result, Applied):
        return replace(result, move=other)
    if isinstance(result, Conflict):
        return Conflict(other)
    return replace(result, move=replace(move, key=move.key + "X"))
