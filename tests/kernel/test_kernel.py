"""Amounts, ids, times, settings and log lines."""

import json
import logging
import pickle
import random
import uuid
from datetime import UTC, datetime, timedelta, timezone
from fractions import Fraction
from pathlib import Path

import pytest

from hub.config import SettingInvalid, read_settings
from hub.kernel.amounts import (
    decimal_text,
    floor_of,
    half_even,
    ledger_amount,
    parse_decimal,
    parse_ratio,
    positive_amount,
)
from hub.kernel.clock import ManualClock, parse_rfc3339, rfc3339
from hub.kernel.errors import AmountOverflow, InvalidAmount
from hub.kernel.ids import new_id, new_uuid
from hub.kernel.limits import AMOUNT_LEDGER_MAX, AMOUNT_WIRE_MAX
from hub.kernel.log import BLOT, JsonFormatter, redact

MOMENT = datetime(2026, 4, 6, 9, 0, 0, 123456, tzinfo=UTC)


@pytest.mark.parametrize("value", [0, -1, AMOUNT_WIRE_MAX + 1, True, 1.0, "1", None, [1]])
def test_what_is_no_positive_whole_number_is_refused(value: object) -> None:
    with pytest.raises(InvalidAmount) as refusal:
        positive_amount(value, pointer="/amount")
    assert refusal.value.pointer == "/amount"


def test_the_largest_amount_of_the_wire_is_accepted() -> None:
    assert positive_amount(AMOUNT_WIRE_MAX) == 2**53 - 1


def test_a_sum_beyond_64_bits_is_refused_and_never_wraps() -> None:
    assert ledger_amount(AMOUNT_LEDGER_MAX) == AMOUNT_LEDGER_MAX
    assert ledger_amount(-AMOUNT_LEDGER_MAX) == -AMOUNT_LEDGER_MAX
    for value in (AMOUNT_LEDGER_MAX + 1, -AMOUNT_LEDGER_MAX - 1):
        with pytest.raises(AmountOverflow):
            ledger_amount(value)


@pytest.mark.parametrize(
    ("value", "floor", "even"),
    [
        (Fraction(5, 2), 2, 2),
        (Fraction(7, 2), 3, 4),
        (Fraction(-5, 2), -3, -2),
        (Fraction(2, 3), 0, 1),
        (Fraction(4), 4, 4),
    ],
)
def test_rounding_has_two_named_directions(value: Fraction, floor: int, even: int) -> None:
    assert (floor_of(value), half_even(value)) == (floor, even)


@pytest.mark.parametrize("text", ["1e5", "1_0", " 1", "1.", ".5", "٣", "1,5", "", "+1", "0x1", "01", "1.2345678901234"])
def test_a_decimal_is_plain_or_refused(text: str) -> None:
    with pytest.raises(InvalidAmount):
        parse_decimal(text)


def test_a_decimal_is_read_exactly() -> None:
    assert parse_decimal("13.37") * Fraction(91, 100) / 1000 == Fraction("0.0121667")
    assert decimal_text(121667, 7) == "0.0121667"
    assert decimal_text(-5, 2) == "-0.05"
    assert decimal_text(12, 0) == "12"


@pytest.mark.parametrize("text", ["0:1", "1:0", "-1:2", "1:2:3", "1.5:1", "a:b", "1"])
def test_a_ratio_has_two_positive_whole_numbers(text: str) -> None:
    assert parse_ratio("34500:10000") == Fraction(69, 20)
    with pytest.raises(InvalidAmount):
        parse_ratio(text)


def test_ids_of_one_kind_sort_by_their_time() -> None:
    draw = random.Random(7)
    moments = [MOMENT + timedelta(milliseconds=step) for step in range(200)]

    ids = [new_id("cnv", moment, draw.getrandbits(80)) for moment in moments]
    uuids = [new_uuid(moment, draw.getrandbits(74)) for moment in moments]

    assert ids == sorted(ids)
    assert uuids == sorted(uuids)
    assert len(set(ids)) == 200
    assert {len(name) for name in ids} == {30}


def test_a_uuid_is_of_version_7() -> None:
    made = new_uuid(MOMENT)

    assert (made.version, made.variant) == (7, uuid.RFC_4122)
    assert made.int >> 80 == int(MOMENT.timestamp() * 1000)


def test_times_are_utc_texts_that_sort() -> None:
    elsewhere = MOMENT.astimezone(timezone(timedelta(hours=7)))

    assert rfc3339(elsewhere) == "2026-04-06T09:00:00.123456Z"
    assert parse_rfc3339("2026-04-06T16:00:00.123456+07:00") == MOMENT
    with pytest.raises(ValueError, match="offset"):
        parse_rfc3339("2026-04-06T09:00:00")


def test_a_manual_clock_moves_only_when_told() -> None:
    clock = ManualClock(MOMENT)

    clock.advance(timedelta(days=-1))

    assert clock.now() == MOMENT - timedelta(days=1)


def test_a_refusal_survives_being_sent_to_another_process() -> None:
    refusal = InvalidAmount("no", pointer="/amount", limit=5)

    again = pickle.loads(pickle.dumps(refusal))

    assert again == refusal
    assert again.facts == {"limit": 5}


@pytest.mark.parametrize(
    "secret",
    [
        "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl",
        "Bearer abcdefghijklmnop",
        "client_secret=hunter22222",
        "postgresql://hub:passw0rd@/hub",
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "-----BEGIN PRIVATE KEY-----\nMIGH\n-----END PRIVATE KEY-----",
    ],
)
def test_secrets_are_blotted_out_of_log_lines(secret: str) -> None:
    record = logging.makeLogRecord({"name": "x", "levelname": "INFO", "msg": f"called with {secret}", "detail": secret})

    line = JsonFormatter().format(record)

    assert BLOT in redact(secret)
    for part in ("hunter2", "passw0rd", "MfKQ9r8", "c2lnbmF0", "MIGH", "abcdefghijklmnop"):
        assert part not in line


def test_the_row_that_a_database_refused_is_blotted_out_and_the_reason_stays() -> None:
    row, place = "Failing row contains (AJ1001, 5).", 'COPY member_link, line 1: "AJ1001"'
    told = f'violates check "x"\nDETAIL:  {row}\nCONTEXT:  {place}\nend'

    assert redact(told) == f'violates check "x"\nDETAIL: {BLOT}\nCONTEXT: {BLOT}\nend'


def test_a_field_named_like_a_secret_is_blotted_whatever_it_holds() -> None:
    record = logging.makeLogRecord({"name": "x", "msg": "event", "client_secret": "plain", "partner": "aerojet"})

    fields = json.loads(JsonFormatter().format(record))

    assert fields["client_secret"] == BLOT
    assert fields["partner"] == "aerojet"


def test_settings_have_safe_defaults_and_name_what_is_wrong(tmp_path: Path) -> None:
    secret = tmp_path / "url"
    secret.write_text("postgresql://hub@db/hub\n")

    assert read_settings({}).database_url == ""
    assert read_settings({"HUB_DATABASE_URL_FILE": str(secret)}).database_url == "postgresql+psycopg://hub@db/hub"
    with pytest.raises(SettingInvalid, match="HUB_API_PORT"):
        read_settings({"HUB_API_PORT": "eighty"})
    with pytest.raises(SettingInvalid, match="PostgreSQL"):
        read_settings({"HUB_DATABASE_URL": "sqlite:///x"})
    with pytest.raises(SettingInvalid, match="HUB_DATABASE_URL_FILE"):
        read_settings({"HUB_DATABASE_URL_FILE": str(tmp_path / "missing")})
