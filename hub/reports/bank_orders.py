"""What a bank is asked to do for a window: credit transfers as pain.001.001.09, direct debits as pain.008.001.08.

Knows the messages. An obligation's id is its end-to-end id, so what the bank reports later names it. The same rows give
the same bytes; a second file of one window has another sequence, and with it another message id.
Sources: ISO 20022 message definitions; EPC132-08 and EPC222-07 for what SEPA takes of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from hub.kernel.amounts import decimal_text
from hub.settlement.accounts import PayAccount, end_to_end_id

_CREDIT = "urn:iso:std:iso:20022:tech:xsd:pain.001.001.09"
_DEBIT = "urn:iso:std:iso:20022:tech:xsd:pain.008.001.08"


@dataclass(frozen=True, slots=True)
class Order:
    """Money to move for one obligation. amount: smallest units of the currency, > 0. exponent: their digits."""

    obligation: str
    amount: int
    exponent: int
    ours: PayAccount
    theirs: PayAccount


@dataclass(frozen=True, slots=True)
class Message:
    """What a message is about. id: of the window. made_at: what the message says; on: when the money is to move."""

    id: str
    sequence: int
    made_at: datetime
    on: date
    initiator: str


def credit_transfers(message: Message, orders: Sequence[Order]) -> bytes:
    """pain.001.001.09: the hub pays. orders: sorted by currency, at least one."""
    root, top = _document(_CREDIT, "CstmrCdtTrfInitn", f"{message.id}-C{message.sequence}", message, orders)
    for currency, some in groupby(orders, key=lambda one: one.ours.currency):
        group = list(some)
        block = _block(top, message, f"C{message.sequence}", currency, "TRF", group)
        _text(block, "ReqdExctnDt/Dt", message.on.isoformat())
        _party(block, "Dbtr", group[0].ours)
        _text(block, "DbtrAcct/Id/IBAN", group[0].ours.iban)
        _text(block, "DbtrAgt/FinInstnId/BICFI", group[0].ours.bic)
        _text(block, "ChrgBr", "SLEV")
        for one in group:
            item = SubElement(block, "CdtTrfTxInf")
            _text(item, "PmtId/EndToEndId", end_to_end_id(one.obligation))
            _text(item, "Amt/InstdAmt", decimal_text(one.amount, one.exponent)).set("Ccy", currency)
            _text(item, "CdtrAgt/FinInstnId/BICFI", one.theirs.bic)
            _party(item, "Cdtr", one.theirs)
            _text(item, "CdtrAcct/Id/IBAN", one.theirs.iban)
            _text(item, "RmtInf/Ustrd", f"Settlement {end_to_end_id(message.id)}")
    return _written(root)


def direct_debits(message: Message, orders: Sequence[Order]) -> bytes:
    """pain.008.001.08: the hub collects under mandates, business to business. orders: sorted by currency, not none."""
    root, top = _document(_DEBIT, "CstmrDrctDbtInitn", f"{message.id}-D{message.sequence}", message, orders)
    for currency, some in groupby(orders, key=lambda one: one.ours.currency):
        group = list(some)
        block = _block(top, message, f"D{message.sequence}", currency, "DD", group)
        kind = SubElement(block, "PmtTpInf")
        _text(kind, "SvcLvl/Cd", "SEPA")
        _text(kind, "LclInstrm/Cd", "B2B")
        _text(kind, "SeqTp", "RCUR")
        _text(block, "ReqdColltnDt", message.on.isoformat())
        _party(block, "Cdtr", group[0].ours)
        _text(block, "CdtrAcct/Id/IBAN", group[0].ours.iban)
        _text(block, "CdtrAgt/FinInstnId/BICFI", group[0].ours.bic)
        _text(block, "ChrgBr", "SLEV")
        scheme = SubElement(SubElement(SubElement(SubElement(block, "CdtrSchmeId"), "Id"), "PrvtId"), "Othr")
        _text(scheme, "Id", group[0].ours.creditor)
        _text(scheme, "SchmeNm/Prtry", "SEPA")
        for one in group:
            assert one.theirs.mandate_on is not None, "only who signed a mandate is debited"
            item = SubElement(block, "DrctDbtTxInf")
            _text(item, "PmtId/EndToEndId", end_to_end_id(one.obligation))
            _text(item, "InstdAmt", decimal_text(one.amount, one.exponent)).set("Ccy", currency)
            mandate = SubElement(SubElement(item, "DrctDbtTx"), "MndtRltdInf")
            _text(mandate, "MndtId", one.theirs.mandate)
            _text(mandate, "DtOfSgntr", one.theirs.mandate_on.isoformat())
            _text(item, "DbtrAgt/FinInstnId/BICFI", one.theirs.bic)
            _party(item, "Dbtr", one.theirs)
            _text(item, "DbtrAcct/Id/IBAN", one.theirs.iban)
            _text(item, "RmtInf/Ustrd", f"Settlement {end_to_end_id(message.id)}")
    return _written(root)


def _document(namespace: str, kind: str, id: str, message: Message, orders: Sequence[Order]) -> tuple[Element, Element]:
    assert orders, "a message asks for something"
    root = Element("Document", {"xmlns": namespace})
    top = SubElement(root, kind)
    head = SubElement(top, "GrpHdr")
    _text(head, "MsgId", end_to_end_id(id))
    _text(head, "CreDtTm", f"{message.made_at:%Y-%m-%dT%H:%M:%SZ}")
    _text(head, "NbOfTxs", str(len(orders)))
    _text(head, "CtrlSum", _sum(orders))
    _text(head, "InitgPty/Nm", message.initiator)
    return root, top


def _block(top: Element, message: Message, kind: str, currency: str, way: str, group: Sequence[Order]) -> Element:
    block = SubElement(top, "PmtInf")
    # 35 characters at most: the window's id has 30.
    _text(block, "PmtInfId", f"{end_to_end_id(message.id)[4:]}-{kind}-{currency}")
    _text(block, "PmtMtd", way)
    _text(block, "NbOfTxs", str(len(group)))
    _text(block, "CtrlSum", _sum(group))
    return block


def _party(parent: Element, name: str, account: PayAccount) -> None:
    party = SubElement(parent, name)
    _text(party, "Nm", account.name)
    address = SubElement(party, "PstlAdr")
    _text(address, "TwnNm", account.town)
    _text(address, "Ctry", account.country)


def _sum(orders: Sequence[Order]) -> str:
    """All amounts added up, whatever their currencies, as the standard has it."""
    digits = max(one.exponent for one in orders)
    return decimal_text(sum(one.amount * 10 ** (digits - one.exponent) for one in orders), digits)


def _text(parent: Element, path: str, text: str) -> Element:
    for name in path.split("/"):
        parent = SubElement(parent, name)
    parent.text = text
    return parent


def _written(root: Element) -> bytes:
    indent(root)
    body: bytes = tostring(root, encoding="utf-8")
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + body + b"\n"
