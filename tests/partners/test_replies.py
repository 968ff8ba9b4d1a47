"""Replies are read strictly: what is not exactly what was promised is nothing."""

import pytest

from partners.base import Instruction, Unknown
from partners.replies import (
    amount_of,
    json_of,
    label_of,
    no_proof,
    reference_of,
    text_at,
    unfamiliar,
    whole_at,
    word,
    wrong_echo,
    xml_of,
)
from partners.session import Reply

INSTRUCTION = Instruction("k-1", "M-1", "x.point", 600)


def _reply(body: bytes = b"", *, status: int = 200, headers: dict[str, str] | None = None, cut: bool = False) -> Reply:
    return Reply(status, body, headers or {}, cut)


@pytest.mark.parametrize(
    ("text", "scale", "amount"),
    [
        ("2.5", 1, 25),
        ("2", 1, 20),
        ("2.50", 1, 25),
        ("12.34", 2, 1234),
        ("0.05", 2, 5),
        ("600", 0, 600),
        ("600.0", 0, 600),
        ("2.55", 1, None),
        ("-1", 0, None),
        ("1e3", 0, None),
        (" 1", 0, None),
        ("01", 0, None),
        ("1.", 0, None),
        ("", 0, None),
        ("٣", 0, None),
        ("9" * 30, 0, None),
        ("9" * 16, 12, None),
    ],
)
def test_decimals_are_exact_or_nothing(text: str, scale: int, amount: int | None) -> None:
    assert amount_of(text, scale) == amount


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"1", b"{", b'{"a":1,"a":2}', b'{"a":NaN}', b"\xff", b"[" * 50_000, b'{"a":1}x']
)
def test_what_is_no_json_object_is_nothing(body: bytes) -> None:
    assert json_of(_reply(body)) is None


def test_a_json_object_is_read_unless_it_was_cut() -> None:
    assert json_of(_reply(b'{"a": 1}')) == {"a": 1}
    assert json_of(_reply(b'{"a": 1}', cut=True)) is None


@pytest.mark.parametrize("value", [b'"10"', b"10.0", b"true", b"null", b"1e1", b"9" * 40])
def test_only_whole_numbers_are_whole(value: bytes) -> None:
    document = json_of(_reply(b'{"a": {"b": ' + value + b"}}"))

    assert document is not None
    assert whole_at(document, "a", "b") is None


def test_texts_and_numbers_are_found_by_path() -> None:
    document = {"a": {"b": "c", "n": 7}, "d": ["e"]}

    assert (text_at(document, "a", "b"), whole_at(document, "a", "n")) == ("c", 7)
    assert (text_at(document, "a", "n"), text_at(document, "d", "e"), text_at(document, "x")) == ("", "", "")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<Response>",
        b"<Other/>",
        b'<!DOCTYPE Response [<!ENTITY a "b">]><Response>&a;</Response>',
        b'<!DOCTYPE Response SYSTEM "file:///etc/passwd"><Response/>',
        b'<?xml version="1.0" encoding="no-such"?><Response/>',
    ],
)
def test_what_is_no_plain_xml_of_that_name_is_nothing(body: bytes) -> None:
    assert xml_of(_reply(body), "Response") is None


def test_plain_xml_is_read_unless_it_was_cut() -> None:
    found = xml_of(_reply(b"<Response><A>1</A></Response>"), "Response")

    assert found is not None
    assert found.findtext("A") == "1"
    assert xml_of(_reply(b"<Response/>", cut=True), "Response") is None


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "12"}, 12),
        ({"retry-after": "99999999999999"}, 86_400),
        ({"retry-after": "Sun, 22 Nov 2026 10:01:00 GMT", "date": "Sun, 22 Nov 2026 10:00:00 GMT"}, 60),
        ({"retry-after": "Sun, 22 Nov 2026 09:00:00 GMT", "date": "Sun, 22 Nov 2026 10:00:00 GMT"}, 0),
        ({"retry-after": "Sun, 22 Nov 2026 10:01:00 GMT"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-5"}, None),
        ({}, None),
    ],
)
def test_the_wait_that_a_partner_asks_for_is_kept(headers: dict[str, str], seconds: int | None) -> None:
    assert no_proof(_reply(status=503, headers=headers)).retry_after_seconds == seconds


def test_only_words_are_repeated_to_people() -> None:
    assert word("ACCOUNT_CLOSED") == "ACCOUNT_CLOSED"
    assert word("Dear Ada Example, your account") == ""
    assert "Ada" not in unfamiliar(_reply(), "Dear Ada Example\n").why
    assert reference_of("AJ-R1") == "AJ-R1"
    assert reference_of("two words") == reference_of("x" * 129) == reference_of("") == ""


def test_names_that_nobody_could_have_are_dropped() -> None:
    assert label_of(" Zoë Müller-Lüdenscheidt ") == "Zoë Müller-Lüdenscheidt"
    assert label_of("a\nb") == label_of("x" * 121) == ""


@pytest.mark.parametrize(
    ("key", "membership", "amount", "echo"),
    [
        ("k-1", "M-1", 600, None),
        ("k-2", "M-1", 600, Unknown("wrong echo: key")),
        ("k-1", "M-2", 600, Unknown("wrong echo: membership")),
        ("k-1", "M-1", 601, Unknown("wrong echo: amount")),
        ("k-1", "M-1", None, Unknown("wrong echo: amount")),
        ("", "", None, Unknown("wrong echo: key")),
    ],
)
def test_an_echo_must_fit_in_every_field(key: str, membership: str, amount: int | None, echo: Unknown | None) -> None:
    assert wrong_echo(INSTRUCTION, key=key, membership=membership, amount=amount) == echo
