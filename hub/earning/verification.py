"""Checks accruals from the stored rows alone: what was taken, what it earned, what was posted.

Run it in a transaction with one snapshot. Every transaction is priced again by its rules, every refund taken off again,
every month counted again, and the sub-ledger compared with the ledger; the hash over each chunk finds a changed byte.
"""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import LiteralString

import polars as pl

from hub.agreements.roster import Roster, roster
from hub.earning import store
from hub.earning.codec import sums_from
from hub.earning.effects import Adjustment, PoolKey
from hub.earning.history import member_tokens, net_spend, worth
from hub.earning.pricing import Pool
from hub.earning.pricing_frame import price
from hub.earning.rulesets import rules_by_id
from hub.earning.sealing import ROW, rendered, seal_of
from hub.earning.types import Ruleset
from hub.ledger import Difference
from hub.storage import Work

_FIRST, _LAST = date(1900, 1, 1), date(9999, 12, 31)

# Name of the rule and the query that finds what breaks it: subject, what is stored, what it should be.
_RULES: tuple[tuple[str, LiteralString], ...] = (
    (
        "what is refunded of a purchase is the sum of its refunds",
        "SELECT t.bank || ' ' || t.id, t.refunded, coalesce(r.amount, 0) FROM card_transaction t LEFT JOIN "
        "(SELECT bank, matched, sum(amount) AS amount FROM earn_refund WHERE state = 'matched' GROUP BY 1, 2) r "
        "ON r.bank = t.bank AND r.matched = t.id WHERE t.refunded <> coalesce(r.amount, 0)",
    ),
    (
        "a refund is a transaction that was taken",
        "SELECT r.bank || ' ' || r.id, concat_ws(' ', r.amount, r.token, r.day, r.currency, r.original), "
        "concat_ws(' ', -t.amount, t.token, t.day, t.currency, t.original) FROM earn_refund r LEFT JOIN "
        "card_transaction t ON (t.chunk, t.line) = (r.chunk, r.line) AND t.id = r.id WHERE "
        "(r.amount, r.token, r.day, r.currency, r.original, r.merchant, r.pricing) IS DISTINCT FROM "
        "(-t.amount, t.token, t.day, t.currency, t.original, t.merchant, t.pricing)",
    ),
    (
        "a chunk posted what its rows granted",
        "WITH g AS (SELECT m.chunk, p.bank, p.unit, p.terms, sum(m.points) AS points FROM ("
        "SELECT chunk, pricing, points FROM card_transaction WHERE points <> 0 UNION ALL "
        "SELECT chunk, pricing, points FROM earn_adjustment WHERE points <> 0) m "
        "JOIN earn_chunk c ON c.number = m.chunk AND c.state = 'posted' "
        "JOIN earn_pricing p ON p.number = m.pricing GROUP BY 1, 2, 3, 4), "
        "l AS (SELECT p.key, sum(e.amount) AS points FROM ledger_account a JOIN ledger_entry e ON e.account = a.id "
        "JOIN ledger_posting p ON p.id = e.posting WHERE a.code >= 'accrued:' AND a.code < 'accrued;' "
        "AND p.key LIKE 'acr:%%' GROUP BY 1) "
        "SELECT coalesce(l.key, concat_ws(':', 'acr', g.chunk, g.unit, g.terms)), coalesce(g.points, 0), "
        "coalesce(l.points, 0) FROM g FULL JOIN l ON l.key = concat_ws(':', 'acr', g.chunk, g.unit, g.terms) "
        "WHERE coalesce(g.points, 0) <> coalesce(l.points, 0)",
    ),
    (
        "what is accrued is what was granted and not paid out",
        "WITH g AS (SELECT p.bank, p.unit, sum(m.points) AS points FROM ("
        "SELECT chunk, pricing, points FROM card_transaction WHERE points <> 0 UNION ALL "
        "SELECT chunk, pricing, points FROM earn_adjustment WHERE points <> 0) m "
        "JOIN earn_chunk c ON c.number = m.chunk AND c.state = 'posted' "
        "JOIN earn_pricing p ON p.number = m.pricing GROUP BY 1, 2), "
        "d AS (SELECT bank, unit, sum(points) AS points FROM earn_payout WHERE state = 'paid' GROUP BY 1, 2), "
        "a AS (SELECT a.code, b.posted FROM ledger_account a JOIN ledger_balance b ON b.account = a.id "
        "WHERE a.code >= 'accrued:' AND a.code < 'accrued;') "
        "SELECT concat_ws(':', 'accrued', g.bank, g.unit), coalesce(a.posted, 0), g.points - coalesce(d.points, 0) "
        "FROM g LEFT JOIN d USING (bank, unit) LEFT JOIN a ON a.code = concat_ws(':', 'accrued', g.bank, g.unit) "
        "WHERE coalesce(a.posted, 0) <> g.points - coalesce(d.points, 0)",
    ),
    (
        "payouts of a run are what its chunks granted",
        "WITH g AS (SELECT c.run, p.unit, p.terms, sum(m.points) AS points FROM ("
        "SELECT chunk, pricing, points FROM card_transaction WHERE points <> 0 UNION ALL "
        "SELECT chunk, pricing, points FROM earn_adjustment WHERE points <> 0) m "
        "JOIN earn_chunk c ON c.number = m.chunk AND c.run IS NOT NULL "
        "JOIN earn_pricing p ON p.number = m.pricing GROUP BY 1, 2, 3), "
        "d AS (SELECT run, unit, terms, sum(points) AS points FROM earn_payout GROUP BY 1, 2, 3) "
        "SELECT concat_ws(' ', run, unit, terms), coalesce(d.points, 0), coalesce(g.points, 0) FROM g "
        "FULL JOIN d USING (run, unit, terms) WHERE coalesce(d.points, 0) <> coalesce(g.points, 0)",
    ),
    (
        "a payout is as its leg ended",
        "SELECT p.id, p.state, l.state FROM earn_payout p JOIN leg l ON l.id = p.leg WHERE (p.state, l.state) NOT IN ("
        "('sent', 'open'), ('paid', 'done'), ('returned', 'refused'), ('waiting', 'refused'), ('by_hand', 'by_hand'), "
        "('merged', 'refused'))",
    ),
)


