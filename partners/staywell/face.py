"""Staywell's dialect for the simulators: XML to one address, 200 for everything, numbers for reasons.

Written from Staywell's interface and not from the adapter, so that each checks the other.
"""

from collections.abc import Mapping
from types import MappingProxyType
from xml.etree.ElementTree import Element, ParseError, SubElement, tostring

from defusedxml.ElementTree import fromstring

from hub.kernel.amounts import decimal_text
from partners.base import Reason
from partners.replies import amount_of
from partners.sandbox.books import Answered, Applied, Conflict, Found, MemberView, Missing, Move, MoveKind, Rejected
from partners.sandbox.face import Answer, Call, Face, Inquiry, Lookup, Task, Unheard

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
    """`POST /xml` with one of five documents."""

    def read(self, call: Call) -> Task:
        """What the document asks for."""
        try:
            root = fromstring(call.body, forbid_dtd=True)
        except (ParseError, ValueError):
            return Unheard(400, "not well-formed")
        texts = {child.tag: (child.text or "").strip() for child in root}
        if call.path != "/xml":
            return Unheard(404, "no such address")
        match root.tag:
            case "GuestRequest":
                return Lookup(texts.get("Guest", ""), texts.get("Name", ""))
            case "StatementRequest":
                return Lookup(texts.get("Guest", ""), wants_balance=True)
            case "LookupRequest":
                return Inquiry(texts.get("Reference", ""))
            case "TransactionRequest":
                kind = {"REDEEM": MoveKind.DEBIT, "AWARD": MoveKind.CREDIT}.get(texts.get("Kind", ""))
                return _move(kind, texts)
            case "CancelRequest":
                return _move(MoveKind.REVERSE, texts)
        return Unheard(400, "no such document")

    def moved(self, result: Answered) -> Answer:
        """OK, REPEATED or DECLINED with a code."""
        if isinstance(result, Conflict):
            return _answer({"Result": "DECLINED", "Code": "2099", "Reference": result.move.key})
        return _answer(_told(result, "REPEATED" if result.replayed else "OK"))

    def found(self, result: Found) -> Answer:
        """OK, DECLINED or NOTFOUND."""
        if isinstance(result, Missing):
            return _answer({"Result": "NOTFOUND", "Code": "0404", "Reference": result.key})
        return _answer(_told(result, "OK"))

    def member(self, lookup: Lookup, view: MemberView | None, refusal: Reason | None) -> Answer:
        """OK or DECLINED."""
        if view is None or refusal is not None:
            code = _CODES[refusal or Reason.MEMBER_UNKNOWN]
            return _answer({"Result": "DECLINED", "Code": code, "Guest": lookup.membership})
        texts = {"Result": "OK", "Code": "0000", "Guest": view.membership}
        if lookup.wants_balance:
            return _answer({**texts, "Balance": decimal_text(view.balances.get("staywell.night", 0), 1)})
        return _answer({**texts, "Name": view.name, "Level": view.tier, "NowGuest": view.surviving})

    def muddled(self, move: Move) -> Answer:
        """A result that chapter 3 does not know."""
        return _answer({"Result": "WAITLISTED", "Code": "7777", "Confirmation": "SW0", **_echo(move)})

    def failed(self, status: int, why: str) -> Answer:
        """A fault of the gateway itself."""
        return _answer({"Text": why}, status=status, root="Fault")


def _move(kind: MoveKind | None, texts: Mapping[str, str]) -> Task:
    unit, scale, step = _CURRENCIES.get(texts.get("Currency", ""), ("", 0, 1))
    amount = amount_of(texts.get("Quantity", ""), scale)
    if kind is None or not unit or amount is None:
        return Unheard(400, "malformed")
    if amount % step:
        amount = 0  # the books refuse it as an amount that is not allowed
    key, guest, original = texts.get("Reference", ""), texts.get("Guest", ""), texts.get("Cancels", "")
    return Move(kind, key, guest, unit, amount, original)


def _told(result: Applied | Rejected, word: str) -> dict[str, str]:
    texts, scale = _echo(result.move), _NAMES[result.move.unit][1]
    if isinstance(result, Rejected):
        return {"Result": "DECLINED", "Code": _CODES[result.reason], **texts}
    return {
        "Result": word,
        "Code": "0000",
        "Confirmation": f"SW{result.reference}",
        "Balance": decimal_text(result.balance, scale),
        "NowGuest": result.surviving,
        **texts,
    }


def _echo(move: Move) -> dict[str, str]:
    currency, scale = _NAMES[move.unit]
    quantity = decimal_text(move.amount, scale)
    return {"Reference": move.key, "Guest": move.membership, "Currency": currency, "Quantity": quantity}


def _answer(texts: Mapping[str, str], *, status: int = 200, root: str = "Response") -> Answer:
    document = Element(root)
    for name, text in texts.items():
        SubElement(document, name).text = text
    body = tostring(document, encoding="utf-8", xml_declaration=True)
    return Answer(status, body, "application/xml; charset=utf-8")
