"""SOAP 1.1 over HTTP, document/literal: one operation asked for, its answer or its fault as plain texts.

Knows envelopes, SOAPAction and faults (W3C Note "Simple Object Access Protocol 1.1", sections 4 and 6). Does not know
any brand's operations or codes. XML that arrives is read without declarations of types or entities.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element, SubElement, register_namespace, tostring

from partners.base import Unknown
from partners.replies import no_proof, unreadable, xml_of
from partners.session import PartnerSession, Reply, answers_sensibly

ENVELOPE = "http://schemas.xmlsoap.org/soap/envelope/"
CONTENT_TYPE = "text/xml; charset=utf-8"
register_namespace("soap", ENVELOPE)

# What XML 1.0 has no way to say, not even escaped.
_UNSAYABLE = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class SoapAnswer:
    """What an operation answered. texts: by the name of the element, of the response or of the fault's detail.

    fault: the fault's code without its prefix (`Client`, `Server`); empty for a response.
    """

    reply: Reply
    fault: str
    texts: Mapping[str, str] = field(repr=False)

    def text(self, name: str) -> str:
        """The text of that element; empty when there is none."""
        return self.texts.get(name, "")


@dataclass(frozen=True, slots=True)
class SoapService:
    """Where a brand's operations are asked for. namespace: of all its elements, and the stem of every SOAPAction."""

    path: str
    namespace: str

    def call(
        self, session: PartnerSession, operation: str, parts: Mapping[str, str], *, trace: str = ""
    ) -> SoapAnswer | Unknown:
        """The answer to `<operation>Request` with these parts; Unknown when nothing came that can be read.

        A fault comes with status 500 and a response with 200 (section 6.2); anything else is no proof.
        """
        body = envelope(self.namespace, f"{operation}Request", parts)
        headers = {"content-type": CONTENT_TYPE, "soapaction": f'"{self.namespace}#{operation}"'}
        reply = session.post_xml(self.path, body, trace=trace, headers=headers, sensible=_sensible)
        if isinstance(reply, Unknown):
            return reply
        if reply.status not in (200, 500):
            return no_proof(reply)
        answer = self._read(reply, f"{operation}Response")
        if answer is None:
            return unreadable(reply)
        return answer if bool(answer.fault) == (reply.status == 500) else no_proof(reply)

    def _read(self, reply: Reply, response: str) -> SoapAnswer | None:
        content = _content(reply)
        if content is None:
            return None
        fault = ""
        if content.tag == f"{{{ENVELOPE}}}Fault":
            fault, detail = fault_code(content), content.find("detail")
            if not fault:
                return None
            if detail is None or len(detail) != 1:
                return SoapAnswer(reply, fault, {})
            content = detail[0]
        elif content.tag != f"{{{self.namespace}}}{response}":
            return None
        texts = texts_of(content, self.namespace)
        return None if texts is None else SoapAnswer(reply, fault, texts)


def envelope(namespace: str, name: str, parts: Mapping[str, str]) -> bytes:
    """An envelope around one element with these parts, each a text."""
    root = Element(f"{{{ENVELOPE}}}Envelope")
    content = SubElement(SubElement(root, f"{{{ENVELOPE}}}Body"), f"{{{namespace}}}{name}")
    for part, text in parts.items():
        SubElement(content, f"{{{namespace}}}{part}").text = _UNSAYABLE.sub("", text)
    return written(root)


def written(root: Element) -> bytes:
    """A document as it goes over the wire."""
    text: str = tostring(root, encoding="unicode")
    return b'<?xml version="1.0" encoding="utf-8"?>' + text.encode("utf-8")


def texts_of(content: Element, namespace: str) -> Mapping[str, str] | None:
    """The texts of the children by name; None when one is foreign, stands twice, or has children of its own."""
    texts: dict[str, str] = {}
    prefix = f"{{{namespace}}}"
    for child in content:
        name = child.tag.removeprefix(prefix)
        if name == child.tag or name in texts or len(child):
            return None
        texts[name] = (child.text or "").strip()
    return texts


def fault_code(fault: Element) -> str:
    """The fault's code without its prefix; empty when there is none."""
    return (fault.findtext("faultcode") or "").strip().rpartition(":")[2]


def _content(reply: Reply) -> Element | None:
    """The one element in the body of the envelope; None for anything else, or with a header that must be understood."""
    root = xml_of(reply, f"{{{ENVELOPE}}}Envelope")
    if root is None:
        return None
    bodies = root.findall(f"{{{ENVELOPE}}}Body")
    headers = root.findall(f"{{{ENVELOPE}}}Header/*")
    if any(header.get(f"{{{ENVELOPE}}}mustUnderstand") == "1" for header in headers):
        return None
    return bodies[0][0] if len(bodies) == 1 and len(bodies[0]) == 1 else None


def _sensible(reply: Reply) -> bool:
    """A fault is answered with 500 even where only the caller is to blame, as with every refusal."""
    if reply.status != 500:
        return answers_sensibly(reply)
    content = _content(reply)
    return content is not None and fault_code(content).partition(".")[0] == "Client"
