"""Reads what a batch needs before it decides: locked balances, and what its keys were used for.

Knows the tables. Balances are locked sorted and in one round, whoever asks, so that batches do not deadlock.
"""

import secrets
import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any

from hub.kernel.ids import new_uuid
from hub.ledger.batch import Batch, Stamp
from hub.ledger.book import Book
from hub.ledger.judging import Judge
from hub.ledger.lines import storable, transfers_of
from hub.ledger.seals import writer
from hub.ledger.slices import entered
from hub.ledger.state import AccountState, HoldState, Known, Part, StoredHold, StoredPosting
from hub.ledger.types import LedgerRefusal, Transfer
from hub.ledger.writing import BOOK_MARK, write_batch
from hub.storage import Question, Work

_AHEAD_MARK = "ledger.ahead"


@dataclass(frozen=True, slots=True)
class _Ahead:
    """What is asked before anything is locked. used: which of these keys were used. chain: the writer's newest seal."""

    keys: frozenset[str]
    used: Question
    writer: uuid.UUID
    chain: Question


def lock(
    work: Work, *, codes: Collection[str], keys: Collection[str], now: datetime, random: int | None = None
) -> Book:
    """Lock the balances of a batch and look its keys up; once per transaction, after `enter`.

    codes: every account that may be named; one that does not exist is refused when it is used. keys: every key that
    may be used, and those of postings that will be reversed. The accounts of holds and postings found under them are
    locked too. now: when it is recorded, unless an account was recorded later. random: 60 bits for the ids.
    """
    period = entered(work)
    assert BOOK_MARK not in work.marks, "one book at a time: write it before the next one"
    ahead = work.marks.pop(_AHEAD_MARK, None)
    if not isinstance(ahead, _Ahead) or not ahead.keys.issuperset(keys):
        ahead = _ask_ahead(work, keys)
    found = [key for (key,) in work.answer(ahead.used) if key in keys]
    extra = _codes_of(work, found) if found else []
    accounts, recorded_at = _lock_balances(work, [*filter(storable, codes), *extra], now.astimezone(UTC))
    # After the locks: what a hold or a reversal did meanwhile is seen. A key that was not found before and is used
    # by somebody else now collides when it is claimed, and the batch repeats.
    known = _known(work, found) if found else Known()
    batch = Batch(_stamp(ahead, work.answer(ahead.chain), period=period, recorded_at=recorded_at, random=random))
    work.marks[BOOK_MARK] = True
    judge = Judge(accounts=accounts, known=known, codes=frozenset(codes), keys=frozenset(keys))
    return Book(
        accounts=accounts,
        known=known,
        judge=judge,
        batch=batch,
        write=lambda done, states: write_batch(work, done, states),
    )


def look_up(work: Work, keys: Collection[str]) -> None:
    """Ask what `lock` will want to know of these keys, so that it shares a trip with what else is asked. Optional."""
    work.marks[_AHEAD_MARK] = _ask_ahead(work, keys)


def _ask_ahead(work: Work, keys: Collection[str]) -> _Ahead:
    own = writer()
    return _Ahead(
        keys=frozenset(keys),
        used=work.ask("SELECT key FROM ledger_key WHERE key = ANY(%s::text[])", (list(filter(storable, keys)),)),
        writer=own,
        chain=work.ask(
            "SELECT nextval('ledger_seal_id_seq'), last.number, last.hash FROM (SELECT) AS one LEFT JOIN LATERAL "
            "(SELECT number, hash FROM ledger_seal WHERE writer = %s ORDER BY number DESC LIMIT 1) AS last ON true",
            (own,),
        ),
    )


def _stamp(
    ahead: _Ahead, chain: Sequence[tuple[Any, ...]], *, period: int, recorded_at: datetime, random: int | None
) -> Stamp:
    seal, number, previous = chain[0]
    # 60 random bits leave room to count up from there inside the 62 lowest bits of a UUID.
    bits = secrets.randbits(60) if random is None else random
    return Stamp(
        period=period,
        recorded_at=recorded_at,
        id_first=new_uuid(recorded_at, bits).int,
        seal=seal,
        writer=ahead.writer,
        number=(number or 0) + 1,
        previous=previous or b"",
    )


def _codes_of(work: Work, keys: list[str]) -> list[str]:
    """Accounts of the holds and postings under these keys."""
    rows = work.fetch(
        "SELECT DISTINCT a.code FROM ledger_posting p JOIN ledger_entry e ON e.posting = p.id "
        "JOIN ledger_account a ON a.id = e.account WHERE p.key = ANY(%s) "
        "UNION SELECT side.code FROM ledger_hold h, jsonb_array_elements(h.transfers) AS one, "
        "LATERAL (VALUES (one ->> 0), (one ->> 1)) AS side (code) WHERE h.key = ANY(%s)",
        (keys, keys),
    )
    return [code for (code,) in rows]


