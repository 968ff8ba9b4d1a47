"""Passwords: which are taken, how they are kept, and whether one is right.

Knows argon2id (RFC 9106 §4, its second recommendation: 64 MiB) and NIST SP 800-63B-4 §3.1.1. Does not know whose a
password is.
"""

import threading
import unicodedata

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError

from hub.kernel.errors import HubError

# A member's password stands alone, so it is as long as NIST asks of one that does; an operator's is no shorter.
PASSWORD_CHARS = (15, 128)
_DISTINCT_MIN = 5

# Checks at once in one process: each takes 64 MiB, and requests that wait for one take nothing.
_CHECKS_AT_ONCE = 4
_room = threading.BoundedSemaphore(_CHECKS_AT_ONCE)

_hasher = PasswordHasher()

# Checked where nobody has the login, so that the answer takes as long; it is the hash of no password at all.
NOBODYS_HASH = (
    f"$argon2id$v=19$m={_hasher.memory_cost},t={_hasher.time_cost},p={_hasher.parallelism}"
    f"${'A' * 22}${'A' * 43}"
)  # fmt: skip


class PasswordInvalid(HubError):
    """A password that is too short, too long or too easy to guess."""

    code = "password_invalid"


def checked_password(password: str, *, login: str) -> str:
    """`password` if it may be one. login: as it is compared. Raises: PasswordInvalid."""
    found = unicodedata.normalize("NFKC", password)
    low, high = PASSWORD_CHARS
    if not low <= len(found) <= high:
        raise PasswordInvalid(f"A password has {low} to {high} characters; several words make a good one.")
    if len(set(found)) < _DISTINCT_MIN or login in found.casefold():
        raise PasswordInvalid("This password is easy to guess: it repeats itself or holds the login.")
    return found


def hash_of_password(password: str) -> str:
    """What is kept of a password: argon2id with its parameters and a salt of its own."""
    with _room:
        return _hasher.hash(_bytes(password))


def is_password(hashed: str, password: str) -> bool:
    """Whether `password` is the one of this hash. Takes as long for a wrong one."""
    if len(password) > PASSWORD_CHARS[1] * 4:
        return False  # too long to be anybody's, whatever its form
    with _room:
        try:
            return _hasher.verify(hashed, _bytes(password))
        except VerificationError:
            return False


def _bytes(password: str) -> bytes:
    """One spelling for all the ways to type the same characters."""
    return unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")
