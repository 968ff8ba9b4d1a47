"""Rows of earning: read what an intake needs, write what it decided; always many at once.

Knows the tables. Decides nothing.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from hub.earning.codec import chain_from, chain_text, sums_from, sums_text
from hub.earning.effects import Adjustment, Effects, PoolKey, Purchase, Refund, fresh_pool
from hub.earning.sealing import ROW, parts_of
from hub.earning.types import Chain, Ruleset
from hub.storage import Work

Pricing = tuple[int, Chain, str]
"""Number of a way of pricing, its chain, and the agreement version that gives the clearing price, or empty."""


def lock_bank(work: Work, bank: str) -> tuple[str, str]:
    """State and reason of the bank, which nobody else moves until this transaction ends."""
    work.run(
        "INSERT INTO earn_bank (bank, state, reason) VALUES (%s, 'open', '') ON CONFLICT (bank) DO NOTHING", (bank,)
    )
    rows = work.fetch("SELECT state, reason FROM earn_bank WHERE bank = %s FOR UPDATE", (bank,))
    return rows[0][0], rows[0][1]


def set_bank_state(work: Work, bank: str, *, state: str, reason: str, now: datetime) -> None:
    """Stop a bank's accruals, or let them go on."""
    work.run(
        "UPDATE earn_bank SET state = %s, reason = %s, stopped_at = CASE WHEN %s = 'stopped' THEN %s::timestamptz END "
        "WHERE bank = %s",
        (state, reason, state, now, bank),
    )


def next_chunk(work: Work) -> int:
    """The number of a new chunk."""
    return int(work.fetch("SELECT nextval(pg_get_serial_sequence('earn_chunk', 'number'))")[0][0])


def add_chunk(work: Work, number: int, *, bank: str, source: str, seal: bytes, state: str, now: datetime) -> None:
    """Keep a chunk. seal: over its rows."""
    posted_at = now if state == "posted" else None
    work.run(
        "INSERT INTO earn_chunk (number, bank, source, seal, taken_at, state, posted_at) OVERRIDING SYSTEM VALUE "
        "VALUES (%s, %s, %s, %s, %s, %s, %s)",
        (number, bank, source, seal, now, state, posted_at),
    )


def stored_transactions(work: Work, bank: str, ids: Collection[str]) -> list[tuple[Any, ...]]:
    """Rows with these ids, with the points that they moved when they came, and their unit. One statement."""
    return work.fetch(
        "SELECT t.id, t.chunk, t.line, t.token, t.at, t.amount, t.currency, t.category, t.merchant, t.product, "
        "t.original, t.kind, CASE WHEN t.kind = 'purchase' THEN t.points ELSE "
        "(SELECT coalesce(sum(a.points), 0)::bigint FROM earn_adjustment a WHERE a.bank = t.bank "
        "AND a.transaction = t.id AND a.chunk = t.chunk) END, p.unit "
        "FROM card_transaction t JOIN earn_pricing p ON p.number = t.pricing "
        "WHERE t.bank = %s AND t.id = ANY(%s::text[])",
        (bank, list(ids)),
    )


def keep_refused(work: Work, bank: str, refused: Sequence[tuple[str, str]], *, source: str, now: datetime) -> None:
    """Remember why transactions were refused, by (id, code); the newest refusal of an id stands. One statement."""
    by_id = dict(refused)
    if not by_id:
        return
    ids = sorted(by_id)
    work.run(
        "INSERT INTO earn_refused (bank, id, code, source, refused_at) SELECT %s, new.id, new.code, %s, %s "
        "FROM unnest(%s::text[], %s::text[]) AS new (id, code) ON CONFLICT (bank, id) DO UPDATE "
        "SET code = excluded.code, source = excluded.source, refused_at = excluded.refused_at",
        (bank, source, now, ids, [by_id[id] for id in ids]),
    )


def refused_code(work: Work, bank: str, id: str) -> str:
    """Why a transaction was refused; empty for one that was not."""
    rows = work.fetch("SELECT code FROM earn_refused WHERE bank = %s AND id = %s", (bank, id))
    return str(rows[0][0]) if rows else ""


def pricings(work: Work, bank: str) -> dict[int, Pricing]:
    """Every way in which this bank's transactions were priced, by number."""
    rows = work.fetch("SELECT number, unit, terms, ruleset, chain FROM earn_pricing WHERE bank = %s", (bank,))
    return {
        number: (number, chain_from(chain, ruleset=ruleset, unit=unit), terms)
        for number, unit, terms, ruleset, chain in rows
    }


def add_pricings(work: Work, bank: str, wanted: Iterable[tuple[Chain, str]]) -> dict[tuple[Chain, str], int]:
    """Numbers of new ways of pricing. The bank is locked, so that none is written twice."""
    found: dict[tuple[Chain, str], int] = {}
    for chain, terms in wanted:
        rows = work.fetch(
            "INSERT INTO earn_pricing (bank, unit, terms, ruleset, chain) VALUES (%s, %s, %s, %s, %s) RETURNING number",
            (bank, chain.unit, terms, chain.ruleset, chain_text(chain)),
        )
        found[chain, terms] = rows[0][0]
    return found


