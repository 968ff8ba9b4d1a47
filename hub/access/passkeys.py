"""Passkeys (WebAuthn): a key pair on somebody's device, which signs a challenge of ours after looking who holds it.

User verification is always asked for, so a passkey is two factors at once: the device, and a finger, a face or a PIN.
Knows WebAuthn Level 3 through the `webauthn` library. Does not know pages; a challenge belongs to one browser and one
end, is kept nowhere until it is used, and is good once.
"""

import hmac
import ipaddress
import json
import secrets
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from cryptography.exceptions import UnsupportedAlgorithm
from webauthn import verify_authentication_response, verify_registration_response
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url, parse_attestation_object
from webauthn.helpers.cose import COSEAlgorithmIdentifier
from webauthn.helpers.exceptions import WebAuthnException

from hub.access.clients import hash_of
from hub.access.people import PasskeyInvalid, Person, person_of
from hub.storage import Work

# Long enough to look for a device, and for a page that was open over a cup of coffee.
CHALLENGE_SECONDS = 600

_CREDENTIAL_CHARS_MAX = 16_384
_NAME = "Coalition Hub"
# What devices make: new ones, most, and those of older Windows.
_ALGORITHMS = (
    COSEAlgorithmIdentifier.EDDSA,
    COSEAlgorithmIdentifier.ECDSA_SHA_256,
    COSEAlgorithmIdentifier.RSASSA_PKCS1_v1_5_SHA_256,
)

# No maker of devices is preferred, so no certificate of one is read; a device may still sign with its own new key.
_ATTESTATIONS = ("none", "packed")

# What the library lets through of a credential that is no credential.
_FAULTS = (
    WebAuthnException,
    UnsupportedAlgorithm,
    ValueError,
    TypeError,
    KeyError,
    AttributeError,
    IndexError,
    OverflowError,
    RecursionError,
    struct.error,
)

_TOKEN = struct.Struct(">Q16s")  # when it ends, in seconds; random bytes


@dataclass(frozen=True, slots=True)
class NewPasskey:
    """A passkey that was just made. public_key: as COSE. sign_count: uses so far, 0 where a device does not count."""

    id: bytes
    public_key: bytes
    sign_count: int


