"""HTTP message signatures (RFC 9421) over requests, with the digest of their bodies (RFC 9530).

Knows Ed25519 and ECDSA on P-256, what must be covered and how old a signature may be. Does not know who owns a key, nor
which nonces were seen: the caller remembers those.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)
from http_message_signatures import (
    HTTPMessageSignaturesException,
    HTTPMessageSigner,
    HTTPMessageVerifier,
    HTTPSignatureKeyResolver,
    InvalidSignature,
    VerifyResult,
)
from http_message_signatures.algorithms import ECDSA_P256_SHA256, ED25519, HTTPSignatureAlgorithm
from joserfc.jwk import ECKey, OKPKey

from hub.kernel.errors import HubError

# Seconds between a signature and its verification, and how far ahead the signer's clock may be.
SIGNATURE_SECONDS_MAX = 300
# What a signature must cover, so that neither address nor body can be another one; a request's Idempotency-Key too.
COVERED = ("@method", "@target-uri")
COVERED_WITH_BODY = ("content-digest", "content-type")
KEY_HEADER = "idempotency-key"

_LABEL = "hub"
# Public keys that may be valid at once: the old and the new one of a rotation, and some to spare.
_KEYS_MAX = 8
_PUBLIC_PEM = re.compile(r"-----BEGIN PUBLIC KEY-----[A-Za-z0-9+/=\s]{1,2000}-----END PUBLIC KEY-----")
_PrivateKey = Ed25519PrivateKey | EllipticCurvePrivateKey
_PublicKey = Ed25519PublicKey | EllipticCurvePublicKey


class SignatureInvalid(HubError):
    """A request whose signature is missing, wrong, too old, or does not cover what it must."""

    code = "signature_invalid"


class SignatureStale(SignatureInvalid):
    """A signature that holds but was not made within five minutes of now."""

    code = "signature_stale"


class SigningKeyInvalid(HubError):
    """A signing key that cannot be used; neither Ed25519 nor P-256 as PEM."""

    code = "signing_key_invalid"


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """A request as it is signed or was received.

    method: in capitals. url: absolute, as the receiver publishes it, never taken from a Host header. headers: one value
    for each name. body: the raw bytes.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Signature:
    """What a verified signature says of itself. nonce: used once by the holder of the key, within its lifetime."""

    key_id: str
    created: datetime
    nonce: str


class SigningKey:
    """A private key with its name. Never shown: its representation is the name alone."""

    def __init__(self, private_key: str, key_id: str = "") -> None:
        """private_key: PEM, Ed25519 or P-256. key_id: the name the receiver knows it by; its RFC 7638 thumbprint if
        empty. Raises: SigningKeyInvalid."""
        try:
            key = load_pem_private_key(private_key.encode(), password=None)
        except (ValueError, TypeError) as fault:
            raise SigningKeyInvalid("The signing key is no unencrypted private key in PEM.") from fault
        if not isinstance(key, Ed25519PrivateKey | EllipticCurvePrivateKey) or not _on_known_curve(key):
            raise SigningKeyInvalid("The signing key is neither Ed25519 nor P-256.")
        self._key: _PrivateKey = key
        self.key_id = key_id or thumbprint(key.public_key())

    def __repr__(self) -> str:
        return f"SigningKey({self.key_id!r})"

    def sign(self, request: SignedRequest, *, created: datetime, nonce: str) -> dict[str, str]:
        """The headers that `request` needs beside its own: digest, signature input and signature.

        nonce: used once. A request without a body is signed without a digest and content type.
        """
        message = _Message(request)
        covered = ["@method", "@target-uri", "@authority"]
        covered += [name for name in ("content-type", KEY_HEADER) if name in message.headers]
        signer = HTTPMessageSigner(signature_algorithm=_algorithm(self._key), key_resolver=_Resolver(private=self._key))
        signer.sign(
            message,
            key_id=self.key_id,
            created=created,
            nonce=nonce,
            label=_LABEL,
            covered_component_ids=covered,
            body=request.body or None,
        )
        return {name: value for name, value in message.headers.items() if name.lower() not in _lower(request.headers)}