def copy_transactions(work: Work, rows: memoryview) -> None:
    """Append transactions as `rendered`. One COPY."""
    statement = f"COPY card_transaction ({', '.join(ROW)}) FROM STDIN (FORMAT csv)"
    with work.raw.cursor() as cursor, cursor.copy(statement) as copy:
        for part in parts_of(rows):
            copy.write(part)


def add_adjustments(work: Work, chunk: int, bank: str, adjustments: Sequence[Adjustment]) -> None:
    """Append what moved beside transactions' own rows."""
    rows = [
        (chunk, number, bank, one.transaction, one.token, one.pricing, one.points, one.reason)
        for number, one in enumerate(adjustments)
    ]
    columns = ("chunk", "number", "bank", "transaction", "token", "pricing", "points", "reason")
    work.copy_in("earn_adjustment", columns, rows)


_PURCHASE = (
    "SELECT t.id, t.token, k.member, t.day, t.amount, t.currency, t.category, t.merchant, t.product, t.tier, "
    "t.pricing, t.refunded FROM card_transaction t JOIN card_token k ON k.number = t.token "
)


def purchases_by_id(work: Work, bank: str, ids: Collection[str], known: Mapping[int, Pricing]) -> list[Purchase]:
    """Purchases with these ids. One statement."""
    if not ids:
        return []
    rows = work.fetch(
        _PURCHASE + "WHERE t.bank = %s AND t.id = ANY(%s::text[]) AND t.kind = 'purchase'",
        (bank, sorted(ids)),
    )
    return [_purchase(row, known) for row in rows]


def purchases_at(work: Work, pairs: Collection[tuple[int, str]], known: Mapping[int, Pricing]) -> list[Purchase]:
    """Purchases of these (token, merchant). One statement."""
    if not pairs:
        return []
    ordered = sorted(pairs)
    rows = work.fetch(
        _PURCHASE + "JOIN unnest(%s::bigint[], %s::text[]) AS wanted (token, merchant) "
        "ON wanted.token = t.token AND wanted.merchant = t.merchant WHERE t.kind = 'purchase'",
        ([token for token, _ in ordered], [merchant for _, merchant in ordered]),
    )
    return [_purchase(row, known) for row in rows]


def _purchase(row: tuple[Any, ...], known: Mapping[int, Pricing]) -> Purchase:
    return Purchase(*(*row[:11], known[row[10]][1], row[11]))


_REFUND = (
    "SELECT r.id, r.chunk, r.line, r.token, k.member, r.day, r.amount, r.currency, r.merchant, r.original, r.pricing, "
    "r.state, r.matched FROM earn_refund r JOIN card_token k ON k.number = r.token "
)


def refunds_of_tokens(work: Work, tokens: Collection[int], known: Mapping[int, Pricing]) -> list[Refund]:
    """Every refund of these tokens. One statement."""
    if not tokens:
        return []
    rows = work.fetch(_REFUND + "WHERE r.token = ANY(%s::bigint[])", (sorted(tokens),))
    return [_refund(row, known) for row in rows]


def refunds_waiting_for(work: Work, bank: str, ids: Collection[str], known: Mapping[int, Pricing]) -> list[Refund]:
    """Refunds that name one of these purchases and have not found it. Two statements, one while there are none."""
    none = not work.fetch(
        "SELECT 1 FROM earn_refund WHERE bank = %s AND original <> '' AND state <> 'matched' LIMIT 1", (bank,)
    )
    if none or not ids:
        return []
    rows = work.fetch(
        _REFUND + "WHERE r.bank = %s AND r.state <> 'matched' AND r.original = ANY(%s::text[])",
        (bank, list(ids)),
    )
    return [_refund(row, known) for row in rows]


def refunds_held(work: Work, bank: str, known: Mapping[int, Pricing], *, limit: int) -> list[Refund]:
    """Refunds that wait for their purchase, oldest first."""
    rows = work.fetch(
        _REFUND + "WHERE r.bank = %s AND r.state = 'held' ORDER BY r.day LIMIT %s",
        (bank, limit),
    )
    return [_refund(row, known) for row in rows]


def nameless_pairs(work: Work, bank: str, tokens: Collection[int]) -> set[tuple[int, str]]:
    """(token, merchant) of refunds without a named purchase. Two statements, one while there are none."""
    if not work.fetch("SELECT 1 FROM earn_refund WHERE bank = %s AND original = '' LIMIT 1", (bank,)):
        return set()
    rows = work.fetch(
        "SELECT DISTINCT token, merchant FROM earn_refund WHERE token = ANY(%s::bigint[]) AND original = ''",
        (sorted(tokens),),
    )
    return {(token, merchant) for token, merchant in rows}


