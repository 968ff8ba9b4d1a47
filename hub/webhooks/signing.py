"""Proves that what we send is ours: secrets, keys and the headers of Standard Webhooks 1.0.

Knows HMAC-SHA256 (`v1`), Ed25519 (`v1a`) and what is signed. Does not know endpoints, nor where secrets are kept.
Source: github.com/standard-webhooks/standard-webhooks, specification 1.0.0, "Webhook headers" and "Signature scheme".
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hub.kernel.clock import to_seconds
from hub.webhooks.states import Scheme

# The specification asks for 24 to 64 bytes; 32 is also what an Ed25519 key is made of.
_KEY_BYTES = 32

_PREFIX = {Scheme.V1: "whsec_", Scheme.V1A: "whsk_"}
_PUBLIC_PREFIX = "whpk_"


@dataclass(frozen=True, slots=True)
class SigningSecret:
    """What one endpoint's messages are signed with. key: 32 bytes."""

    scheme: Scheme
    key: bytes = field(repr=False)

    @property
    def text(self) -> str:
        """As it is shown to people and put into settings: `whsec_…`, or `whsk_…` for Ed25519."""
        return _PREFIX[self.scheme] + base64.b64encode(self.key).decode()

    @property
    def public(self) -> str:
        """What verifies an Ed25519 signature, `whpk_…`; empty where receiver and hub share the secret."""
        if self.scheme is Scheme.V1:
            return ""
        key = Ed25519PrivateKey.from_private_bytes(self.key).public_key().public_bytes_raw()
        return _PUBLIC_PREFIX + base64.b64encode(key).decode()


def new_signing_secret(scheme: Scheme, random: Callable[[int], bytes] = secrets.token_bytes) -> SigningSecret:
    """A fresh one. random: gives that many random bytes."""
    return SigningSecret(scheme, random(_KEY_BYTES))


def signed_headers(id: str, at: datetime, body: bytes, held: Sequence[SigningSecret]) -> dict[str, str]:
    """The three headers of one attempt. id: the event's, the same for every attempt. at: of this attempt.

    held: the newest first; every one of them signs, so that a receiver may change over at any moment of an overlap.
    """
    assert held, "what we send is signed"
    stamp = str(to_seconds(at))
    content = b".".join((id.encode(), stamp.encode(), body))
    return {
        "webhook-id": id,
        "webhook-timestamp": stamp,
        "webhook-signature": " ".join(_signature(one, content) for one in held),
    }


def _signature(secret: SigningSecret, content: bytes) -> str:
    if secret.scheme is Scheme.V1:
        made = hmac.new(secret.key, content, hashlib.sha256).digest()
    else:
        made = Ed25519PrivateKey.from_private_bytes(secret.key).sign(content)
    return f"{secret.scheme},{base64.b64encode(made).decode()}"
