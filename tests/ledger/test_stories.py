"""Money stories as text: each runs once in a single batch and once with a batch per line, with the same answers."""

import re
from collections.abc import Iterator
from contextlib import ExitStack
from fractions import Fraction

import pytest

from hub import ledger
from hub.ledger import Account, Book, Posting, Reversal, Transfer
from hub.storage import Database
from tests.ledger.support import NOW, balance_of, differences, word

STORIES = {
    "a cap of 10 lets only the first of 9, 9, 19, 37 pass": """
        open  cap USD -10
        open  hub USD none
        post  1  cap>hub:9   posted
        post  2  cap>hub:9   floor_breached
        post  3  cap>hub:19  floor_breached
        post  4  cap>hub:37  floor_breached
        balance cap -9 0
    """,
    "holds use the cap as postings do": """
        open  cap USD -10
        open  hub USD none
        hold  1  cap>hub:9   held
        hold  2  cap>hub:9   floor_breached
        post  3  cap>hub:2   floor_breached
        post  4  cap>hub:1   posted
        balance cap -1 9
        void  1  voided
        post  5  cap>hub:9   posted
        balance cap -10 0
    """,
    "exactly to the floor passes and one more does not": """
        open  a USD 0
        open  b USD none
        post  1  b>a:10      posted
        post  2  a>b:11      floor_breached
        post  3  a>b:10      posted
        balance a 0 0
    """,
    "all transfers of a posting are judged together": """
        open  a USD 0
        open  b USD none
        post  1  a>b:10 b>a:10        posted
        post  2  a>b:10 b>a:9         floor_breached
        balance a 0 0
    """,
    "the credits of a hold help nobody before they post": """
        open  a USD 0
        open  b USD none
        hold  1  b>a:10               held
        post  2  a>b:1                floor_breached
        hold  3  a>b:10 b>a:10        floor_breached
        post_hold 1                   posted
        post  4  a>b:10               posted
        balance a 0 0
    """,
    "a hold ends exactly once": """
        open  a USD none
        open  b USD none
        hold  1  a>b:10               held
        hold  2  a>b:10               held
        post_hold 1                   posted
        post_hold 1                   posted again
        void  1                       hold_resolved
        void  2                       voided
        void  2                       voided again
        post_hold 2                   hold_resolved
        post_hold 3                   hold_missing
        void  3                       hold_missing
        hold  1  a>b:10               held again
        hold  2  a>b:10               held again
        balance a -10 0
    """,
    "part of a hold posts and the rest is void": """
        open  a USD -10
        open  b USD none
        hold  1  a>b:6 a>b:4          held
        post_hold 1 7,0               hold_exceeded
        post_hold 1 0,0               posting_invalid
        post_hold 1 5                 posting_invalid
        post_hold 1 -1,4              posting_invalid
        post_hold 1 5,0               posted
        post_hold 1 5,0               posted again
        post_hold 1 6,4               key_reused
        post_hold 1                   key_reused
        balance a -5 0
        post  2  a>b:5                posted
    """,
    "a key keeps its answer, a refusal included": """
        open  a USD 0
        open  b USD none
        post  1  a>b:1                floor_breached
        post  2  b>a:5                posted
        post  1  a>b:1                floor_breached
        post  2  b>a:5                posted again
        post  2  b>a:6                key_reused
        post  1  a>b:2                key_reused
        hold  1  a>b:1                key_reused
        hold  2  b>a:5                key_reused
        hold  3  a>b:1                held
        post  3  a>b:1                key_reused
        post_hold 3                   posted
        post  3  a>b:1                key_reused
        reverse 3 2 1                 key_reused
        balance a 4 0
    """,
    "parts of a reversal add up to the whole exactly": """
        open  a USD none
        open  b USD none
        post  1  a>b:10 a>b:1         posted
        reverse 2 1 1/3               posted
        balance a -8 0
        reverse 3 1 1/3               posted
        balance a -5 0
        reverse 4 1 1/2               reversal_exceeded
        reverse 5 1 1/3               posted
        balance a 0 0
        reverse 6 1 1/1000            reversal_exceeded
        reverse 3 1 1/3               posted again
        reverse 3 1 1/4               key_reused
        reverse 7 9 1                 posting_missing
        reverse 7 9 1                 posting_missing
    """,
    "a share that moves nothing, or is none, is refused": """
        open  a USD none
        open  b USD none
        post  1  a>b:10               posted
        reverse 2 1 1/11              posting_invalid
        reverse 3 1 0                 posting_invalid
        reverse 4 1 2                 posting_invalid
        reverse 5 1 1                 posted
        balance a 0 0
    """,
    "a reversal meets floors like every posting": """
        open  a USD none
        open  b USD 0
        post  1  a>b:10               posted
        post  2  b>a:8                posted
        reverse 3 1 1                 floor_breached
        reverse 4 1 1/5               posted
        balance b 0 0
    """,
    "a hold that reverses counts to the cap until it is voided": """
        open  a USD none
        open  b USD none
        post  1  a>b:10               posted
        hold  2  b>a:6   /1:2/3       held
        reverse 3 1 1/2               reversal_exceeded
        void  2                       voided
        reverse 4 1 1/2               posted
        hold  5  b>a:6   /1:2/3       reversal_exceeded
        hold  6  b>a:5   /1:1/2       held
        post_hold 6                   posted
        reverse 7 1 1/10              reversal_exceeded
        balance a 0 0
    """,
    "a posting may name what it reverses": """
        open  a USD none
        open  b USD none
        post  1  a>b:10               posted
        post  2  b>a:3   /1:1/2       posted
        post  2  b>a:3   /1:1/2       posted again
        post  2  b>a:3   /1:1/3       key_reused
        post  3  b>a:3   /1:2/3       reversal_exceeded
        post  4  b>a:3   /9:1         posting_missing
        reverse 5 1 1/2               posted
        balance a -2 0
    """,
    "several holds are all made or none": """
        open  a USD -10
        open  b USD none
        hold_all 1=a>b:6 2=a>b:6      floor_breached
        balance a 0 0
        hold_all 1=a>b:6 2=a>b:6      floor_breached
        hold_all 1=a>b:6 3=a>b:4      held
        hold_all 1=a>b:6 3=a>b:4      held again
        hold_all 4=a>b:1 1=a>b:5      key_reused
        balance a 0 10
        void  4                       hold_missing
        void  1                       voided
        hold_all 5=a>b:6 5=a>b:6      held
        hold_all 6=a>b:1 6=a>b:2      floor_breached
        balance a 0 10
    """,
    "units do not mix": """
        open  a USD none
        open  m mile none
        open  n mile none
        post  1  a>m:1                unit_mismatch
        post  2  m>n:1 n>a:1          unit_mismatch
        post  3  a>zz:1               account_missing
        hold  4  zz>a:1               account_missing
        balance m 0 0
    """,
    "a floor above what is available follows it up to its target": """
        open  a USD 5
        open  b USD none
        post  1  b>a:3                posted
        post  2  a>b:1                floor_breached
        post  3  b>a:4                posted
        post  4  a>b:3                floor_breached
        post  5  a>b:2                posted
        balance a 5 0
    """,
    "a floor that follows sees holds end": """
        open  a USD none
        open  b USD none
        post  1  b>a:10               posted
        hold  2  a>b:6                held
        floor a 8
        post  3  a>b:1                floor_breached
        void  2                       voided
        post  4  a>b:3                floor_breached
        post  5  a>b:2                posted
        balance a 8 0
    """,
}