def verify(work: Work) -> list[Difference]:
    """Everything that is not as it must be; empty if accruals are whole."""
    known = roster(work)
    found = list(_rule_differences(work))
    found += _seal_differences(work)
    for (bank,) in work.fetch("SELECT DISTINCT bank FROM earn_pricing ORDER BY bank"):
        found += _Bank(work, known, bank).differences()
    return found


def _rule_differences(work: Work) -> Iterator[Difference]:
    for name, query in _RULES:
        for subject, stored, expected in work.fetch(query):
            yield Difference(name, str(subject), str(stored), str(expected))


def _seal_differences(work: Work) -> Iterator[Difference]:
    """Chunks whose rows, or whose posting, are not what was taken."""
    columns = ", ".join(ROW)
    for number, seal in work.fetch("SELECT number, seal FROM earn_chunk ORDER BY number"):
        rows = work.fetch(
            f"SELECT {columns} FROM card_transaction WHERE chunk = %s ORDER BY line",  # noqa: S608 - fixed names
            (number,),
        )
        beside = work.fetch(
            "SELECT transaction, token, pricing, points, reason FROM earn_adjustment WHERE chunk = %s ORDER BY number",
            (number,),
        )
        frame = pl.DataFrame(rows, schema=ROW, orient="row")
        expected = seal_of(rendered(frame), [Adjustment(*row) for row in beside])
        if bytes(seal) != expected:
            yield Difference("rows are as they were taken", f"chunk {number}", bytes(seal).hex(), expected.hex())
    posted = work.fetch(
        "SELECT p.key, p.metadata ->> 'rows', encode(c.seal, 'hex') FROM ledger_posting p "
        "JOIN earn_chunk c ON 'chunk:' || c.number = p.reference "
        "WHERE p.key LIKE 'acr:%%' AND p.metadata ->> 'rows' IS DISTINCT FROM encode(c.seal, 'hex')"
    )
    for key, stored, expected in posted:
        yield Difference("a posting names the rows it is for", str(key), str(stored), str(expected))


