"""One chunk while it is decided: rows are priced, counted into months, undone by refunds, written and posted.

Knows how purchases and refunds of a chunk meet those that are stored. Does not know which rows are new: `intake` says.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta

import polars as pl

from hub.earning import store
from hub.earning.desk import Desk
from hub.earning.effects import Adjustment, Effects, Purchase, Refund, pool_key
from hub.earning.matching import Bought, Returned, assign
from hub.earning.pricing_frame import price
from hub.earning.rulesets import rules_by_id
from hub.earning.sealing import rendered, seal_of
from hub.earning.settling import Chunk, post_chunk
from hub.earning.types import Chain, Counts, Match, Unmatched
from hub.storage import Work


class Deciding:
    """One chunk while it is decided."""

    def __init__(self, work: Work, desk: Desk, frame: pl.DataFrame, source: str) -> None:
        self.work, self.desk, self.source = work, desk, source
        self.chunk = store.next_chunk(work)
        self.known = store.pricings(work, desk.bank)
        rulesets = {one.id: one for one in desk.rulesets}
        rulesets |= rules_by_id(work, sorted(store.rulesets_needed(self.known, desk.rulesets)))
        self.effects = Effects(rulesets, desk.scales)
        self._frame = frame
        self._refunds: dict[str, Refund] = {}
        self._added: dict[str, Refund] = {}
        self._totals: list[tuple[int, int, int]] = []

    def run(self) -> tuple[pl.DataFrame, pl.DataFrame]:
        """The rows to be written, and (line, late) of those that are refused after all."""
        priced = price(self._frame, self.desk.rulesets, self.desk.scales)
        numbers = self._numbers(priced.chains)
        rows = priced.frame.with_columns(
            pl.col("chain").replace_strict(list(range(len(numbers))), numbers, return_dtype=pl.Int32).alias("pricing")
        )
        refunding = rows.filter(pl.col("kind") != "purchase")
        stored = self._load(rows, refunding)
        rows = self._pooled(rows)
        late = self._undo(stored)
        refused = pl.DataFrame(
            {"id": late, "late": ["refund_unmatched"] * len(late)}, schema={"id": pl.String, "late": pl.String}
        )
        named = rows.join(refused, on="id", how="inner").select("line", "late")
        rows = rows.join(refused, on="id", how="anti", maintain_order="left") if late else rows
        # A refund's own row moves nothing: what it undoes stands in adjustments.
        own = pl.when(pl.col("kind") == "purchase").then("points").otherwise(0)
        return rows.with_columns(own.alias("points")), named

    def _numbers(self, chains: Sequence[Chain]) -> list[int]:
        terms = {chain.unit: self.desk.terms_of(chain.unit) for chain in chains}
        wanted = [(chain, one.version if (one := terms[chain.unit]) else "") for chain in chains]
        have = {(chain, version): number for number, chain, version in self.known.values()}
        missing = [pair for pair in dict.fromkeys(wanted) if pair not in have]
        have |= store.add_pricings(self.work, self.desk.bank, missing)
        self.known |= {have[pair]: (have[pair], *pair) for pair in missing}
        return [have[pair] for pair in wanted]

    def _load(self, rows: pl.DataFrame, refunding: pl.DataFrame) -> list[Refund]:
        """Bring in every stored refund and purchase that these rows may concern, and the months of all of them."""
        work, bank, known = self.work, self.desk.bank, self.known
        new = [self._refund(row) for row in refunding.iter_rows(named=True)]
        self._added = {one.id: one for one in new}
        bought = rows.filter(pl.col("kind") == "purchase")
        waiting = store.refunds_waiting_for(work, bank, bought["id"].to_list(), known)
        named = {one.original for one in [*new, *waiting] if one.original}
        purchases = store.purchases_by_id(work, bank, named, known)
        pairs = {(one.token, one.merchant) for one in new if not one.original and one.merchant}
        nameless = store.nameless_pairs(work, bank, bought["number"].unique().to_list()) | pairs
        if nameless:
            here = set(bought.select("number", "merchant").unique().iter_rows())
            pairs |= nameless & here
            pairs |= {pair for one in purchases if (pair := (one.token, one.merchant)) in nameless}
        purchases += store.purchases_at(work, pairs, known)
        group = store.refunds_of_tokens(work, {token for token, _ in pairs}, known)
        stored = {one.id: one for one in [*waiting, *(one for one in group if self._concerns(one, pairs, purchases))]}
        more = {one.original for one in stored.values() if one.original} | {
            one.matched for one in stored.values() if one.matched
        }
        missing = more - {one.id for one in purchases}
        purchases += store.purchases_by_id(work, bank, missing, known)
        self.effects.purchases = {one.id: one for one in purchases}
        self._add_here(bought, named | more, pairs)
        self._load_pools(rows, [*new, *stored.values()])
        return [*stored.values(), *new]

    def _concerns(self, refund: Refund, pairs: set[tuple[int, str]], purchases: Sequence[Purchase]) -> bool:
        """Whether a stored refund takes part in what is matched now: by name, or at one of these merchants."""
        return (refund.token, refund.merchant) in pairs or refund.matched in {one.id for one in purchases}

    def _add_here(self, bought: pl.DataFrame, ids: set[str], pairs: set[tuple[int, str]]) -> None:
        """Purchases among these very rows that a refund may undo."""
        if not ids and not pairs:
            return
        table = pl.DataFrame(sorted(pairs), schema={"number": pl.Int64, "merchant": pl.String}, orient="row")
        near = bought.join(table.with_columns(pl.lit(value=True).alias("near")), on=["number", "merchant"], how="left")
        chosen = near.filter(pl.col("id").is_in(sorted(ids)) | pl.col("near").fill_null(value=False))
        for row in chosen.iter_rows(named=True):
            self.effects.purchases[row["id"]] = Purchase(
                id=row["id"],
                token=row["number"],
                member=row["member"],
                day=row["day"],
                amount=row["amount"],
                currency=row["currency"],
                category=row["category"],
                merchant=row["merchant"],
                product=row["product"],
                tier=row["tier"],
                pricing=row["pricing"],
                chain=self.known[row["pricing"]][1],
                refunded=0,
            )

    def _refund(self, row: Mapping[str, object]) -> Refund:
        amount, token, line, number = row["amount"], row["number"], row["line"], row["pricing"]
        assert isinstance(amount, int)
        assert isinstance(token, int)
        assert isinstance(line, int)
        assert isinstance(number, int)
        return Refund(
            id=str(row["id"]),
            chunk=self.chunk,
            line=line,
            token=token,
            member=str(row["member"]),
            day=row["day"],  # type: ignore[arg-type]
            amount=-amount,
            currency=str(row["currency"]),
            merchant=str(row["merchant"]),
            original=str(row["original"]),
            pricing=number,
            chain=self.known[number][1],
            state="",
            matched="",
        )

    def _load_pools(self, rows: pl.DataFrame, refunds: Sequence[Refund]) -> None:
        pooled = rows.filter(pl.col("pooled"))
        months = pooled.select("member", pl.col("day").dt.month_start(), "unit", "pricing").unique()
        keys = {
            (member, month, unit, self.known[pricing][1].ruleset) for member, month, unit, pricing in months.iter_rows()
        }
        ours: list[Purchase | Refund] = [*self.effects.purchases.values(), *refunds]
        keys |= {pool_key(one.chain, one.member, one.day) for one in ours if self._may_pool(one.chain)}
        store.load_pools(self.work, self.desk.bank, keys, self.effects)

    def _may_pool(self, chain: Chain) -> bool:
        """Whether the chain pools, or another chain of its rules may when less is left of the purchase."""
        return chain.pooled or any(rule.minimum_amount for rule in self.effects.rulesets[chain.ruleset].rules)

    def _pooled(self, rows: pl.DataFrame) -> pl.DataFrame:
        """The rows with the points of those that a month decides."""
        pooled = rows.filter(pl.col("pooled") & (pl.col("kind") == "purchase"))
        if not len(pooled):
            return rows
        arrive, known = self.effects.arrive, self.known
        points = [
            arrive(known[pricing][1], member, day, amount)
            for pricing, member, day, amount in pooled.select("pricing", "member", "day", "amount").iter_rows()
        ]
        found = pooled.select("line").with_columns(pl.Series("month_points", points, dtype=pl.Int64))
        rows = rows.join(found, on="line", how="left", maintain_order="left")
        return rows.with_columns(pl.coalesce("month_points", "points").alias("points")).drop("month_points")

    def _undo(self, refunds: Sequence[Refund]) -> list[str]:
        """Let every refund stand as it should now; ids of those that the rules refuse."""
        if not refunds:
            return []
        policies = {one.id: self.effects.rulesets[one.chain.ruleset].refunds for one in refunds}
        returned = [
            Returned(
                one.id,
                one.token,
                one.day,
                one.amount,
                one.currency,
                one.merchant,
                one.original,
                policies[one.id].match_days if policies[one.id].match is Match.MERCHANT else None,
            )
            for one in refunds
        ]
        bought = [
            Bought(one.id, one.token, one.day, one.amount, one.currency, one.merchant)
            for one in self.effects.purchases.values()
        ]
        assigned = assign(bought, returned)
        refused = []
        today = self.desk.now.astimezone(self.desk.zone).date()
        for one in sorted(refunds, key=lambda refund: refund.id):
            policy, matched = policies[one.id], assigned[one.id]
            if not matched and policy.unmatched is Unmatched.REFUSE and not one.state:
                refused.append(one.id)
                continue
            waits = policy.unmatched is Unmatched.HOLD and today <= one.day + timedelta(days=policy.hold_days)
            state = "matched" if matched else "held" if waits and one.state in ("", "held") else "alone"
            if (state, matched) != (one.state, one.matched):
                self._refunds[one.id] = self.effects.turn(one, state=state, matched=matched)
        return refused

    def write(self, rows: pl.DataFrame, state: str) -> bool:
        """Keep everything, and post it; whether it has to wait for the bank to be funded."""
        work, bank = self.work, self.desk.bank
        whole = rows.with_columns(
            pl.lit(self.chunk, dtype=pl.Int64).alias("chunk"),
            pl.lit(bank).alias("bank"),
            pl.col("number").alias("token"),
        )
        data = rendered(whole)
        store.copy_transactions(work, data)
        store.add_adjustments(work, self.chunk, bank, self.effects.adjustments)
        store.write_refunds(work, bank, list(self._refunds.values()))
        store.write_refunded(work, bank, self.effects.purchases.values())
        store.write_pools(work, bank, self.effects)
        self._totals = totals_of(rows, self.effects.adjustments)
        chunk = Chunk(self.chunk, self.source, seal_of(data, self.effects.adjustments), self._totals)
        return post_chunk(work, self.desk, chunk, self.known, state=state)

    def counts(self, linked: int) -> Counts:
        """Points of the chunk."""
        by_unit: dict[str, int] = {}
        for pricing, earned, taken in self._totals:
            unit = self.known[pricing][1].unit
            by_unit[unit] = by_unit.get(unit, 0) + earned - taken
        refunds = len([id for id in self._added if id in self._refunds])
        return Counts(
            refunds=refunds,
            linked=linked,
            earned=sum(earned for _, earned, _ in self._totals),
            clawed_back=sum(taken for _, _, taken in self._totals),
            points_by_unit=by_unit,
        )


def totals_of(rows: pl.DataFrame, adjustments: Sequence[Adjustment]) -> list[tuple[int, int, int]]:
    """(pricing, points earned, points taken back) of rows and adjustments, those that moved nothing left out."""
    sums: dict[int, list[int]] = {}
    grouped = rows.group_by("pricing").agg(
        pl.col("points").filter(pl.col("points") > 0).sum().alias("earned"),
        -pl.col("points").filter(pl.col("points") < 0).sum().alias("taken"),
    )
    for pricing, earned, taken in grouped.iter_rows():
        sums[pricing] = [earned, taken]
    for one in adjustments:
        both = sums.setdefault(one.pricing, [0, 0])
        both[0 if one.points > 0 else 1] += abs(one.points)
    return [(pricing, *both) for pricing, both in sorted(sums.items()) if any(both)]  # type: ignore[misc]
