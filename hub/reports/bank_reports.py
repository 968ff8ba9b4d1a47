"""What a bank reports, as it comes: camt.053.001.08, camt.054.001.08 and pain.002.001.10.

Knows the messages, and takes nothing from them but what settles obligations. Entities, document types and large files
are refused before they are read. Source: ISO 20022 message definitions.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from hub.agreements.currencies import exponent, is_currency
from hub.settlement.receiving import BankEntry
from hub.settlement.refusals import PaymentFileInvalid

# A bank's day of a settlement account has some hundred entries of about 2 kB.
FILE_BYTES_MAX = 20_000_000
_ENTRIES_MAX = 50_000
_NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:"
_STATEMENTS = {"camt.053.001.08": "BkToCstmrStmt/Stmt", "camt.054.001.08": "BkToCstmrDbtCdtNtfctn/Ntfctn"}
_STATUS = "pain.002.001.10"
_AMOUNT = re.compile(r"([0-9]{1,15})(?:\.([0-9]{0,5}))?")


@dataclass(frozen=True, slots=True)
class Answer:
    """What the bank says of an order. status: its code such as ACSC or RJCT. reason: a code, often empty."""

    end_to_end: str
    status: str
    reason: str


def read_report(content: bytes) -> tuple[list[BankEntry], list[Answer]]:
    """Booked entries and answers to orders, in the order of the file. Raises: PaymentFileInvalid."""
    if len(content) > FILE_BYTES_MAX:
        raise PaymentFileInvalid(f"A bank's file has {FILE_BYTES_MAX:,} bytes at most.")
    try:
        root = fromstring(content, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError) as fault:
        raise PaymentFileInvalid("This is no XML that is read here.") from fault
    kind = root.tag.removeprefix(f"{{{_NAMESPACE}").removesuffix("}Document")
    if kind != _STATUS and kind not in _STATEMENTS:
        raise PaymentFileInvalid("Banks' files are camt.053.001.08, camt.054.001.08 or pain.002.001.10.")
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    if kind == _STATUS:
        return [], list(_answers(root))
    found = [entry for part in root.iterfind(_STATEMENTS[kind]) for entry in _entries(part)]
    if len(found) > _ENTRIES_MAX:
        raise PaymentFileInvalid(f"A bank's file has {_ENTRIES_MAX:,} entries at most.")
    return found, []


def _entries(part: Element) -> Iterator[BankEntry]:
    """Booked entries of an account, one for each transaction; what is pending or for information moves nothing."""
    iban = _of(part, "Acct/Id/IBAN")
    for entry in part.iterfind("Ntry"):
        if _of(entry, "Sts/Cd") != "BOOK":
            continue
        details = entry.findall("NtryDtls/TxDtls") or [entry]
        for place, one in enumerate(details):
            amount = one.find("Amt")
            if amount is None:
                amount = entry.find("Amt") if len(details) == 1 else None
            if amount is None:
                raise PaymentFileInvalid("A transaction of a batch has no amount of its own.")
            batch = _of(entry, "AcctSvcrRef")
            yield BankEntry(
                iban=iban,
                currency=amount.get("Ccy", ""),
                amount=_units(amount),
                incoming=(_of(one, "CdtDbtInd") or _of(entry, "CdtDbtInd")) == "CRDT",
                reversal=_of(entry, "RvslInd") in ("true", "1"),
                end_to_end=_of(one, "Refs/EndToEndId"),
                reference=_of(one, "Refs/AcctSvcrRef") or (batch and (f"{batch}/{place + 1}" if place else batch)),
            )


def _answers(root: Element) -> Iterator[Answer]:
    for one in root.iterfind("CstmrPmtStsRpt/OrgnlPmtInfAndSts/TxInfAndSts"):
        yield Answer(_of(one, "OrgnlEndToEndId"), _of(one, "TxSts"), _of(one, "StsRsnInf/Rsn/Cd"))


def _units(amount: Element) -> int:
    """An amount in smallest units of its currency."""
    currency, found = amount.get("Ccy", ""), _AMOUNT.fullmatch((amount.text or "").strip())
    if found is None or not is_currency(currency):
        raise PaymentFileInvalid("An entry has no amount, or no currency that is known.")
    digits = exponent(currency)
    whole, rest = found[1], (found[2] or "").rstrip("0")
    if len(rest) > digits:
        raise PaymentFileInvalid(f"An amount has more digits than {currency} does.")
    return int(whole + rest.ljust(digits, "0"))


def _of(element: Element, path: str) -> str:
    return (element.findtext(path) or "").strip()
