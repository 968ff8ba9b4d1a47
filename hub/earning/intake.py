"""Takes transactions of one bank: tells the new from the known, prices them, lets refunds undo, and posts a chunk.

One transaction of the database for one chunk of rows, however it came: the result does not depend on how the same rows
are ordered, split or repeated. Order of locks: the ledger's period (the caller enters it), the bank, ledger balances.
"""

from dataclasses import dataclass

import polars as pl

from hub.earning import store
from hub.earning.deciding import Deciding
from hub.earning.desk import Desk
from hub.earning.known import with_targets, with_tokens, without_known
from hub.earning.types import Counts
from hub.storage import Work


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of the rows, in their order. frame: line, id, code, points, unit, chunk, place (null if refused).

    stopped: the chunk is kept, and posts when the bank is funded.
    """

    frame: pl.DataFrame
    counts: Counts
    chunk: int | None
    stopped: bool


def take(work: Work, desk: Desk, frame: pl.DataFrame, *, source: str, linking: bool, fresh: bool = False) -> Taken:
    """Take rows with the columns of `CHECKED`; one result each.

    linking: tokens that nobody linked get a pseudonymous member; for test banks. fresh: rows are expected to be new, so
    that known ones are not looked for; if one is known after all, its unique key fails the transaction.
    """
    state, _ = store.lock_bank(work, desk.bank)
    frame, linked = with_tokens(work, desk, frame, linking=linking)
    frame, known = without_known(work, desk, frame, fresh=fresh)
    accepted = frame.filter(pl.col("refusal").is_null())
    if not len(accepted):
        _keep_refused(work, desk, frame, source)
        return _taken(frame, known, None, Counts(linked=linked), stopped=False)
    intake = Deciding(work, desk, with_targets(work, desk, accepted), source)
    rows, refused = intake.run()
    frame = frame.join(refused, on="line", how="left", maintain_order="left").with_columns(
        pl.coalesce("refusal", "late").alias("refusal")
    )
    _keep_refused(work, desk, frame, source)
    stopped = intake.write(rows, state)
    return _taken(
        frame, pl.concat([known, _results(rows, intake)]), intake.chunk, intake.counts(linked), stopped=stopped
    )


def _keep_refused(work: Work, desk: Desk, frame: pl.DataFrame, source: str) -> None:
    """What a claim is answered with later. A reused id stands for the transaction that was taken under it."""
    refused = frame.filter(
        pl.col("refusal").is_not_null() & ~pl.col("refusal").is_in(["duplicate", "id_reused"]) & (pl.col("id") != "")
    )
    store.keep_refused(work, desk.bank, list(refused.select("id", "refusal").iter_rows()), source=source, now=desk.now)


def _results(rows: pl.DataFrame, intake: Deciding) -> pl.DataFrame:
    moved: dict[str, int] = {}
    for one in intake.effects.adjustments:
        moved[one.transaction] = moved.get(one.transaction, 0) + one.points
    beside = pl.DataFrame(
        {"id": list(moved), "beside": list(moved.values())}, schema={"id": pl.String, "beside": pl.Int64}
    )
    return rows.join(beside, on="id", how="left").select(
        "line",
        pl.lit("accepted").alias("code"),
        (pl.col("points") + pl.col("beside").fill_null(0)).alias("points"),
        "unit",
        pl.lit(intake.chunk, dtype=pl.Int64).alias("chunk"),
        pl.col("line").alias("place"),
    )


def _taken(frame: pl.DataFrame, results: pl.DataFrame, chunk: int | None, counts: Counts, *, stopped: bool) -> Taken:
    joined = frame.select("line", "id", "refusal").join(results, on="line", how="left", maintain_order="left")
    joined = joined.with_columns(
        pl.coalesce("code", "refusal").alias("code"), pl.col("points").fill_null(0), pl.col("unit").fill_null("")
    ).drop("refusal")
    codes = dict(joined["code"].value_counts().iter_rows())
    refusals = {code: count for code, count in sorted(codes.items()) if code not in ("accepted", "duplicate")}
    whole = Counts(
        rows=len(joined),
        accepted=codes.get("accepted", 0),
        refused=sum(refusals.values()),
        duplicates=codes.get("duplicate", 0),
        refusals=refusals,
    )
    return Taken(joined, whole.plus(counts), chunk, stopped)
