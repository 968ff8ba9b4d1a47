"""Makes every hash again from the stored rows: contents, seals and their chains, floors, shares of reversals.

Streams the rows seal by seal through server-side cursors. What must hold between tables is in `rules.py`.
"""

import uuid
from collections.abc import Callable, Iterator
from datetime import datetime
from fractions import Fraction
from typing import Any, LiteralString

from hub.ledger.batch import (
    Block,
    Stamp,
    ending_line,
    entry_line,
    hold_line,
    posting_line,
    refusal_line,
    reversal_line,
    seal_hash,
)
from hub.ledger.lines import NULL, content_hash, time_text, transfers_of
from hub.ledger.opening import floor_hash
from hub.ledger.state import HoldState
from hub.ledger.types import Difference, Reversal, Transfer
from hub.storage import Work

_ROWS_AT_ONCE = 2_000

_POSTINGS: LiteralString = (
    "SELECT p.seal, p.id, p.key, p.content, p.kind, p.period, p.effective_at, p.recorded_at, p.reverses, p.reference, "
    "p.metadata, o.key, r.share_numerator, r.share_denominator, sides.lines FROM ledger_posting p "
    "LEFT JOIN ledger_reversal r ON r.key = p.key LEFT JOIN ledger_posting o ON o.id = r.posting, "
    "LATERAL (SELECT coalesce(json_agg(json_build_array(e.line, e.account, e.amount, e.version, e.balance_after, "
    "e.unit, e.label, a.code) ORDER BY e.line), '[]') AS lines FROM ledger_entry e LEFT JOIN ledger_account a "
    "ON a.id = e.account WHERE e.posting = p.id) sides ORDER BY p.seal, p.id"
)
_HOLDS: LiteralString = (
    "SELECT h.seal, h.key, h.content, h.kind, h.reference, h.metadata, h.transfers, o.key, r.share_numerator, "
    "r.share_denominator FROM ledger_hold h LEFT JOIN ledger_reversal r ON r.key = h.key "
    "LEFT JOIN ledger_posting o ON o.id = r.posting ORDER BY h.seal"
)
_ENDINGS: LiteralString = (
    "SELECT ended_seal, key, state, posted FROM ledger_hold WHERE ended_seal IS NOT NULL ORDER BY ended_seal"
)
_REFUSALS: LiteralString = "SELECT seal, key, content, code, detail, facts FROM ledger_refusal ORDER BY seal"
_REVERSALS: LiteralString = (
    "SELECT seal, key, posting, share_numerator, share_denominator, parts FROM ledger_reversal ORDER BY seal"
)
_SEALS: LiteralString = "SELECT id, writer, number, recorded_at, hash FROM ledger_seal ORDER BY id"
_FLOORS: LiteralString = (
    "SELECT f.account, a.code, a.unit, a.opened_at, f.number, f.target, f.set_at, f.hash FROM ledger_account a "
    "LEFT JOIN ledger_floor f ON f.account = a.id ORDER BY a.id, f.number"
)
_SHARES: LiteralString = (
    "SELECT r.posting, r.share_numerator, r.share_denominator FROM ledger_reversal r LEFT JOIN ledger_hold h "
    "ON h.key = r.key WHERE h.state IS DISTINCT FROM 'voided' ORDER BY r.posting"
)

Row = tuple[Any, ...]


def hash_differences(work: Work) -> Iterator[Difference]:
    """Every hash that does not follow from the rows it covers, and every posting reversed beyond the whole."""
    yield from _seal_differences(work)
    yield from _floor_differences(work)
    yield from _share_differences(work)


def _stream(work: Work, query: LiteralString) -> Iterator[Row]:
    """Rows of a query through a cursor of the server, which keeps them out of our memory."""
    with work.raw.cursor(name=f"verify_{uuid.uuid4().hex}") as cursor:
        cursor.itersize = _ROWS_AT_ONCE
        yield from cursor.execute(query)


class _Groups:
    """The rows of one table seal by seal: each call takes the rows of one seal, and reports what lay before it."""

    def __init__(self, work: Work, query: LiteralString, name: str) -> None:
        self._rows = _stream(work, query)
        self._next: Row | None = next(self._rows, None)
        self._name = name

    def take(self, seal: int, found: list[Difference]) -> Iterator[Row]:
        """Rows of `seal`."""
        while self._next is not None and self._next[0] <= seal:
            if self._next[0] == seal:
                yield self._next
            else:
                self._report(self._next, found)
            self._next = next(self._rows, None)

    def finish(self, found: list[Difference]) -> None:
        """Report what lies after the last seal."""
        while self._next is not None:
            self._report(self._next, found)
            self._next = next(self._rows, None)

    def _report(self, row: Row, found: list[Difference]) -> None:
        found.append(Difference("every row lies under a seal", f"{self._name} {row[1]}", str(row[0]), "a seal"))


