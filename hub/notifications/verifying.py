"""Proves on the raw bytes that a notification is its partner's and of now. Pure, over keys that are handed in.

Knows Standard Webhooks 1.0 (`v1` and `v1a`) and RFC 9421. Does not know where keys are kept nor what was seen before.
Source: github.com/standard-webhooks/standard-webhooks, specification 1.0.0, "Verifying signatures".
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Sequence
from datetime import UTC, datetime

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from hub.kernel.clock import to_seconds
from hub.notifications.refusals import NotificationHeadersInvalid, SenderKeyInvalid, SignatureMissing
from hub.notifications.types import Incoming, Proven, Sender, SenderKey
from partners.profile import NotificationScheme
from partners.signatures import (
    SIGNATURE_SECONDS_MAX,
    SignatureInvalid,
    SignatureStale,
    SignedRequest,
    SigningKeyInvalid,
    thumbprints,
    verify_request,
)

_WEBHOOK_HEADERS = ("webhook-id", "webhook-timestamp", "webhook-signature")
_MESSAGE_HEADERS = ("signature-input", "signature", "content-digest")

# No dot, which the convention joins by, and no comma, which joins a header that stands twice.
_ID = re.compile(r"[\x21-\x2b\x2d\x2f-\x7e]{1,128}")
_STAMP = re.compile(r"[0-9]{1,11}")
_SIGNED = re.compile(r"[a-z0-9]{1,8},[A-Za-z0-9+/=]{1,128}")
# Signatures of one notification: two schemes, two secrets each during a rotation, and some to spare.
_SIGNATURES_MAX = 8

_SECRET_PREFIX, _PUBLIC_PREFIX = "whsec_", "whpk_"
# What the convention allows, and what an Ed25519 public key has.
_SECRET_BYTES = range(24, 65)
_PUBLIC_BYTES = 32


def prove(sender: Sender, keys: Sequence[SenderKey], incoming: Incoming, *, now: datetime) -> Proven:
    """The notification, if one of these keys of its sender proves it.

    Raises: SignatureMissing, NotificationHeadersInvalid, SignatureInvalid, SignatureStale.
    """
    if sender.scheme is NotificationScheme.STANDARD_WEBHOOKS:
        return _by_webhook(sender, keys, incoming, now)
    if sender.scheme is NotificationScheme.RFC9421:
        return _by_message(sender, keys, incoming, now)
    raise SignatureInvalid("This partner has not agreed to send notifications.")


def kind_of(text: str) -> str:
    """`v1` of a shared secret, `v1a` or `pem` of a public key. Raises: SenderKeyInvalid."""
    if text.startswith((_SECRET_PREFIX, _PUBLIC_PREFIX)):
        return _read(text)[0]
    try:
        found = thumbprints(text)
    except SigningKeyInvalid as fault:
        raise SenderKeyInvalid(_FORMS) from fault
    if len(found) != 1:
        raise SenderKeyInvalid("Give one public key at a time.")
    return "pem"


_FORMS = "A key is whsec_ and 24 to 64 bytes in Base64, whpk_ and an Ed25519 key, or a public key in PEM."


def _by_webhook(sender: Sender, keys: Sequence[SenderKey], incoming: Incoming, now: datetime) -> Proven:
    id, stamp, signatures = _required(incoming, _WEBHOOK_HEADERS)
    signed = signatures.split(" ")
    if not _ID.fullmatch(id):
        raise NotificationHeadersInvalid("webhook-id has 1 to 128 visible characters, without dot and comma, once.")
    if not _STAMP.fullmatch(stamp):
        raise NotificationHeadersInvalid("webhook-timestamp is one whole number of seconds since 1970.")
    if len(signed) > _SIGNATURES_MAX or not all(map(_SIGNED.fullmatch, signed)):
        raise NotificationHeadersInvalid("webhook-signature is a list of v1,… or v1a,… with spaces between, once.")
    content = b".".join((id.encode(), stamp.encode(), incoming.body))
    for key in keys:
        if any(_holds(key, one, content) for one in signed):
            if abs(to_seconds(now) - int(stamp)) > SIGNATURE_SECONDS_MAX:
                raise SignatureStale("The notification was not signed within five minutes of now; sign every attempt.")
            signed_at = datetime.fromtimestamp(int(stamp), UTC)
            return Proven(sender.partner, id, signed_at, key.name, incoming.body)
    raise SignatureInvalid("No signature of this notification holds with a secret or key of this partner.")


def _holds(key: SenderKey, signed: str, content: bytes) -> bool:
    version, secret = _read(key.text)
    try:
        signature = base64.b64decode(signed.removeprefix(f"{version},"), validate=True)
    except binascii.Error:
        return False
    if version == "v1":
        return hmac.compare_digest(signature, hmac.digest(secret, content, hashlib.sha256))
    try:
        Ed25519PublicKey.from_public_bytes(secret).verify(signature, content)
    except InvalidSignature:
        return False
    return True


def _by_message(sender: Sender, keys: Sequence[SenderKey], incoming: Incoming, now: datetime) -> Proven:
    _required(incoming, _MESSAGE_HEADERS[:2])
    request = SignedRequest("POST", incoming.url, incoming.headers, incoming.body)
    for key in keys:
        try:
            signature = verify_request(request, public_keys=key.text, now=now)
        except SignatureStale:
            raise
        except SignatureInvalid:
            continue
        if not _ID.fullmatch(signature.nonce):
            raise NotificationHeadersInvalid("A nonce has 1 to 128 visible characters, without dot and comma.")
        return Proven(sender.partner, signature.nonce, signature.created, key.name, incoming.body)
    raise SignatureInvalid("No signature of this notification holds with a key of this partner.")


def _required(incoming: Incoming, names: Sequence[str]) -> list[str]:
    missing = [name for name in names if not incoming.headers.get(name)]
    if missing:
        raise SignatureMissing(f"This partner's notifications are signed; {', '.join(missing)} is missing.")
    return [incoming.headers[name] for name in names]


def _read(text: str) -> tuple[str, bytes]:
    """What a text of Standard Webhooks signs with: the version, and its bytes. Raises: SenderKeyInvalid."""
    version = "v1" if text.startswith(_SECRET_PREFIX) else "v1a"
    prefix, lengths = (_SECRET_PREFIX, _SECRET_BYTES) if version == "v1" else (_PUBLIC_PREFIX, (_PUBLIC_BYTES,))
    try:
        found = base64.b64decode(text.removeprefix(prefix), validate=True)
    except (binascii.Error, ValueError) as fault:
        raise SenderKeyInvalid(_FORMS) from fault
    if not text.startswith(prefix) or len(found) not in lengths:
        raise SenderKeyInvalid(_FORMS)
    return version, found