class _Teller:
    """Runs the lines of a story."""

    def __init__(self, database: Database, story: str, *, batch_per_line: bool) -> None:
        self._database = database
        self._lines = [line.split() for line in story.strip().splitlines()]
        self._batch_per_line = batch_per_line
        self._stack = ExitStack()
        self._book: Book | None = None

    def tell(self) -> None:
        for words in self._lines:
            if words[0] in ("open", "floor", "balance"):
                self._commit()
                self._outside(words)
                continue
            count = 2 if words[-1] == "again" else 1
            outcome = " ".join(words[-count:])
            assert word(self._ask(self._opened_book(), words[:-count])) == outcome, " ".join(words)
            if self._batch_per_line:
                self._commit()
        self._commit()

    def _outside(self, words: list[str]) -> None:
        match words:
            case ["open", code, unit, floor]:
                account = Account(code, unit, None if floor == "none" else int(floor))
                with self._database.work() as work:
                    ledger.open_accounts(work, [account], now=NOW)
            case ["floor", code, floor]:
                with self._database.work() as work:
                    ledger.set_floors(work, {code: int(floor)}, now=NOW)
            case ["balance", code, posted, held]:
                found = balance_of(self._database, code)
                assert (found.posted, found.held) == (int(posted), int(held)), " ".join(words)

    def _ask(self, book: Book, words: list[str]) -> object:
        match words:
            case ["post", *rest]:
                return book.post(_posting(rest), reverses=_reversal(rest))
            case ["hold", *rest]:
                return book.hold(_posting(rest), reverses=_reversal(rest))
            case ["hold_all", *rest]:
                return book.hold_all([_posting(one.split("=")) for one in rest])
            case ["post_hold", key, *amounts]:
                wanted = [int(one) for one in amounts[0].split(",")] if amounts else None
                return book.post_hold(key, effective_at=NOW, amounts=wanted)
            case ["void", key]:
                return book.void_hold(key)
            case ["reverse", key, of, share]:
                return book.reverse(key, of=of, share=Fraction(share), effective_at=NOW)
        raise AssertionError(words)

    def _opened_book(self) -> Book:
        if self._book is None:
            work = self._stack.enter_context(self._database.work())
            ledger.enter(work)
            self._book = ledger.lock(work, codes=["a", "b", "m", "n", "cap", "hub", "zz"], keys="123456789", now=NOW)
        return self._book

    def _commit(self) -> None:
        if self._book is not None:
            self._book.write()
            self._stack.close()
            self._book = None


def _posting(words: list[str]) -> Posting:
    sides = [re.fullmatch(r"(\w+)>(\w+):(\d+)", one) for one in words[1:] if not one.startswith("/")]
    transfers = tuple(Transfer(one[1], one[2], int(one[3])) for one in sides if one)
    return Posting(words[0], "story", transfers, NOW)


def _reversal(words: list[str]) -> Reversal | None:
    named = [one[1:].split(":") for one in words if one.startswith("/")]
    return Reversal(named[0][0], Fraction(named[0][1])) if named else None


def _cases() -> Iterator[object]:
    for name, story in STORIES.items():
        for batch_per_line in (False, True):
            yield pytest.param(
                story, batch_per_line, id=f"{name}, {'batch per line' if batch_per_line else 'one batch'}"
            )


@pytest.mark.parametrize(("story", "batch_per_line"), list(_cases()))
def test_story(database: Database, story: str, batch_per_line: bool) -> None:
    _Teller(database, story, batch_per_line=batch_per_line).tell()

    assert differences(database) == []
