"""A device with passkeys, in software: what a browser and a security key do together (WebAuthn Level 3 §6)."""

import base64
import hashlib
import json
import os
import struct
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

import cbor2
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from werkzeug.test import TestResponse

from tests.gateway.contract_client import ISSUER

_PRESENT, _VERIFIED, _ATTESTED = 0x01, 0x04, 0x40


def text_of(data: bytes) -> str:
    """Base 64 as WebAuthn writes it."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def bytes_of(text: str) -> bytes:
    """What such a text says."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class _Options(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: dict[str, dict[str, Any]] = {}
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        sent = dict(attrs)
        if "data-passkey" in sent:
            self.found[str(sent["data-passkey"])] = json.loads(str(sent["data-options"]))


def options_of(page: TestResponse, end: str) -> dict[str, Any]:
    """What this page asks the browser for: `create` or `get`."""
    return _Options(page.get_data(as_text=True)).found[end]


@dataclass
class Device:
    """One device. origin: which site the browser says it is on. verifies: whether it looks who holds it."""

    origin: str = ISSUER
    verifies: bool = True
    id: bytes = field(default_factory=lambda: os.urandom(32))
    key: EllipticCurvePrivateKey = field(default_factory=lambda: generate_private_key(SECP256R1()))
    handle: bytes = b""
    count: int = 0

    def create(self, options: dict[str, Any], **changed: Any) -> str:
        """Make a passkey; the credential as a browser sends it. changed: flags and format, for what must be refused."""
        self.handle = bytes_of(options["user"]["id"])
        point = self.key.public_key().public_numbers()
        cose = {1: 2, 3: -7, -1: 1, -2: point.x.to_bytes(32, "big"), -3: point.y.to_bytes(32, "big")}
        attested = b"\1" * 16 + struct.pack(">H", len(self.id)) + self.id + cbor2.dumps(cose)
        data = self._data(options["rp"]["id"], _ATTESTED) + attested
        statement = {"fmt": changed.get("fmt", "none"), "attStmt": {}, "authData": data}
        response = {"attestationObject": text_of(cbor2.dumps(statement))}
        return self._credential("webauthn.create", options["challenge"], response)

    def get(self, options: dict[str, Any]) -> str:
        """Answer a challenge; the credential as a browser sends it."""
        self.count += 1
        data = self._data(options["rpId"], 0)
        client = self._client("webauthn.get", options["challenge"])
        signature = self.key.sign(data + hashlib.sha256(client).digest(), ECDSA(SHA256()))
        response = {
            "authenticatorData": text_of(data),
            "signature": text_of(signature),
            "userHandle": text_of(self.handle),
        }
        return self._credential("webauthn.get", options["challenge"], response)

    def _data(self, rp: str, flags: int) -> bytes:
        flags |= _PRESENT | (_VERIFIED if self.verifies else 0)
        return hashlib.sha256(rp.encode()).digest() + struct.pack(">BI", flags, self.count)

    def _client(self, kind: str, challenge: str) -> bytes:
        return json.dumps({"type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": False}).encode()

    def _credential(self, kind: str, challenge: str, response: dict[str, str]) -> str:
        full = {**response, "clientDataJSON": text_of(self._client(kind, challenge))}
        return json.dumps({"id": text_of(self.id), "rawId": text_of(self.id), "type": "public-key", "response": full})
