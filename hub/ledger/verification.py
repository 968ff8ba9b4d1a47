"""Checks the whole ledger from the stored rows alone and reports every difference.

Run it in a transaction with one snapshot (`Database.read`), or what commits meanwhile looks like a difference. It
streams: memory does not grow with the number of postings.
"""

from collections.abc import Iterator

from hub.ledger.reseal import hash_differences
from hub.ledger.roots import root_differences
from hub.ledger.rules import RULES
from hub.ledger.types import Difference
from hub.storage import Work


def verify(work: Work) -> list[Difference]:
    """Everything that is not as it must be; empty if the ledger is whole."""
    return [*_rule_differences(work), *hash_differences(work), *root_differences(work)]


def _rule_differences(work: Work) -> Iterator[Difference]:
    for name, query in RULES:
        for subject, stored, expected in work.fetch(query):
            yield Difference(name, str(subject), str(stored), str(expected))
