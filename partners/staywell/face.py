"""Staywell's dialect for the simulators: SOAP 1.1 at one address, faults with numbers for reasons.

Written from Staywell's interface and not from the adapter, so that each checks the other.
"""

from collections.abc import Mapping
from types import MappingProxyType
from xml.etree.ElementTree import Element, ParseError, SubElement

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from hub.kernel.amounts import decimal_text
from partners.base import Reason
from partners.replies import amount_of
from partners.sandbox.books import Answered, Applied, Conflict, Found, MemberView, Missing, Move, MoveKind, Rejected
from partners.sandbox.face import Answer, Call, Face, Inquiry, Lookup, Task, Unheard
from partners.soap import CONTENT_TYPE, ENVELOPE, envelope, written

_NAMESPACE = "urn:staywell:gateway:2.1"
# The currency's name, its unit, its decimal digits, and what a quantity must be a multiple of.
_CURRENCIES = MappingProxyType({"NIGHT": ("staywell.night", 1, 5), "POINT": ("staywell.point", 0, 1)})
_NAMES = MappingProxyType({unit: (name, scale) for name, (unit, scale, _) in _CURRENCIES.items()})
_CODES: Mapping[Reason, str] = MappingProxyType(
    {
        Reason.INSUFFICIENT_POINTS: "2001",
        Reason.MEMBER_UNKNOWN: "1404",
        Reason.MEMBER_CLOSED: "1410",
        Reason.MEMBER_BLOCKED: "1423",
        Reason.MEMBER_DECEASED: "1451",
        Reason.NAME_MISMATCH: "1409",
        Reason.AMOUNT_NOT_ALLOWED: "2010",
        Reason.NOT_REVERSIBLE: "2044",
    }
)


class StaywellFace(Face):
    """`POST /soap` with one of five operations, each named by its element and again by SOAPAction."""

    key_life_hours = 168

    def read(self, call: Call) -> Task:
        """What the document asks for."""
        if (call.method, call.path) != ("POST", "/soap"):
            return Unheard(404, "no such address")
        try:
            root = fromstring(call.body, forbid_dtd=True)
        except (ParseError, DefusedXmlException, ValueError):
            return Unheard(500, "Client: not well-formed")
        found = root.find(f"{{{ENVELOPE}}}Body/*")
        if found is None or not call.headers.get("content-type", "").startswith("text/xml"):
            return Unheard(500, "Client: no envelope")
        operation = found.tag.removeprefix(f"{{{_NAMESPACE}}}").removesuffix("Request")
        if call.headers.get("soapaction") != f'"{_NAMESPACE}#{operation}"':
            return Unheard(500, "Client: SOAPAction names another operation")
        return _task(operation, {child.tag.rpartition("}")[2]: (child.text or "").strip() for child in found})

    def moved(self, result: Answered) -> Answer:
        """BOOKED, REPEATED, or a fault with a code."""
        operation = "Cancel" if result.move.kind is MoveKind.REVERSE else "Transaction"
        if isinstance(result, Conflict):
            return _fault("Client", "reference used", {"Code": "2099", "Reference": result.move.key})
        if isinstance(result, Rejected):
            return _fault("Client", "declined", {"Code": _CODES[result.reason], **_echo(result.move)})
        return _answer(operation, _booked(result, "REPEATED" if result.replayed else "BOOKED"))

    def found(self, result: Found) -> Answer:
        """BOOKED, DECLINED or NOTFOUND; to look for something is never a fault."""
        if isinstance(result, Missing):
            return _answer("Lookup", {"Status": "NOTFOUND", "Reference": result.key})
        if isinstance(result, Rejected):
            return _answer("Lookup", {"Status": "DECLINED", "Code": _CODES[result.reason], **_echo(result.move)})
        return _answer("Lookup", _booked(result, "BOOKED"))

    def member(self, lookup: Lookup, view: MemberView | None, refusal: Reason | None) -> Answer:
        """ACTIVE, a balance in nights, or a fault."""
        if view is None or refusal is not None:
            code = _CODES[refusal or Reason.MEMBER_UNKNOWN]
            return _fault("Client", "declined", {"Code": code, "Guest": lookup.membership})
        if lookup.wants_balance:
            nights = decimal_text(view.balances.get("staywell.night", 0), 1)
            return _answer("Statement", {"Guest": view.membership, "Currency": "NIGHT", "Balance": nights})
        texts = {"Status": "ACTIVE", "Guest": view.membership, "Name": view.name}
        return _answer("Guest", {**texts, "Level": view.tier, "NowGuest": view.surviving})

    def muddled(self, move: Move) -> Answer:
        """A status that chapter 3 does not know."""
        operation = "Cancel" if move.kind is MoveKind.REVERSE else "Transaction"
        return _answer(operation, {"Status": "WAITLISTED", "Confirmation": "SW0", **_echo(move)})

    def failed(self, status: int, why: str) -> Answer:
        """A fault of the gateway itself, or of a caller that it does not understand."""
        blamed, _, text = why.rpartition(": ")
        return _fault(blamed or "Server", text, {}, status=status)


