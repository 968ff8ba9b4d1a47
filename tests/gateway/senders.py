"""Partners that sign what they send: their keys, and requests as their systems would make them."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hub.notifications.types import Sender
from partners.profile import NotificationScheme
from partners.signatures import SignedRequest, SigningKey
from tests.partners.test_signatures import pem_pair

JSON = "application/json"


def secret_of(partner: str) -> str:
    """A shared secret that is plainly one of tests."""
    return "whsec_" + base64.b64encode(f"a test secret of {partner}".ljust(32, ".").encode()).decode()


PRIVATE, PUBLIC = pem_pair()

SENDERS: Mapping[str, Sender] = {
    "aerojet": Sender("aerojet", False, NotificationScheme.STANDARD_WEBHOOKS, (secret_of("aerojet"),)),
    "staywell": Sender("staywell", False, NotificationScheme.RFC9421, (PUBLIC,)),
    "bystander": Sender("bystander", False, NotificationScheme.NONE, ()),
}


def address(partner: str) -> str:
    """Where a partner sends."""
    return f"/v1/partners/{partner}/notifications"


@dataclass(frozen=True, slots=True)
class Sent:
    """A request as it goes out. headers: in order, a name may stand twice."""

    path: str
    headers: tuple[tuple[str, str], ...]
    body: bytes = field(repr=False)

    def with_header(self, name: str, value: str) -> "Sent":
        """With one header changed, or added where it was not there."""
        kept = tuple(one for one in self.headers if one[0] != name)
        return replace(self, headers=(*kept, (name, value)))

    def header(self, name: str) -> str:
        """The value of a header that stands once."""
        return next(value for known, value in self.headers if known == name)


def told(**changes: object) -> bytes:
    """A notification in the hub's own format."""
    document = {
        "type": "member.tier_changed",
        "timestamp": "2026-04-06T09:00:00Z",
        "subject": "AJ1001",
        "data": {"tier": "gold"},
    }
    return json.dumps({**document, **changes}).encode()


def by_webhook(
    partner: str, at: datetime, *, id: str = "msg_1", body: bytes = b"", secrets: tuple[str, ...] = (), to: str = ""
) -> Sent:
    """Signed by Standard Webhooks: `v1` by each secret, `v1a` by each private key (`whsk_`, 32 bytes)."""
    body, stamp = body or told(), str(int(at.timestamp()))
    content = b".".join((id.encode(), stamp.encode(), body))
    signatures = " ".join(_signature(one, content) for one in secrets or (secret_of(partner),))
    headers = (
        ("content-type", JSON),
        ("webhook-id", id),
        ("webhook-timestamp", stamp),
        ("webhook-signature", signatures),
    )
    return Sent(address(to or partner), headers, body)


def _signature(secret: str, content: bytes) -> str:
    kind, _, text = secret.partition("_")
    key = base64.b64decode(text)
    if kind == "whsk":
        return "v1a," + base64.b64encode(Ed25519PrivateKey.from_private_bytes(key).sign(content)).decode()
    return "v1," + base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()


def by_message(
    partner: str, at: datetime, *, nonce: str = "n-1", body: bytes = b"", key: str = "", to: str = ""
) -> Sent:
    """Signed by RFC 9421 for the address of `partner`. to: where it is sent instead."""
    body = body or told()
    url = "https://hub.example" + address(partner)
    signed = SigningKey(key or PRIVATE).sign(
        SignedRequest("POST", url, {"content-type": JSON}, body), created=at, nonce=nonce
    )
    headers = (("content-type", JSON), *((name.lower(), value) for name, value in signed.items()))
    return Sent(address(to or partner), headers, body)
