"""Passwords: which are taken, and that a check of nobody's costs what a check of somebody's costs."""

import pytest
from argon2 import extract_parameters

from hub.access.passwords import NOBODYS_HASH, PasswordInvalid, checked_password, hash_of_password, is_password

GOOD = "seven otters juggle quietly"


@pytest.mark.parametrize(
    "password",
    ["", "short", "14 characters.", "x" * 129, "abababababababababab", "1111222233334444", "my login is Wanderer!"],
)
def test_a_password_that_is_easy_to_guess_is_refused(password: str) -> None:
    with pytest.raises(PasswordInvalid):
        checked_password(password, login="wanderer")


@pytest.mark.parametrize(
    "password", ["exactly 15 char", GOOD, "x1y2z" * 25, "пароль из слов и ещё слов", "🦦" * 11 + "abcd"]
)
def test_any_characters_make_a_password(password: str) -> None:
    assert checked_password(password, login="wanderer") == password


def test_a_password_is_kept_so_that_only_itself_opens() -> None:
    hashed = hash_of_password(GOOD)

    assert hashed.startswith("$argon2id$v=19$")
    assert GOOD not in hashed
    assert hash_of_password(GOOD) != hashed
    assert is_password(hashed, GOOD)
    for wrong in ("", GOOD + " ", GOOD.upper(), "\0", "\ud800", "x" * 10_000):
        assert not is_password(hashed, wrong)


def test_the_same_characters_typed_in_another_form_are_the_same_password() -> None:
    assert is_password(hash_of_password("caf\u00e9 au lait du matin"), "cafe\u0301 au lait du matin")


def test_where_nobody_is_the_same_work_is_done() -> None:
    assert extract_parameters(NOBODYS_HASH) == extract_parameters(hash_of_password(GOOD))
    assert not is_password(NOBODYS_HASH, GOOD)