def _task(operation: str, texts: Mapping[str, str]) -> Task:
    match operation:
        case "Guest":
            return Lookup(texts.get("Guest", ""), texts.get("Name", ""))
        case "Statement":
            return Lookup(texts.get("Guest", ""), wants_balance=True)
        case "Lookup":
            return Inquiry(texts.get("Reference", ""))
        case "Transaction":
            return _move({"REDEEM": MoveKind.DEBIT, "AWARD": MoveKind.CREDIT}.get(texts.get("Kind", "")), texts)
        case "Cancel":
            return _move(MoveKind.REVERSE, texts)
    return Unheard(500, "Client: no such operation")


def _move(kind: MoveKind | None, texts: Mapping[str, str]) -> Task:
    unit, scale, step = _CURRENCIES.get(texts.get("Currency", ""), ("", 0, 1))
    amount = amount_of(texts.get("Quantity", ""), scale)
    if kind is None or not unit or amount is None:
        return Unheard(500, "Client: malformed")
    if amount % step:
        amount = 0  # the books refuse it as an amount that is not allowed
    key, guest, original = texts.get("Reference", ""), texts.get("Guest", ""), texts.get("Cancels", "")
    return Move(kind, key, guest, unit, amount, original)


def _booked(result: Applied, status: str) -> dict[str, str]:
    return {
        "Status": status,
        "Confirmation": f"SW{result.reference}",
        "Balance": decimal_text(result.balance, _NAMES[result.move.unit][1]),
        "NowGuest": result.surviving,
        **_echo(result.move),
    }


def _echo(move: Move) -> dict[str, str]:
    currency, scale = _NAMES[move.unit]
    quantity = decimal_text(move.amount, scale)
    return {"Reference": move.key, "Guest": move.membership, "Currency": currency, "Quantity": quantity}


def _answer(operation: str, texts: Mapping[str, str]) -> Answer:
    return Answer(200, envelope(_NAMESPACE, f"{operation}Response", texts), CONTENT_TYPE)


def _fault(code: str, text: str, detail: Mapping[str, str], *, status: int = 500) -> Answer:
    root = Element(f"{{{ENVELOPE}}}Envelope")
    fault = SubElement(SubElement(root, f"{{{ENVELOPE}}}Body"), f"{{{ENVELOPE}}}Fault")
    SubElement(fault, "faultcode").text = f"soap:{code}"
    SubElement(fault, "faultstring").text = text
    if detail:
        inner = SubElement(SubElement(fault, "detail"), f"{{{_NAMESPACE}}}GatewayFault")
        for name, value in detail.items():
            SubElement(inner, f"{{{_NAMESPACE}}}{name}").text = value
    return Answer(status, written(root), CONTENT_TYPE)
