"""Profiles are read to the last key, and say what is wrong by file, key and line."""

from collections.abc import Callable
from pathlib import Path

import pytest

from partners.base import Verb
from partners.profile import (
    AuthKind,
    NotificationScheme,
    ProfileInvalid,
    ReverseKind,
    SigningKind,
    UnitKind,
    read_profile,
)
from partners.registry import BRANDS_FOLDER
from tests.partners.conftest import copy_of_template


def _edited(tmp_path: Path, edit: Callable[[str], str]) -> Path:
    folder = copy_of_template(tmp_path)
    file = folder / "profile.toml"
    text = file.read_text(encoding="utf-8")
    changed = edit(text)
    assert changed != text
    file.write_text(changed, encoding="utf-8")
    return folder


def test_a_profile_says_everything_about_its_brand() -> None:
    profile = read_profile(BRANDS_FOLDER / "staywell")

    assert (profile.code, profile.kind, profile.http.auth) == ("staywell", "hotel", AuthKind.CLIENT_SECRET_BASIC)
    assert profile.capabilities.reverse is ReverseKind.NATIVE
    assert Verb.REVERSE in profile.capabilities.verbs
    assert [(unit.code, unit.scale, unit.kind) for unit in profile.units] == [
        ("staywell.night", 1, UnitKind.POINTS),
        ("staywell.point", 0, UnitKind.POINTS),
    ]


def test_a_unit_of_money_names_its_currency() -> None:
    unit = read_profile(BRANDS_FOLDER / "northbank").unit("northbank.cashback")

    assert unit is not None
    assert (unit.kind, unit.currency, unit.scale) == (UnitKind.MONEY, "USD", 2)


@pytest.mark.parametrize(
    ("amount", "allowed"), [(5, True), (10, True), (3_650, True), (4, False), (0, False), (3_655, False)]
)
def test_nights_move_in_halves(amount: int, allowed: bool) -> None:
    profile = read_profile(BRANDS_FOLDER / "staywell")

    assert profile.amounts_of("staywell.night").allow(amount) is allowed


def test_a_unit_that_no_profile_lists_has_the_limits_of_the_brand() -> None:
    profile = read_profile(BRANDS_FOLDER / "sandbox")

    assert profile.amounts_of("anybody.point") == profile.limits


def test_membership_numbers_match_as_a_whole() -> None:
    profile = read_profile(BRANDS_FOLDER / "aerojet")

    assert profile.knows_number("AJ12345678")
    assert not profile.knows_number("AJ12345678; DROP")
    assert not profile.knows_number("AJ12345678\n")
    assert profile.member.numbered(7) == "AJ00000007"


WRONG = {
    "an unknown key": (lambda text: "colour = 1\n" + text, "colour", "is not a key"),
    "an unknown key in a table": (lambda text: text + "\nnickname = 'x'\n", "member.nickname", "is not a key"),
    "a missing key": (lambda text: text.replace('name = "Your Brand Rewards"\n', ""), "name", "is missing"),
    "a missing table": (lambda text: text.replace("[retry]", "[member.retry]"), "retry", "is missing"),
    "a wrong type": (
        lambda text: text.replace("timeout_seconds = 10", 'timeout_seconds = "10"'),
        "http.timeout_seconds",
        "whole number",
    ),
    "a boolean for a number": (lambda text: text.replace("scale = 0 ", "scale = true "), "units[0].scale", "whole"),
    "a float": (lambda text: text.replace("factor = 2", "factor = 2.0"), "retry.factor", "whole number"),
    "an empty text": (lambda text: text.replace('"Your Brand Rewards"', '" "'), "name", "not empty"),
    "an unknown kind": (lambda text: text.replace('kind = "shop"', 'kind = "casino"'), "kind", "one of"),
    "an unknown verb": (lambda text: text.replace('"balance"', '"guess"'), "capabilities.verbs", "one of"),
    "a verb twice": (lambda text: text.replace('"balance"', '"debit"'), "capabilities.verbs", "twice"),
    "reverse without the verb": (lambda text: text.replace('"reverse", ', ""), "capabilities.reverse", "none"),
    "key life without keys": (
        lambda text: text.replace("keys = true ", "keys = false "),
        "capabilities.key_life_hours",
        "exactly when",
    ),
    "a flag that is text": (lambda text: text.replace("keys = true ", 'keys = "true" '), "capabilities.keys", "true"),
    "an unknown way in": (lambda text: text.replace('client_secret_basic"', 'password"'), "http.auth", "one of"),
    "an address without scheme": (
        lambda text: text.replace('"https://api.your', '"api.your'),
        "http.base_url",
        "does not match",
    ),
    "a ceiling below the floor": (
        lambda text: text.replace("ceiling_seconds = 60", "ceiling_seconds = 0"),
        "retry.ceiling_seconds",
        "whole number",
    ),
    "a broken pattern": (lambda text: text.replace("YB-[0-9]{8}", "YB-[0-9{8}"), "member.number_pattern", "regular"),
    "an example that does not match": (lambda text: text.replace("YB-00000001", "YB-0001"), "member.example", "match"),
    "an example without digits": (lambda text: text.replace("YB-00000001", "YB-AB"), "member.example", "digits"),
    "a unit twice": (
        lambda text: text.replace(
            "[http] ", '[[units]]\ncode = "your_brand.point"\nscale = 0\nkind = "points"\n\n[http] '
        ),
        "units",
        "twice",
    ),
    "a unit of money without currency": (
        lambda text: text.replace('kind = "points"', 'kind = "money"'),
        "units[0].currency",
        "is missing",
    ),
    "a most below the least": (
        lambda text: text.replace("amount_min = 1\n", "amount_min = 2_000_000\n"),
        "limits.amount_max",
        "below",
    ),
    "a table that is none": (
        lambda text: text.replace("[member]", "[person]").replace("code =", "member = 1\ncode =", 1),
        "member",
        "must be a table",
    ),
    "units that are none": (lambda text: text.replace("[[units]]", "[units]"), "units", "list"),
    "another folder's code": (
        lambda text: text.replace('code = "your_brand" ', 'code = "other_brand" '),
        "code",
        "folder",
    ),
}


