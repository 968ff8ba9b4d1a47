"""Northbank's dialect for the simulators: signed orders, accepted with 202, settled and notified a moment later.

Written from Northbank's interface and not from the adapter, so that each checks the other.
"""

import json
from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import TypeGuard
from urllib.parse import quote

from hub.kernel.amounts import decimal_text
from partners.base import Reason
from partners.replies import amount_of, text_at
from partners.sandbox.books import Answered, Applied, Conflict, Found, MemberView, Missing, Move, MoveKind, Rejected
from partners.sandbox.face import (
    Answer,
    Call,
    Face,
    Inquiry,
    Lookup,
    Task,
    Unheard,
    json_answer,
    json_task_body,
    segments,
)

UNIT = "northbank.cashback"

# From acceptance to the result; long enough that a first inquiry usually comes too early.
_SETTLES_AFTER_MS = 40
_SETTLES_AFTER = timedelta(milliseconds=_SETTLES_AFTER_MS)
_ORDERS = "/cashback/v1/orders"
_PROBLEMS = "https://api.northbank.example/problems/"
_WORDS: Mapping[Reason, str] = MappingProxyType(
    {
        Reason.INSUFFICIENT_POINTS: "insufficient-funds",
        Reason.MEMBER_UNKNOWN: "account-not-found",
        Reason.MEMBER_CLOSED: "account-closed",
        Reason.MEMBER_BLOCKED: "account-frozen",
        Reason.MEMBER_DECEASED: "customer-deceased",
        Reason.NAME_MISMATCH: "holder-mismatch",
        Reason.AMOUNT_NOT_ALLOWED: "amount-not-supported",
        Reason.NOT_REVERSIBLE: "not-refundable",
    }
)


class NorthbankFace(Face):
    """`/cashback/v1/orders`, `/refunds`, `/accounts/verify`, `/accounts/<number>/balance`; every call is signed."""

    signed = True
    key_life_hours = 24
    notice_after_ms = _SETTLES_AFTER_MS

    def read(self, call: Call) -> Task:
        """What the call asks for."""
        document = json_task_body(call) or {}
        match call.method, segments(call)[2:]:
            case "POST", ["orders"]:
                kind = {"DEBIT": MoveKind.DEBIT, "CREDIT": MoveKind.CREDIT}.get(text_at(document, "direction"))
                return _order(kind, call, document)
            case "POST", ["refunds"]:
                return _order(MoveKind.REVERSE, call, document)
            case "GET", ["orders", key]:
                return Inquiry(key)
            case "POST", ["accounts", "verify"]:
                return Lookup(text_at(document, "accountId"), text_at(document, "holder"))
            case "GET", ["accounts", number, "balance"]:
                return Lookup(number, wants_balance=True)
        return Unheard(404, "no-such-resource")

    def moved(self, result: Answered) -> Answer:
        """202 at first; 200 once it is settled; 422 for what can be refused without looking at a balance."""
        if isinstance(result, Conflict):
            return _problem(422, "idempotency-key-reused", {"idempotencyKey": result.move.key})
        if _refused_at_once(result):
            return _problem(422, _WORDS[result.reason], _echo(result.move))
        document = _told(result, "RECEIVED")
        if result.age >= _SETTLES_AFTER:
            return json_answer(200, document)
        return json_answer(202, document, location=f"{_ORDERS}/{quote(result.move.key, safe='')}")

    def found(self, result: Found) -> Answer:
        """200 with the order as it stands, or 404."""
        if isinstance(result, Missing):
            return _problem(404, "order-not-found", {"idempotencyKey": result.key})
        return json_answer(200, _told(result, "PROCESSING"))

    def notice(self, result: Applied | Rejected) -> bytes:
        """`order.settled` or `order.declined`, with the order as an inquiry would tell it."""
        if _refused_at_once(result):
            return b""
        settled = isinstance(result, Applied)
        document = {
            "event": "order.settled" if settled else "order.declined",
            "eventId": f"evt-{result.move.key}-{'s' if settled else 'd'}",
            "order": _decided(result),
        }
        return json.dumps(document, separators=(",", ":")).encode()

    def member(self, lookup: Lookup, view: MemberView | None, refusal: Reason | None) -> Answer:
        """200 VERIFIED, or 422 with a problem."""
        if view is None or refusal is not None:
            return _problem(422, _WORDS[refusal or Reason.MEMBER_UNKNOWN], {"accountId": lookup.membership})
        if lookup.wants_balance:
            return json_answer(200, {"accountId": view.membership, "available": _money(view.balances.get(UNIT, 0))})
        return json_answer(
            200,
            {
                "accountId": view.membership,
                "verification": "VERIFIED",
                "holder": view.name,
                "segment": view.tier,
                "replacedBy": view.surviving,
            },
        )

    def muddled(self, move: Move) -> Answer:
        """A status that "Orders" does not know."""
        return json_answer(200, {"status": "PARKED", "orderId": "NB-0", **_echo(move)})

    def failed(self, status: int, why: str) -> Answer:
        """A problem of the bank's own."""
        return _problem(status, why, {})


def _order(kind: MoveKind | None, call: Call, document: Mapping[str, object]) -> Task:
    key = call.headers.get("idempotency-key", "")
    amount = amount_of(text_at(document, "amount", "value"), 2)
    if kind is None or amount is None or not key or text_at(document, "amount", "currency") != "USD":
        return Unheard(400, "malformed-request")
    return Move(kind, key, text_at(document, "accountId"), UNIT, amount, text_at(document, "refundOf"))


def _refused_at_once(result: Applied | Rejected) -> TypeGuard[Rejected]:
    """What can be refused without looking at a balance is."""
    return isinstance(result, Rejected) and result.reason is not Reason.INSUFFICIENT_POINTS


def _told(result: Applied | Rejected, meanwhile: str) -> Mapping[str, object]:
    if result.age >= _SETTLES_AFTER:
        return _decided(result)
    return {**_known(result), "status": meanwhile}


def _decided(result: Applied | Rejected) -> Mapping[str, object]:
    if isinstance(result, Rejected):
        return {**_known(result), "status": "DECLINED", "declineCode": _WORDS[result.reason]}
    amounts = {"settledAmount": _money(result.move.amount), "available": _money(result.balance)}
    return {**_known(result), "status": "SETTLED", "replacedBy": result.surviving, **amounts}


def _known(result: Applied | Rejected) -> Mapping[str, object]:
    order = result.reference if isinstance(result, Applied) else "R"
    return {**_echo(result.move), "orderId": f"NB-{order}", "alreadyReceived": result.replayed}


def _echo(move: Move) -> Mapping[str, object]:
    return {"idempotencyKey": move.key, "accountId": move.membership, "amount": _money(move.amount)}


def _money(amount: int) -> Mapping[str, str]:
    return {"value": decimal_text(amount, 2), "currency": "USD"}


def _problem(status: int, kind: str, facts: Mapping[str, object]) -> Answer:
    answer = json_answer(status, {"type": _PROBLEMS + kind, "status": status, **facts})
    return Answer(answer.status, answer.body, "application/problem+json")
