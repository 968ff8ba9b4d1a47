"""What we sign is verified by the published library and by plain Ed25519, through a rotation too."""

import base64
from datetime import UTC, datetime

import pytest
import standardwebhooks
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from hub.webhooks.signing import SigningSecret, new_signing_secret, signed_headers
from hub.webhooks.states import Scheme

BODY = '{"type":"conversion.posted","data":{"name":"Zoë"}}'.encode()


def now() -> datetime:
    """The published library has no clock to hand in."""
    return datetime.now(UTC)


def verify(secret: SigningSecret, headers: dict[str, str], body: bytes = BODY) -> None:
    standardwebhooks.Webhook(secret.text).verify(body, headers)


def test_the_published_library_verifies_a_message() -> None:
    secret = new_signing_secret(Scheme.V1)

    headers = signed_headers("evt_1", now(), BODY, [secret])

    verify(secret, headers)
    assert secret.text.startswith("whsec_")
    assert len(base64.b64decode(secret.text.removeprefix("whsec_"))) == 32


def test_during_a_rotation_both_secrets_verify_and_another_does_not() -> None:
    old, new, other = (new_signing_secret(Scheme.V1) for _ in range(3))

    headers = signed_headers("evt_1", now(), BODY, [new, old])

    verify(new, headers)
    verify(old, headers)
    with pytest.raises(standardwebhooks.webhooks.WebhookVerificationError):
        verify(other, headers)


@pytest.mark.parametrize(
    "changed", [{"webhook-id": "evt_2"}, {"webhook-timestamp": "1"}, {"body": "x"}, {"webhook-signature": "v1,AAAA"}]
)
def test_whatever_is_changed_on_the_way_is_noticed(changed: dict[str, str]) -> None:
    secret = new_signing_secret(Scheme.V1)
    headers = signed_headers("evt_1", now(), BODY, [secret])
    body = changed.pop("body", BODY.decode()).encode()

    with pytest.raises(standardwebhooks.webhooks.WebhookVerificationError):
        verify(secret, headers | changed, body)


def test_an_ed25519_signature_is_verified_with_the_public_key_alone() -> None:
    secret = new_signing_secret(Scheme.V1A)
    headers = signed_headers("evt_1", now(), BODY, [secret])
    key = Ed25519PublicKey.from_public_bytes(base64.b64decode(secret.public.removeprefix("whpk_")))
    signature = base64.b64decode(headers["webhook-signature"].removeprefix("v1a,"))
    content = b"evt_1." + headers["webhook-timestamp"].encode() + b"." + BODY

    key.verify(signature, content)

    with pytest.raises(InvalidSignature):
        key.verify(signature, content + b" ")


def test_both_schemes_stand_in_one_header_and_the_published_library_finds_its_own() -> None:
    shared, pair = new_signing_secret(Scheme.V1), new_signing_secret(Scheme.V1A)

    headers = signed_headers("evt_1", now(), BODY, [pair, shared])

    verify(shared, headers)
    assert [one.split(",")[0] for one in headers["webhook-signature"].split(" ")] == ["v1a", "v1"]


def test_a_secret_is_not_shown_by_accident() -> None:
    secret = SigningSecret(Scheme.V1, b"k" * 32)

    assert "kkk" not in repr(secret)
    assert secret.text not in repr(secret)