@pytest.mark.parametrize("what", list(WRONG))
def test_a_profile_is_refused_for(tmp_path: Path, what: str) -> None:
    edit, key, words = WRONG[what]
    folder = _edited(tmp_path, edit)

    with pytest.raises(ProfileInvalid) as refusal:
        read_profile(folder)

    assert refusal.value.code == "profile_invalid"
    assert refusal.value.facts["key"] == key
    assert refusal.value.facts["file"] == str(folder / "profile.toml")
    assert words in refusal.value.detail


def test_a_refusal_points_at_the_line_the_table_and_the_key(tmp_path: Path) -> None:
    folder = _edited(tmp_path, lambda text: text.replace("scale = 0 ", "scale = 99 "))

    with pytest.raises(ProfileInvalid) as refusal:
        read_profile(folder)

    assert refusal.value.detail.startswith(f"{folder / 'profile.toml'}:14 [units[0]] scale: must be a whole number")
    assert refusal.value.facts["line"] == 14


def test_a_missing_key_points_at_its_table(tmp_path: Path) -> None:
    folder = _edited(tmp_path, lambda text: text.replace('kind = "points"', ""))

    with pytest.raises(ProfileInvalid) as refusal:
        read_profile(folder)

    assert refusal.value.detail.startswith(f"{folder / 'profile.toml'}:12 [units[0]] kind: is missing")


def test_lines_are_found_past_texts_of_many_lines(tmp_path: Path) -> None:
    notes = 'notes = """\nscale = 1\n[http]\n"""\n'
    folder = _edited(tmp_path, lambda text: text.replace("notes =", notes + "remarks ="))

    with pytest.raises(ProfileInvalid) as refusal:
        read_profile(folder)

    assert refusal.value.detail.startswith(f"{folder / 'profile.toml'}:13 remarks: is not a key of a profile")


def test_a_file_that_is_not_toml_is_refused_with_its_line(tmp_path: Path) -> None:
    folder = _edited(tmp_path, lambda text: "\n\nthis is no key\n" + text)

    with pytest.raises(ProfileInvalid) as refusal:
        read_profile(folder)

    assert refusal.value.facts["line"] == 3


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    folder = copy_of_template(tmp_path)
    (folder / "profile.toml").write_bytes(b"\xff\xfe\x00")

    with pytest.raises(ProfileInvalid):
        read_profile(folder)


def test_a_brand_without_notifications_sends_none(tmp_path: Path) -> None:
    profile = read_profile(copy_of_template(tmp_path))

    assert (profile.notifications.scheme, profile.http.signing) == (NotificationScheme.NONE, SigningKind.NONE)


def test_a_profile_says_how_requests_are_signed_and_notifications_verified(tmp_path: Path) -> None:
    folder = _edited(
        tmp_path,
        lambda text: text.replace("[http]", '[http]\nsigning = "rfc9421"') + '[notifications]\nscheme = "rfc9421"\n',
    )

    profile = read_profile(folder)

    assert (profile.notifications.scheme, profile.http.signing) == (NotificationScheme.RFC9421, SigningKind.RFC9421)


def test_without_tokens_requests_are_signed(tmp_path: Path) -> None:
    unsigned = _edited(tmp_path, lambda text: _without_tokens(text))

    with pytest.raises(ProfileInvalid) as refused:
        read_profile(unsigned)

    assert refused.value.facts["key"] == "http.auth"


def test_signed_requests_need_no_tokens(tmp_path: Path) -> None:
    folder = _edited(tmp_path, lambda text: _without_tokens(text).replace("[http]", '[http]\nsigning = "rfc9421"'))

    assert read_profile(folder).http.token_url == ""


def _without_tokens(text: str) -> str:
    lines = (line for line in text.splitlines() if not line.startswith("token_url"))
    return "\n".join(lines).replace('auth = "client_secret_basic"', 'auth = "none"') + "\n"
