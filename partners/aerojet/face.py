"""Aerojet's dialect for the simulators: movements with states, words in capitals, 201 for what is new.

Written from Aerojet's interface and not from the adapter, so that each checks the other.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from partners.base import Reason
from partners.sandbox.books import Answered, Applied, Conflict, Found, MemberView, Missing, Move, MoveKind, Rejected
from partners.sandbox.face import (
    Answer,
    Call,
    Face,
    Inquiry,
    Lookup,
    Moves,
    Muddled,
    Task,
    Unheard,
    json_answer,
    json_task_body,
    segments,
)

UNIT = "aerojet.mile"

_MOVEMENTS_MAX = 100
_KINDS = MappingProxyType({"BURN": MoveKind.DEBIT, "EARN": MoveKind.CREDIT, "REINSTATE": MoveKind.REVERSE})
_WORDS: Mapping[Reason, str] = MappingProxyType(
    {
        Reason.INSUFFICIENT_POINTS: "INSUFFICIENT_MILES",
        Reason.MEMBER_UNKNOWN: "NO_SUCH_MEMBER",
        Reason.MEMBER_CLOSED: "ACCOUNT_CLOSED",
        Reason.MEMBER_BLOCKED: "ACCOUNT_LOCKED",
        Reason.MEMBER_DECEASED: "MEMBER_DECEASED",
        Reason.NAME_MISMATCH: "NAME_DIFFERS",
        Reason.AMOUNT_NOT_ALLOWED: "MILES_OUT_OF_RANGE",
        Reason.NOT_REVERSIBLE: "NOT_REINSTATABLE",
    }
)


class AerojetFace(Face):
    """`/v3/movements`, `/v3/movements:batch`, `/v3/members:match`, `/v3/members/<number>/miles`."""

    def read(self, call: Call) -> Task:
        """What the call asks for."""
        document = json_task_body(call) or {}
        match call.method, segments(call):
            case "POST", ["v3", "movements"]:
                return _move(document)
            case "POST", ["v3", "movements:batch"]:
                return _moves(document)
            case "GET", ["v3", "movements", key]:
                return Inquiry(key)
            case "POST", ["v3", "members:match"]:
                return Lookup(str(document.get("membershipNo", "")), str(document.get("name", "")))
            case "GET", ["v3", "members", number, "miles"]:
                return Lookup(number, wants_balance=True)
        return Unheard(404, "NO_SUCH_RESOURCE")

    def moved(self, result: Answered) -> Answer:
        """201 BOOKED when new, 200 DUPLICATE when not, 422 REJECTED, 409 for an id used otherwise."""
        if isinstance(result, Conflict):
            return json_answer(409, {"errorCode": "MOVEMENT_ID_REUSED", "movementId": result.move.key})
        if isinstance(result, Rejected):
            return json_answer(422, _told(result))
        return json_answer(200 if result.replayed else 201, _told(result))

    def moved_many(self, results: Sequence[Answered | Muddled]) -> Answer:
        """200 with a result for each, whatever became of it, the last asked for first."""
        return json_answer(200, {"results": [_told_of_many(result) for result in reversed(results)]})

    def found(self, result: Found) -> Answer:
        """200 with the movement, or 404."""
        if isinstance(result, Missing):
            return json_answer(404, {"errorCode": "MOVEMENT_NOT_FOUND", "movementId": result.key})
        return json_answer(200, {**_told(result), "state": "BOOKED" if isinstance(result, Applied) else "REJECTED"})

    def member(self, lookup: Lookup, view: MemberView | None, refusal: Reason | None) -> Answer:
        """200 OPEN, 404 for nobody, 422 for somebody who may not."""
        if view is None or refusal is not None:
            word = _WORDS[refusal or Reason.MEMBER_UNKNOWN]
            document = {"state": "REJECTED", "errorCode": word, "membershipNo": lookup.membership}
            return json_answer(404 if view is None else 422, document)
        if lookup.wants_balance:
            return json_answer(200, {"membershipNo": view.membership, "miles": view.balances.get(UNIT, 0)})
        return json_answer(
            200,
            {
                "membershipNo": view.membership,
                "accountState": "OPEN",
                "displayName": view.name,
                "tierLevel": view.tier,
                "mergedInto": view.surviving,
            },
        )

    def muddled(self, move: Move) -> Answer:
        """A state that section 4.1 does not know."""
        return json_answer(200, _muddled(move))

    def failed(self, status: int, why: str) -> Answer:
        """Aerojet's error body."""
        return json_answer(status, {"errorCode": why.upper()})


def _moves(document: Mapping[str, object]) -> Task:
    listed = document.get("movements")
    if not isinstance(listed, list) or not 1 <= len(listed) <= _MOVEMENTS_MAX:
        return Unheard(400, "MALFORMED")
    moves = [_move(one) if isinstance(one, dict) else None for one in listed]
    whole = tuple(move for move in moves if isinstance(move, Move) and move.kind is MoveKind.CREDIT)
    if len(whole) != len(listed) or len({move.key for move in whole}) != len(whole):
        return Unheard(400, "MALFORMED")
    return Moves(whole)


def _told_of_many(result: Answered | Muddled) -> Mapping[str, object]:
    if isinstance(result, Muddled):
        return _muddled(result.move)
    if isinstance(result, Conflict):
        return {"state": "REFUSED", "errorCode": "MOVEMENT_ID_REUSED", "movementId": result.move.key}
    return _told(result)


def _muddled(move: Move) -> Mapping[str, object]:
    return {"state": "ON_STANDBY", "recordLocator": "AJ-0", **_echo(move)}


def _move(document: Mapping[str, object]) -> Task:
    kind, miles = _KINDS.get(str(document.get("type"))), document.get("miles")
    if kind is None or type(miles) is not int:
        return Unheard(400, "MALFORMED")
    key, number = str(document.get("movementId")), str(document.get("membershipNo"))
    return Move(kind, key, number, UNIT, miles, str(document.get("reinstates", "")))


def _told(result: Applied | Rejected) -> dict[str, object]:
    echo = _echo(result.move)
    if isinstance(result, Rejected):
        return {"state": "REJECTED", "errorCode": _WORDS[result.reason], **echo}
    return {
        "state": "DUPLICATE" if result.replayed else "BOOKED",
        "recordLocator": f"AJ-{result.reference}",
        "milesAfter": result.balance,
        "mergedInto": result.surviving,
        **echo,
    }


def _echo(move: Move) -> Mapping[str, object]:
    return {"movementId": move.key, "membershipNo": move.membership, "miles": move.amount}