class _Bank:
    """One bank's accruals while they are checked."""

    def __init__(self, work: Work, known: Roster, bank: str) -> None:
        self._work, self._bank = work, bank
        self._known = store.pricings(work, bank)
        self._rulesets = rules_by_id(work, [chain.ruleset for _, chain, _ in self._known.values()])
        self._scales = {code: unit.scale for code, unit in known.units.items()}

    def differences(self) -> Iterator[Difference]:
        """What is not as it must be, a few thousand members at a time."""
        ordered = list(self._rulesets.values())
        for tokens in member_tokens(self._work, self._bank):
            yield from self._chains(tokens, ordered)
            net = net_spend(self._work, tokens, self._known, since=_FIRST, until=_LAST)
            found = worth(net, ordered, self._scales)
            yield from self._points(tokens, found.frame)
            yield from self._months(tokens, found.pools)

    def _chains(self, tokens: list[int], rulesets: list[Ruleset]) -> Iterator[Difference]:
        """Transactions that were not priced by their rules."""
        rows = self._work.fetch(
            "SELECT id, day, amount, category, merchant, product, tier, pricing, points, kind FROM card_transaction "
            "WHERE token = ANY(%s::bigint[])",
            (tokens,),
        )
        if not rows:
            return
        places = {one.id: place for place, one in enumerate(rulesets)}
        numbers = {number: chain for number, chain, _ in self._known.values()}
        frame = pl.DataFrame(
            [(*row, places[numbers[row[7]].ruleset], numbers[row[7]].unit) for row in rows],
            schema=_TAKEN,
            orient="row",
        )
        priced = price(frame, rulesets, self._scales)
        pairs = priced.frame.select("chain", "pricing").unique().iter_rows()
        wrong = {(chain, number) for chain, number in pairs if priced.chains[chain] != numbers[number]}
        own = pl.col("kind") == "purchase"
        expected = pl.when(own).then("points").otherwise(0)
        moved = priced.frame.filter(~(own & pl.col("pooled")) & (expected != pl.col("stored")))
        for id, stored, points in moved.select("id", "stored", expected).iter_rows():
            yield Difference("a transaction moved what its rules say", f"{self._bank} {id}", str(stored), str(points))
        for id, chain, number in priced.frame.select("id", "chain", "pricing").iter_rows() if wrong else ():
            if (chain, number) in wrong:
                subject = f"{self._bank} {id}"
                yield Difference("a transaction has the rules that fit it", subject, f"pricing {number}", "others")

    def _points(self, tokens: list[int], net: pl.DataFrame) -> Iterator[Difference]:
        """Members whose points are not what is left of their spend earns."""
        rows = self._work.fetch(
            "SELECT k.member, p.unit, p.ruleset, sum(m.points)::bigint FROM ("
            "SELECT token, pricing, points FROM card_transaction WHERE token = ANY(%s::bigint[]) UNION ALL "
            "SELECT token, pricing, points FROM earn_adjustment WHERE token = ANY(%s::bigint[])) m "
            "JOIN card_token k ON k.number = m.token JOIN earn_pricing p ON p.number = m.pricing GROUP BY 1, 2, 3",
            (tokens, tokens),
        )
        stored = {(member, unit, ruleset): points for member, unit, ruleset, points in rows if points}
        sums = net.group_by("member", "unit", "ruleset").agg(pl.col("points").sum())
        expected = {(member, unit, rules): points for member, unit, rules, points in sums.iter_rows() if points}
        for key in sorted({*stored, *expected}):
            if stored.get(key, 0) != expected.get(key, 0):
                name, subject = "a member's points are what its spend earns", " ".join((self._bank, *key))
                yield Difference(name, subject, str(stored.get(key, 0)), str(expected.get(key, 0)))

    def _months(self, tokens: list[int], pools: Mapping[PoolKey, Pool]) -> Iterator[Difference]:
        """Months whose sums are not those of their transactions."""
        rows = self._work.fetch(
            "SELECT member, month, unit, ruleset, spend, sums, points FROM earn_pool WHERE bank = %s AND member IN "
            "(SELECT member FROM card_token WHERE number = ANY(%s::bigint[]))",
            (self._bank, tokens),
        )
        stored = {
            (member, month, unit, ruleset): (spend, {rule: one for rule, one in sums_from(sums).items() if one}, points)
            for member, month, unit, ruleset, spend, sums, points in rows
        }
        expected = {
            key: (pool.spend, {rule: one for rule, one in pool.sums.items() if one}, pool.points())
            for key, pool in pools.items()
        }
        nothing: tuple[int, dict[str, object], int] = (0, {}, 0)
        for key in sorted({*stored, *expected}):
            one, other = stored.get(key, nothing), expected.get(key, nothing)
            if one != other:
                subject = " ".join((self._bank, *map(str, key)))
                yield Difference("a month is the sum of its transactions", subject, str(one), str(other))


_TAKEN: dict[str, pl.DataType | type[pl.DataType]] = {
    "id": pl.String,
    "day": pl.Date,
    "amount": pl.Int64,
    "category": pl.String,
    "merchant": pl.String,
    "product": pl.String,
    "tier": pl.String,
    "pricing": pl.Int32,
    "stored": pl.Int64,
    "kind": pl.String,
    "rules": pl.Int32,
    "unit": pl.String,
}