class Passkeys:
    """Passkeys for one hub. public_url: its address, of which passkeys are. secret: keys the challenges."""

    def __init__(self, public_url: str, secret: bytes) -> None:
        parts = urlsplit(public_url)
        self._origin = f"{parts.scheme}://{parts.netloc}"
        self._rp = parts.hostname or ""
        self._secret = secret

    @property
    def usable(self) -> bool:
        """Whether browsers make passkeys for this address: a name, over https or on the machine itself."""
        try:
            ipaddress.ip_address(self._rp)
        except ValueError:
            return self._origin.startswith("https://") or self._rp == "localhost"
        return False

    def creation(self, person: Person, *, browser: str, now: datetime) -> str:
        """What `navigator.credentials.create` is asked for, as JSON."""
        name = person.name or "Member"
        return json.dumps(
            {
                "challenge": self._challenge("create", browser, now),
                "rp": {"id": self._rp, "name": _NAME},
                "user": {"id": bytes_to_base64url(person.id.encode()), "name": name, "displayName": name},
                "pubKeyCredParams": [{"type": "public-key", "alg": int(one)} for one in _ALGORITHMS],
                "authenticatorSelection": {"residentKey": "required", "userVerification": "required"},
                "attestation": "none",
                "timeout": CHALLENGE_SECONDS * 1_000,
            }
        )

    def request(self, *, browser: str, now: datetime) -> str:
        """What `navigator.credentials.get` is asked for, as JSON; whose passkey it will be is not known before."""
        return json.dumps(
            {
                "challenge": self._challenge("get", browser, now),
                "rpId": self._rp,
                "userVerification": "required",
                "timeout": CHALLENGE_SECONDS * 1_000,
            }
        )

    def made(self, work: Work, credential: str, *, browser: str, now: datetime) -> NewPasskey:
        """A passkey that answers a challenge of `creation`. Raises: PasskeyInvalid."""
        try:
            sent = _credential(credential)
            challenge = self._answered(work, sent, "create", browser, now)
            attestation = parse_attestation_object(base64url_to_bytes(sent["response"]["attestationObject"]))
            if attestation.fmt not in _ATTESTATIONS or (attestation.att_stmt.x5c is not None):
                raise ValueError("an attestation that was not asked for")
            found = verify_registration_response(
                credential=sent,
                expected_challenge=challenge,
                expected_rp_id=self._rp,
                expected_origin=self._origin,
                require_user_verification=True,
                supported_pub_key_algs=list(_ALGORITHMS),
            )
        except _FAULTS as fault:
            raise PasskeyInvalid("This passkey cannot be used here; try again, or with another device.") from fault
        return NewPasskey(found.credential_id, found.credential_public_key, found.sign_count)

    def holder(self, work: Work, credential: str, *, browser: str, now: datetime) -> Person:
        """Whose passkey answers a challenge of `request`; its use is recorded. Raises: PasskeyInvalid."""
        try:
            sent = _credential(credential)
            challenge = self._answered(work, sent, "get", browser, now)
            id = base64url_to_bytes(str(sent["id"]))
            public_key, count, person = _read(work, id)
            handle = sent["response"].get("userHandle")
            if handle is not None and base64url_to_bytes(handle) != person.id.encode():
                raise ValueError("somebody else's")
            found = verify_authentication_response(
                credential=sent,
                expected_challenge=challenge,
                expected_rp_id=self._rp,
                expected_origin=self._origin,
                credential_public_key=public_key,
                credential_current_sign_count=count,
                require_user_verification=True,
            )
        except _FAULTS as fault:
            raise PasskeyInvalid("This passkey is not known here, or did not answer.") from fault
        work.run(
            "UPDATE access_passkeys SET sign_count = %s, used_at = %s WHERE id = %s", (found.new_sign_count, now, id)
        )
        return person

    def _challenge(self, end: str, browser: str, now: datetime) -> str:
        until = int((now + timedelta(seconds=CHALLENGE_SECONDS)).timestamp())
        body = _TOKEN.pack(until, secrets.token_bytes(16))
        return bytes_to_base64url(body + self._seal(body, end, browser))

    def _seal(self, body: bytes, end: str, browser: str) -> bytes:
        return hmac.digest(self._secret, b"\n".join((b"passkey", end.encode(), browser.encode(), body)), "sha256")

    def _answered(self, work: Work, sent: Mapping[str, object], end: str, browser: str, now: datetime) -> bytes:
        """The challenge that is answered: ours, for this end in this browser, in time, for the first time."""
        response = sent["response"]
        assert isinstance(response, dict), "checked by _credential"
        client_data = json.loads(base64url_to_bytes(response["clientDataJSON"]))
        challenge = base64url_to_bytes(client_data["challenge"])
        body, seal = challenge[: _TOKEN.size], challenge[_TOKEN.size :]
        if not hmac.compare_digest(seal, self._seal(body, end, browser)):
            raise ValueError("no challenge of ours")
        until = datetime.fromtimestamp(_TOKEN.unpack(body)[0], UTC)
        touched = work.run(
            "INSERT INTO access_challenges (hash, created_at, expires_at) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
            (hash_of(bytes_to_base64url(challenge)), now, until),
        )
        if until <= now or touched != 1:
            raise ValueError("too late, or answered before")
        return challenge


def _credential(text: str) -> dict[str, dict[str, str]]:
    """What a browser sent, as an object with a `response`. Raises: ValueError."""
    if len(text) > _CREDENTIAL_CHARS_MAX:
        raise ValueError("too long")
    found = json.loads(text)
    if not isinstance(found, dict) or not isinstance(found.get("response"), dict):
        raise ValueError("no credential")
    return found


def _read(work: Work, id: bytes) -> tuple[bytes, int, Person]:
    """Public key, uses so far and holder; the row is locked, so that a count is compared once. Raises: KeyError."""
    rows = work.fetch(
        "SELECT k.public_key, k.sign_count, p.id, p.kind, p.name, p.scopes, p.state FROM access_passkeys k"
        " JOIN access_people p ON p.id = k.person WHERE k.id = %s AND p.state = 'active' FOR UPDATE OF k",
        (id,),
    )
    if not rows:
        raise KeyError("no such passkey")
    public_key, count, *row = rows[0]
    return bytes(public_key), count, person_of(row)