def _lock_balances(work: Work, codes: list[str], now: datetime) -> tuple[dict[str, AccountState], datetime]:
    """Locked balances by code, and the time of this batch: never before what was recorded on any of them."""
    rows = work.fetch(
        "SELECT b.account, a.code, a.unit, b.posted, b.held, b.version, b.floor, b.floor_target, b.recorded_at "
        "FROM ledger_balance b JOIN ledger_account a ON a.id = b.account "
        "WHERE a.code = ANY(%s) ORDER BY b.account FOR UPDATE OF b",
        (codes,),
    )
    accounts: dict[str, AccountState] = {}
    for account, code, unit, posted, held, version, floor, target, recorded_at in rows:
        accounts[code] = AccountState(
            id=account, code=code, unit=unit, posted=posted, held=held, version=version, floor=floor, target=target
        )
        if recorded_at is not None and recorded_at > now:
            now = recorded_at.astimezone(UTC)
    return accounts, now


def _known(work: Work, keys: list[str]) -> Known:
    """What these keys were used for, and what reversed the postings among them."""
    known = Known()
    for row in work.fetch(
        "SELECT key, content, kind, reference, metadata, transfers, state, posted FROM ledger_hold WHERE key = ANY(%s)",
        (keys,),
    ):
        known.holds[row[0]] = _hold_of(row)
    for row in work.fetch("SELECT key, content, code, detail, facts FROM ledger_refusal WHERE key = ANY(%s)", (keys,)):
        known.refusals[row[0]] = (bytes(row[1]), refusal_of(row[2], row[3], row[4]))
    for row in work.fetch(
        "SELECT p.id, p.key, p.content, p.period, p.recorded_at, p.reference, array_agg(a.code ORDER BY e.line), "
        "array_agg(e.amount ORDER BY e.line), array_agg(e.label ORDER BY e.line) FROM ledger_posting p "
        "JOIN ledger_entry e ON e.posting = p.id JOIN ledger_account a ON a.id = e.account "
        "WHERE p.key = ANY(%s) GROUP BY p.id",
        (keys,),
    ):
        posting = _posting_of(row)
        known.postings[posting.key] = posting
    _add_parts(work, known, keys)
    return known


def _add_parts(work: Work, known: Known, keys: list[str]) -> None:
    ids = [posting.id for posting in known.postings.values()]
    for key, of, posting, numerator, denominator, amounts, state in work.fetch(
        "SELECT r.key, p.key, r.posting, r.share_numerator, r.share_denominator, r.parts, h.state "
        "FROM ledger_reversal r JOIN ledger_posting p ON p.id = r.posting LEFT JOIN ledger_hold h ON h.key = r.key "
        "WHERE r.posting = ANY(%s) OR r.key = ANY(%s) ORDER BY r.seal, r.key",
        (ids, keys),
    ):
        part = Part(key, of, posting, Fraction(numerator, denominator), amounts)
        known.add_part(part, counts=state != HoldState.VOIDED)


def _hold_of(row: tuple[Any, ...]) -> StoredHold:
    key, content, kind, reference, metadata, transfers, state, posted = row
    return StoredHold(
        key=key,
        content=bytes(content),
        kind=kind,
        reference=reference,
        metadata=metadata,
        transfers=transfers_of(transfers),
        state=HoldState(state),
        posted=posted,
    )


def _posting_of(row: tuple[Any, ...]) -> StoredPosting:
    identity, key, content, period, recorded_at, reference, codes, amounts, labels = row
    return StoredPosting(
        id=identity,
        key=key,
        content=bytes(content),
        transfers=transfers_of_entries(codes, amounts, labels),
        period=period,
        recorded_at=recorded_at,
        reference=reference,
    )


def transfers_of_entries(codes: list[str], amounts: list[int], labels: list[str | None]) -> tuple[Transfer, ...]:
    """The transfers of a posting from its entries in order: even lines are debits, the next line is the credit."""
    lines = range(0, len(codes) - 1, 2)
    return tuple(Transfer(codes[line], codes[line + 1], amounts[line + 1], labels[line]) for line in lines)


def refusal_of(code: str, detail: str, facts: dict[str, Any]) -> LedgerRefusal:
    """A kept refusal as the object it was."""
    kinds: list[type[LedgerRefusal]] = LedgerRefusal.__subclasses__()
    kind = next((one for one in kinds if one.code == code), None)
    assert kind is not None, f"a refusal {code} was kept, which this ledger does not know"
    return kind(detail, **facts)
