"""One-time codes: right for a moment, as every authenticator app computes them."""

from datetime import UTC, datetime, timedelta

import pytest

from hub.access.one_time import STEP_SECONDS, new_totp, step_of, totp_uri

# RFC 6238, appendix B, SHA-1: the last six of the eight digits.
SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
VECTORS = [
    (59, "287082"), (1_111_111_109, "081804"), (1_111_111_111, "050471"), (1_234_567_890, "005924"),
    (2_000_000_000, "279037"),
]  # fmt: skip


@pytest.mark.parametrize(("seconds", "code"), VECTORS)
def test_codes_are_those_of_the_standard(seconds: int, code: str) -> None:
    assert step_of(SECRET, code, now=datetime.fromtimestamp(seconds, UTC)) == seconds // STEP_SECONDS


def test_a_clock_may_be_one_step_off_and_no_more() -> None:
    at = datetime.fromtimestamp(1_111_111_111, UTC)
    step = 1_111_111_111 // STEP_SECONDS

    found = [step_of(SECRET, "050471", now=at + timedelta(seconds=STEP_SECONDS * off)) for off in (-2, -1, 0, 1, 2)]

    assert found == [None, step, step, step, None]


@pytest.mark.parametrize("code", ["", "0", "05047", "0504711", "abcdef", "٠٥٠٤٧١", "\ud800", "-50471", "0x50471"])
def test_nothing_else_is_a_code(code: str) -> None:
    assert step_of(SECRET, code, now=datetime.fromtimestamp(1_111_111_111, UTC)) is None


def test_secrets_are_long_and_never_the_same() -> None:
    found = {new_totp() for _ in range(100)}

    assert len(found) == 100
    assert {len(one) for one in found} == {32}, "160 bits in base 32"
    assert totp_uri(SECRET, "maya").startswith("otpauth://totp/Coalition%20Hub:maya?secret=")
