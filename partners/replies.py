"""Reading partners' replies: strict JSON and XML, safe words, echoes compared, and what is no proof of anything.

Knows HTTP statuses and formats. Does not know any brand's words.
"""

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from email.utils import parsedate_to_datetime
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from hub.kernel.limits import AMOUNT_LEDGER_MAX
from partners.base import Instruction, Unknown
from partners.session import Reply

# Longest wait that a partner may ask for; a day is more than any maintenance page means.
_RETRY_AFTER_SECONDS_MAX = 86_400
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:/-]{0,63}")
_REFERENCE = re.compile(r"[\x21-\x7e]{1,128}")
# Characters of a name or a tier that are kept; longer ones are nobody's.
_LABEL_CHARS_MAX = 120


def json_of(reply: Reply) -> Mapping[str, object] | None:
    """The JSON object in the body, or None when it is anything else, cut off, or has a key twice."""
    return None if reply.cut else json_document(reply.body)


def json_answered(reply: Reply | Unknown) -> tuple[Reply, Mapping[str, object]] | Unknown:
    """A reply with the JSON object in its body; Unknown when there was no reply, or anything else in it."""
    if isinstance(reply, Unknown):
        return reply
    document = json_of(reply)
    return unreadable(reply) if document is None else (reply, document)


def json_document(body: bytes) -> Mapping[str, object] | None:
    """The JSON object that `body` is, or None when it is anything else, or has a key twice."""
    try:
        found = json.loads(body.decode("utf-8"), object_pairs_hook=_once, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def xml_of(reply: Reply, root: str) -> Element | None:
    """The root element named `root`, or None when the body is anything else; declarations of entities count as that."""
    if reply.cut:
        return None
    try:
        found: Element = fromstring(reply.body, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError):
        return None
    return found if found.tag == root else None


def json_exact(reply: Reply) -> Mapping[str, object] | None:
    """As `json_of`, with decimal numbers as they were written (`Decimal`) instead of binary fractions."""
    if reply.cut:
        return None
    try:
        text = reply.body.decode("utf-8")
        found = json.loads(text, object_pairs_hook=_once, parse_constant=_refuse_constant, parse_float=Decimal)
    except (ValueError, ArithmeticError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def text_at(document: Mapping[str, object], *path: str) -> str:
    """The text at that path of nested objects; empty when there is none or it is no text."""
    found: object = document
    for name in path:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found if isinstance(found, str) else ""


def whole_at(document: Mapping[str, object], *path: str) -> int | None:
    """The whole number at that path, or None: 10.0, "10" and true are none, and so is what no ledger holds."""
    found: object = document
    for name in path:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found if type(found) is int and abs(found) <= AMOUNT_LEDGER_MAX else None


def child_text(element: Element, name: str) -> str:
    """The text of a child element without spaces around it; empty when there is none."""
    return (element.findtext(name) or "").strip()


def amount_of(text: str, scale: int) -> int | None:
    """Smallest units of a plain decimal such as `2.5` at `scale` digits; None when it is no such number."""
    match = re.fullmatch(r"(0|[1-9][0-9]{0,15})(?:\.([0-9]{1,12}))?", text, re.ASCII)
    if match is None:
        return None
    digits = match[2] or ""
    if len(digits) > scale and digits[scale:].strip("0"):
        return None
    amount = int(match[1] + digits[:scale].ljust(scale, "0"))
    return amount if amount <= AMOUNT_LEDGER_MAX else None


def word(text: str) -> str:
    """A partner's own word, if it looks like one; texts that could carry anything else are dropped."""
    return text if _WORD.fullmatch(text) else ""


def reference_of(text: str) -> str:
    """A partner's reference if it is printable and short enough to keep; else empty."""
    return text if _REFERENCE.fullmatch(text) else ""


def label_of(text: str) -> str:
    """A name or a tier as the partner has it, if a person could have it; else empty."""
    return text.strip() if text.isprintable() and len(text) <= _LABEL_CHARS_MAX else ""


def no_proof(reply: Reply, said: str = "") -> Unknown:
    """What an answer means that is neither a clear yes nor a known no: its status, and the wait it asks for.

    said: the partner's own word for it, shown to people if it looks like a word.
    """
    return Unknown(f"http {reply.status} {word(said)}".rstrip(), retry_after_seconds=_retry_after(reply))


def unreadable(reply: Reply) -> Unknown:
    """An answer whose body is not what the partner's interface promises."""
    return Unknown(f"http {reply.status}, unreadable body", retry_after_seconds=_retry_after(reply))


def unfamiliar(reply: Reply, said: str) -> Unknown:
    """An answer with a word that is in no table. said: shown only if it looks like a word."""
    return Unknown(f"http {reply.status}, unfamiliar word {word(said) or '(unprintable)'}")


def wrong_echo(instruction: Instruction, *, key: str, membership: str, amount: int | None) -> Unknown | None:
    """None when the answer is about this instruction; else Unknown that names the field that is not.

    membership: the number that was instructed, as the partner repeats it (a surviving number stands elsewhere).
    """
    if key != instruction.key:
        return Unknown("wrong echo: key")
    if membership != instruction.membership:
        return Unknown("wrong echo: membership")
    if amount != instruction.amount:
        return Unknown("wrong echo: amount")
    return None


def _retry_after(reply: Reply) -> int | None:
    text = reply.headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return min(int(text[:9]), _RETRY_AFTER_SECONDS_MAX)
    try:
        # A date is measured against the partner's own clock, so that ours need not agree with it.
        wait = parsedate_to_datetime(text) - parsedate_to_datetime(reply.headers.get("date", ""))
    except (ValueError, TypeError):
        return None
    return max(0, min(int(wait.total_seconds()), _RETRY_AFTER_SECONDS_MAX))


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice")
    return found


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")
