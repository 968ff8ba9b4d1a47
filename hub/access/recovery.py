"""Recovery codes: shown once when an operator enrols, each good once in place of a one-time code.

Knows rows under the hash of a code. 80 random bits need no slow hash; the password is asked for all the same.
"""

import base64
import hashlib
import secrets

from hub.storage import Work

# As many as fit on a small piece of paper.
CODES = 10
_BYTES = 10
_GROUP = 4


def new_recovery(work: Work, person: str) -> list[str]:
    """Fresh codes of this person, as they are shown; those of before are good no more."""
    forget_recovery(work, person)
    texts = [base64.b32encode(secrets.token_bytes(_BYTES)).decode() for _ in range(CODES)]
    for text in texts:
        work.run_later("INSERT INTO access_recovery (hash, person) VALUES (%s, %s)", (_hash(text), person), rows=1)
    return ["-".join(text[at : at + _GROUP] for at in range(0, len(text), _GROUP)) for text in texts]


def use_recovery(work: Work, person: str, text: str) -> bool:
    """Whether this is an unused code of this person; it is used now."""
    return work.run("DELETE FROM access_recovery WHERE hash = %s AND person = %s", (_hash(text), person)) == 1


def forget_recovery(work: Work, person: str) -> None:
    """This person has none any more."""
    work.run("DELETE FROM access_recovery WHERE person = %s", (person,))


def _hash(text: str) -> bytes:
    """Of the code however it was typed: with dashes or without, in small letters or capitals."""
    plain = text.replace("-", "").replace(" ", "").upper()
    return hashlib.sha256(plain.encode("utf-8", "surrogatepass")).digest()
