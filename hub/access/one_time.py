"""One-time codes of a second factor: six digits by the clock (TOTP), which any authenticator app shows.

Knows RFC 6238 through pyotp. Does not know whose a secret is, nor which codes were used: a code belongs to a step of
30 seconds, and whoever asks remembers the last step that was good.
"""

import hmac
from datetime import datetime

import pyotp

STEP_SECONDS = 30
_ISSUER = "Coalition Hub"

# A phone's clock may be one step off, either way (RFC 6238 §5.2).
_STEPS_OFF = (0, -1, 1)


def new_totp() -> str:
    """A secret of 160 random bits in base 32."""
    return pyotp.random_base32()


def totp_uri(secret: str, name: str) -> str:
    """The secret as authenticator apps read it."""
    return pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name=_ISSUER)


def step_of(secret: str, code: str, *, now: datetime) -> int | None:
    """The step whose code this is, if it is one of the moment; None for any other. Compares all of them."""
    sent = code.replace(" ", "").encode("utf-8", "surrogatepass")
    totp, current = pyotp.TOTP(secret), int(now.timestamp()) // STEP_SECONDS
    found = None
    for off in _STEPS_OFF:
        if hmac.compare_digest(totp.generate_otp(current + off).encode(), sent):
            found = current + off
    return found