def _seal_differences(work: Work) -> Iterator[Difference]:
    makers: list[tuple[_Groups, Callable[[Block, Row], Iterator[Difference]]]] = [
        (_Groups(work, _POSTINGS, "posting"), _add_posting),
        (_Groups(work, _HOLDS, "hold"), _add_hold),
        (_Groups(work, _ENDINGS, "end of hold"), _add_ending),
        (_Groups(work, _REFUSALS, "refusal"), _add_refusal),
        (_Groups(work, _REVERSALS, "reversal"), _add_reversal),
    ]
    chains: dict[uuid.UUID, tuple[int, bytes]] = {}
    found: list[Difference] = []
    for seal, writer, number, recorded_at, stored in _stream(work, _SEALS):
        block = Block()
        for groups, add in makers:
            for row in groups.take(seal, found):
                yield from add(block, row)
        before, previous = chains.get(writer, (0, b""))
        if number != before + 1:
            yield Difference("a writer's seals have no gaps", f"{writer} {seal}", str(number), str(before + 1))
        stamp = _stamp(seal, writer, number, previous, recorded_at)
        expected = seal_hash(stamp, block)
        if bytes(stored) != expected:
            yield Difference("a seal covers its rows", str(seal), bytes(stored).hex(), expected.hex())
        chains[writer] = (number, bytes(stored))
        yield from found
        found.clear()
    for groups, _ in makers:
        groups.finish(found)
    yield from found


def _stamp(seal: int, writer: uuid.UUID, number: int, previous: bytes, recorded_at: datetime) -> Stamp:
    return Stamp(
        period=0, recorded_at=recorded_at, id_first=0, seal=seal, writer=writer, number=number, previous=previous
    )


def _reversal(key: str | None, numerator: int | None, denominator: int | None) -> Reversal | None:
    if key is None or numerator is None or not denominator:
        return None
    return Reversal(key, Fraction(numerator, denominator))


def _add_posting(block: Block, row: Row) -> Iterator[Difference]:
    seal, identity, key, content, kind, period, effective_at, recorded_at, reverses, reference, metadata = row[:11]
    block.postings.append(
        posting_line(
            str(identity),
            key,
            bytes(content),
            kind=kind,
            period=period,
            effective=time_text(effective_at),
            recorded=time_text(recorded_at),
            reverses=NULL if reverses is None else str(reverses),
            reference=reference,
            metadata=metadata,
            seal=seal,
        )
    )
    sides = row[14]
    for line, account, amount, version, after, unit, label, _ in sides:
        block.entries.append(
            entry_line(
                str(identity), line, account, amount=amount, version=version, after=after, unit=unit, label=label
            )
        )
    transfers = [
        Transfer(str(debit[7]), str(credit[7]), credit[2], debit[6])
        for debit, credit in zip(sides[::2], sides[1::2], strict=False)
    ]
    expected = content_hash(
        "post",
        key=key,
        kind=kind,
        reference=reference,
        metadata=metadata,
        reverses=_reversal(*row[11:14]),
        transfers=transfers,
    )
    if bytes(content) != expected:
        yield Difference("a posting has the content of its hash", key, bytes(content).hex(), expected.hex())


def _add_hold(block: Block, row: Row) -> Iterator[Difference]:
    seal, key, content, kind, reference, metadata, transfers = row[:7]
    block.holds.append(
        hold_line(
            key=key,
            content=bytes(content),
            kind=kind,
            reference=reference,
            metadata=metadata,
            transfers=transfers,
            seal=seal,
        )
    )
    expected = content_hash(
        "hold",
        key=key,
        kind=kind,
        reference=reference,
        metadata=metadata,
        reverses=_reversal(*row[7:10]),
        transfers=transfers_of(transfers),
    )
    if bytes(content) != expected:
        yield Difference("a hold has the content of its hash", key, bytes(content).hex(), expected.hex())


def _add_ending(block: Block, row: Row) -> Iterator[Difference]:
    _, key, state, posted = row
    block.endings.append(ending_line(key, HoldState(state), posted))
    yield from ()


def _add_refusal(block: Block, row: Row) -> Iterator[Difference]:
    seal, key, content, code, detail, facts = row
    block.refusals.append(refusal_line(key, bytes(content), code=code, detail=detail, facts=facts, seal=seal))
    yield from ()


def _add_reversal(block: Block, row: Row) -> Iterator[Difference]:
    seal, key, posting, numerator, denominator, amounts = row
    block.reversals.append(
        reversal_line(key, posting, numerator=numerator, denominator=denominator, amounts=amounts, seal=seal)
    )
    yield from ()


def _floor_differences(work: Work) -> Iterator[Difference]:
    """The history of floors, chained per account from its opening."""
    last: tuple[int | None, int, bytes] = (None, 0, b"")
    for account, code, unit, opened_at, number, target, set_at, stored in _stream(work, _FLOORS):
        if account is None:
            yield Difference("an account has its opening in the history of floors", code, "nothing", "number 1")
            continue
        before, previous = last[1:] if last[0] == account else (0, b"")
        expected = floor_hash(
            previous,
            account=account,
            code=code,
            unit=unit,
            opened_at=opened_at,
            number=before + 1,
            target=target,
            set_at=set_at,
        )
        if number != before + 1 or bytes(stored) != expected:
            yield Difference("the history of floors is whole", f"{code} {number}", bytes(stored).hex(), expected.hex())
        last = (account, before + 1, bytes(stored))


def _share_differences(work: Work) -> Iterator[Difference]:
    """Postings reversed by more than the whole."""
    current: uuid.UUID | None = None
    total = Fraction(0)
    for posting, numerator, denominator in _stream(work, _SHARES):
        total = (total if posting == current else Fraction(0)) + Fraction(numerator, denominator or 1)
        current = posting
        if total > 1:
            yield Difference("a posting is reversed at most as a whole", str(posting), str(total), "1")