def verify_request(request: SignedRequest, *, public_keys: str, now: datetime) -> Signature:
    """The signature of `request`, proven to cover method, address, digest and type of this very body, if it has one.

    public_keys: PEM of one key, or of several one after the other; any of them will do. The caller refuses a nonce that
    it has seen from this partner within `SIGNATURE_SECONDS_MAX` before and after.
    Raises: SignatureInvalid, SignatureStale, SigningKeyInvalid.
    """
    message = _Message(request)
    required = [*COVERED, *(COVERED_WITH_BODY if request.body else ())]
    required += [KEY_HEADER] if KEY_HEADER in message.headers else []
    for key in _public_keys(public_keys):
        verifier = _Verifier(key)
        try:
            (found,) = verifier.verify(message, max_age=None, require_components=required, body=request.body)
        except (HTTPMessageSignaturesException, ValueError):
            continue
        _require_fresh(found, now)
        return _signature(found)
    raise SignatureInvalid("The request's signature does not hold; it must be fresh and cover address and body.")


def thumbprints(public_keys: str) -> list[str]:
    """The thumbprint of each public key in a text of PEM. Raises: SigningKeyInvalid."""
    return [thumbprint(key) for key in _public_keys(public_keys)]


def thumbprint(key: _PublicKey) -> str:
    """The RFC 7638 thumbprint of a public key, its name where nobody gave it another."""
    pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    kind = OKPKey if isinstance(key, Ed25519PublicKey) else ECKey
    return kind.import_key(pem).thumbprint()


class _Message:
    """A request in the shape that the signature library takes."""

    def __init__(self, request: SignedRequest) -> None:
        self.method = request.method
        self.url = request.url
        self.headers: dict[str, str] = _lower(request.headers)


class _Resolver(HTTPSignatureKeyResolver):
    """One key, whatever its name: proof is that the signature fits it."""

    def __init__(self, *, private: _PrivateKey | None = None, public: _PublicKey | None = None) -> None:
        self._private, self._public = private, public

    def resolve_private_key(self, key_id: str) -> _PrivateKey | None:
        """The private key."""
        del key_id
        return self._private

    def resolve_public_key(self, key_id: str) -> _PublicKey | None:
        """The public key."""
        del key_id
        return self._public


class _Verifier(HTTPMessageVerifier):
    """Verifies with one key. How old the signature is, is asked later: the library would ask the machine's clock."""

    def __init__(self, key: _PublicKey) -> None:
        super().__init__(signature_algorithm=_algorithm(key), key_resolver=_Resolver(public=key))

    def validate_created_and_expires(self, sig_input: object, max_age: timedelta | None = None) -> None:
        """That there is an instant and a nonce."""
        del max_age
        parameters = getattr(sig_input, "params", {})
        if type(parameters.get("created")) is not int or type(parameters.get("expires", 0)) is not int:
            raise InvalidSignature("created is missing")
        if not parameters.get("nonce"):
            raise InvalidSignature("no nonce")


def _require_fresh(found: VerifyResult, now: datetime) -> None:
    """Raises: SignatureStale."""
    created, expires, at = found.parameters["created"], found.parameters.get("expires"), int(now.timestamp())
    assert isinstance(created, int), "the verifier has checked it"
    if abs(at - created) > SIGNATURE_SECONDS_MAX or (isinstance(expires, int) and expires < at):
        raise SignatureStale("The signature was not made within five minutes of now, or has expired.")


def _signature(found: VerifyResult) -> Signature:
    created = found.parameters["created"]
    assert isinstance(created, int), "the library has checked it"
    return Signature(str(found.parameters["keyid"]), datetime.fromtimestamp(created, UTC), str(found.nonce))


def _public_keys(text: str) -> list[_PublicKey]:
    keys: list[_PublicKey] = []
    for pem in _PUBLIC_PEM.findall(text)[:_KEYS_MAX]:
        try:
            key = load_pem_public_key(pem.encode())
        except ValueError as fault:
            raise SigningKeyInvalid("A public key is no PEM.") from fault
        if not isinstance(key, Ed25519PublicKey | EllipticCurvePublicKey) or not _on_known_curve(key):
            raise SigningKeyInvalid("A public key is neither Ed25519 nor P-256.")
        keys.append(key)
    if not keys:
        raise SigningKeyInvalid("There is no public key in PEM to verify with.")
    return keys


def _on_known_curve(key: _PrivateKey | _PublicKey) -> bool:
    return isinstance(key, Ed25519PrivateKey | Ed25519PublicKey) or isinstance(key.curve, SECP256R1)


def _algorithm(key: _PrivateKey | _PublicKey) -> type[HTTPSignatureAlgorithm]:
    return ED25519 if isinstance(key, Ed25519PrivateKey | Ed25519PublicKey) else ECDSA_P256_SHA256


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}