def _refund(row: tuple[Any, ...], known: Mapping[int, Pricing]) -> Refund:
    return Refund(*(*row[:11], known[row[10]][1], *row[11:]))


def write_refunds(work: Work, bank: str, refunds: Sequence[Refund]) -> None:
    """Add refunds, or let stored ones stand another way. One statement."""
    if not refunds:
        return
    ordered = sorted(refunds, key=lambda one: one.id)
    work.run(
        "INSERT INTO earn_refund (bank, id, chunk, line, token, day, amount, currency, merchant, original, pricing, "
        "state, matched) SELECT %s, new.* FROM unnest(%s::text[], %s::bigint[], %s::bigint[], %s::bigint[], "
        "%s::date[], %s::bigint[], %s::text[], %s::text[], %s::text[], %s::int[], %s::text[], %s::text[]) AS new "
        "ON CONFLICT (bank, id) DO UPDATE SET state = excluded.state, matched = excluded.matched",
        (
            bank,
            [one.id for one in ordered],
            [one.chunk for one in ordered],
            [one.line for one in ordered],
            [one.token for one in ordered],
            [one.day for one in ordered],
            [one.amount for one in ordered],
            [one.currency for one in ordered],
            [one.merchant for one in ordered],
            [one.original for one in ordered],
            [one.pricing for one in ordered],
            [one.state for one in ordered],
            [one.matched for one in ordered],
        ),
    )


def write_refunded(work: Work, bank: str, purchases: Iterable[Purchase]) -> None:
    """Keep how much of each purchase is refunded. One statement."""
    changed = sorted((one for one in purchases if one.changed), key=lambda one: one.id)
    if not changed:
        return
    work.run(
        "UPDATE card_transaction t SET refunded = new.refunded FROM unnest(%s::text[], %s::bigint[]) "
        "AS new (id, refunded) WHERE t.bank = %s AND t.id = new.id",
        ([one.id for one in changed], [one.refunded for one in changed], bank),
    )


def load_pools(work: Work, bank: str, keys: Iterable[PoolKey], effects: Effects) -> None:
    """Bring these months into `effects`; those that have no row yet start empty. One statement."""
    ordered = sorted(key for key in set(keys) if key not in effects.pools)
    if not ordered:
        return
    rows = work.fetch(
        "SELECT p.member, p.month, p.unit, p.ruleset, p.spend, p.sums FROM earn_pool p "
        "JOIN unnest(%s::text[], %s::date[], %s::text[], %s::text[]) AS wanted (member, month, unit, ruleset) "
        "ON (p.member, p.month, p.unit, p.ruleset) = (wanted.member, wanted.month, wanted.unit, wanted.ruleset) "
        "WHERE p.bank = %s",
        (*map(list, zip(*ordered, strict=True)), bank),
    )
    for member, month, unit, ruleset, spend, sums in rows:
        pool = fresh_pool(effects.rulesets[ruleset], effects.scales[unit])
        pool.spend, pool.sums = spend, sums_from(sums)
        effects.pools[member, month, unit, ruleset] = pool


def write_pools(work: Work, bank: str, effects: Effects) -> None:
    """Keep the months that changed. One statement."""
    if not effects.touched:
        return
    ordered = sorted(effects.touched)
    pools = [effects.pools[key] for key in ordered]
    work.run(
        "INSERT INTO earn_pool (bank, member, month, unit, ruleset, spend, sums, points) "
        "SELECT %s, new.* FROM unnest(%s::text[], %s::date[], %s::text[], %s::text[], %s::bigint[], %s::text[], "
        "%s::bigint[]) AS new ON CONFLICT (bank, member, month, unit, ruleset) DO UPDATE SET spend = excluded.spend, "
        "sums = excluded.sums, points = excluded.points",
        (
            bank,
            *map(list, zip(*ordered, strict=True)),
            [pool.spend for pool in pools],
            [sums_text(pool.sums) for pool in pools],
            [pool.points() for pool in pools],
        ),
    )


def chunk_totals(work: Work, chunk: int) -> list[tuple[int, int, int]]:
    """(pricing, points earned, points taken back) of a chunk, from its rows."""
    rows = work.fetch(
        "SELECT pricing, sum(points) FILTER (WHERE points > 0), -sum(points) FILTER (WHERE points < 0) FROM ("
        "SELECT pricing, points FROM card_transaction WHERE chunk = %s UNION ALL "
        "SELECT pricing, points FROM earn_adjustment WHERE chunk = %s) AS moved WHERE points <> 0 "
        "GROUP BY pricing ORDER BY pricing",
        (chunk, chunk),
    )
    return [(pricing, int(earned or 0), int(taken or 0)) for pricing, earned, taken in rows]


def rulesets_needed(known: Mapping[int, Pricing], active: Iterable[Ruleset]) -> set[str]:
    """Ids of rulesets that priced something and are not active any more."""
    return {chain.ruleset for _, chain, _ in known.values()} - {one.id for one in active}
