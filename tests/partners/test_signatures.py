"""Requests are signed by RFC 9421 so that nobody can change address, body or key, and the same rule verifies them."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import requests
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from partners.signatures import SignatureInvalid, SignedRequest, SigningKey, SigningKeyInvalid, verify_request

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
BODY = b'{"a":1}'


def pem_pair(kind: str = "ed25519") -> tuple[str, str]:
    """A private and a public key in PEM."""
    key = {
        "ed25519": ed25519.Ed25519PrivateKey.generate,
        "p256": lambda: ec.generate_private_key(ec.SECP256R1()),
        "p384": lambda: ec.generate_private_key(ec.SECP384R1()),
        "rsa": lambda: rsa.generate_private_key(65537, 2048),
    }[kind]()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return private.decode(), key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def unsigned() -> SignedRequest:
    headers = {"Content-Type": "application/json", "Idempotency-Key": "leg_1"}
    return SignedRequest("POST", "https://bank.example/cashback/v1/orders?a=b", headers, BODY)


def signed(key: SigningKey, request: SignedRequest | None = None) -> SignedRequest:
    request = request or unsigned()
    return replace(request, headers={**request.headers, **key.sign(request, created=NOW, nonce="n-1")})


@pytest.mark.parametrize("kind", ["ed25519", "p256"])
def test_what_is_signed_is_verified_with_the_public_key(kind: str) -> None:
    private, public = pem_pair(kind)
    key = SigningKey(private, "bank-key-7")

    proven = verify_request(signed(key), public_keys=public, now=NOW)

    assert (proven.key_id, proven.nonce, proven.created) == ("bank-key-7", "n-1", NOW.replace(microsecond=0))


def test_everything_that_matters_is_covered() -> None:
    key = SigningKey(pem_pair()[0])

    headers = key.sign(unsigned(), created=NOW, nonce="n-1")

    covered = headers["Signature-Input"].partition("=")[2].partition(")")[0].strip("(").split()
    assert sorted(name.strip('"') for name in covered) == [
        "@authority",
        "@method",
        "@target-uri",
        "content-digest",
        "content-type",
        "idempotency-key",
    ]


@pytest.mark.parametrize(
    "change",
    [
        lambda one: replace(one, body=b'{"a":2}'),
        lambda one: replace(one, method="PUT"),
        lambda one: replace(one, url=one.url.replace("a=b", "a=c")),
        lambda one: replace(one, url=one.url.replace("bank", "bunk")),
        lambda one: replace(one, headers={**one.headers, "Idempotency-Key": "leg_2"}),
        lambda one: replace(one, headers={**one.headers, "Content-Type": "text/plain"}),
        lambda one: replace(one, headers={k: v for k, v in one.headers.items() if k != "Signature"}),
        lambda one: replace(one, headers={k: v for k, v in one.headers.items() if k != "Signature-Input"}),
        lambda one: replace(one, headers={**one.headers, "Signature": "hub=:AAAA:"}),
        lambda one: replace(one, headers={**one.headers, "Signature": "\x00 é"}),
        lambda one: replace(one, headers={**one.headers, "Content-Digest": "sha-256=:AAAA:"}, body=b"x"),
        lambda one: replace(one, headers=one.headers | {"Signature-Input": one.headers["Signature-Input"] + ";x=1"}),
    ],
)
def test_a_changed_request_is_refused(change: Callable[[SignedRequest], SignedRequest]) -> None:
    private, public = pem_pair()
    request = signed(SigningKey(private))
    verify_request(request, public_keys=public, now=NOW)

    with pytest.raises(SignatureInvalid):
        verify_request(change(request), public_keys=public, now=NOW)


def test_a_signature_of_another_key_is_refused() -> None:
    request = signed(SigningKey(pem_pair()[0]))

    with pytest.raises(SignatureInvalid):
        verify_request(request, public_keys=pem_pair()[1] + pem_pair("p256")[1], now=NOW)


def test_while_keys_rotate_either_of_them_will_do() -> None:
    (old, old_public), (new, new_public) = pem_pair("p256"), pem_pair()

    for private in (old, new):
        assert verify_request(signed(SigningKey(private)), public_keys=old_public + new_public, now=NOW).nonce == "n-1"


@pytest.mark.parametrize(("seconds", "fresh"), [(-300, True), (300, True), (-301, False), (301, False)])
def test_a_signature_lives_five_minutes(seconds: int, fresh: bool) -> None:
    private, public = pem_pair()
    request, now = signed(SigningKey(private)), NOW + timedelta(seconds=seconds)

    if fresh:
        assert verify_request(request, public_keys=public, now=now).nonce == "n-1"
    else:
        with pytest.raises(SignatureInvalid):
            verify_request(request, public_keys=public, now=now)


def test_a_signature_that_leaves_out_the_body_is_refused() -> None:
    private, public = pem_pair()
    bare = SigningKey(private).sign(replace(unsigned(), body=b""), created=NOW, nonce="n-1")
    request = replace(unsigned(), headers={**unsigned().headers, **bare})

    with pytest.raises(SignatureInvalid):
        verify_request(request, public_keys=public, now=NOW)


def test_a_signature_without_a_nonce_is_refused() -> None:
    private, public = pem_pair()
    headers = SigningKey(private).sign(unsigned(), created=NOW, nonce="")
    request = replace(unsigned(), headers={**unsigned().headers, **headers})

    with pytest.raises(SignatureInvalid):
        verify_request(request, public_keys=public, now=NOW)


@pytest.mark.parametrize("key", ["", "no key", pem_pair("rsa")[0], pem_pair("p384")[0]])
def test_a_key_of_another_kind_cannot_sign_and_is_not_repeated_in_the_refusal(key: str) -> None:
    with pytest.raises(SigningKeyInvalid) as refused:
        SigningKey(key)

    assert not key or key not in str(refused.value)


@pytest.mark.parametrize("keys", ["", "no key", pem_pair("rsa")[1], pem_pair("p384")[1]])
def test_a_key_of_another_kind_cannot_verify(keys: str) -> None:
    request = signed(SigningKey(pem_pair()[0]))

    with pytest.raises(SigningKeyInvalid):
        verify_request(request, public_keys=keys, now=NOW)


def test_a_key_shows_its_name_only() -> None:
    private, _ = pem_pair()

    assert repr(SigningKey(private, "bank-key-7")) == "SigningKey('bank-key-7')"
    assert private.splitlines()[1] not in repr(vars(SigningKey(private)))


def test_a_key_without_a_name_is_called_by_its_thumbprint() -> None:
    private, _ = pem_pair()

    assert SigningKey(private).key_id == SigningKey(private).key_id
    assert len(SigningKey(private).key_id) == 43


def test_a_prepared_request_of_the_http_library_carries_the_same_body() -> None:
    private, public = pem_pair()
    request = signed(SigningKey(private))
    sent = requests.Request(request.method, request.url, headers=dict(request.headers), data=request.body).prepare()

    received = SignedRequest(str(sent.method), str(sent.url), dict(sent.headers), sent.body)

    assert verify_request(received, public_keys=public, now=NOW).nonce == "n-1"
