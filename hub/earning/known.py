"""What is known of rows before they are priced: whose token it is, which ids came before, where the points go.

Knows tokens, stored transactions and targets. Does not know rules or points.
"""

from collections.abc import Sequence

import polars as pl

from hub.earning import store
from hub.earning.desk import Desk
from hub.earning.tokens import choices_of, link_unknown, token_rows
from hub.storage import Work

_CONTENT = ("token", "at", "amount", "currency", "category", "merchant", "original", "kind")
RESULT: dict[str, type[pl.DataType]] = {
    "line": pl.Int64,
    "code": pl.String,
    "points": pl.Int64,
    "unit": pl.String,
    "chunk": pl.Int64,
    "place": pl.Int64,
}


def with_tokens(work: Work, desk: Desk, frame: pl.DataFrame, *, linking: bool) -> tuple[pl.DataFrame, int]:
    """The rows with number, member, product and tier of their tokens; those of nobody refused."""
    wanted = frame.filter(pl.col("refusal").is_null())["token"].unique().to_list()
    rows = token_rows(work, wanted, bank=desk.bank)
    unknown = sorted(set(wanted) - {row[1] for row in rows}) if linking else []
    if unknown:
        assert not desk.live, "tokens of a live bank are linked by the bank"
        link_unknown(work, unknown, bank=desk.bank, now=desk.now)
        rows += token_rows(work, unknown, bank=desk.bank)
    table = pl.DataFrame(rows, schema=_TOKEN, orient="row")
    # A card that is gone earns nothing more, but what it bought can still be given back.
    removed = (pl.col("kind") == "purchase") & (pl.col("at") >= pl.col("removed_at")).fill_null(value=False)
    frame = frame.join(table, on="token", how="left", maintain_order="left").with_columns(
        pl.when(pl.col("refusal").is_null() & (pl.col("number").is_null() | removed))
        .then(pl.lit("token_unknown"))
        .otherwise("refusal")
        .alias("refusal"),
        pl.when(pl.col("product") == "").then("own_product").otherwise("product").alias("product"),
    )
    return frame.drop("own_product", "removed_at"), len(unknown)


_TOKEN: dict[str, pl.DataType | type[pl.DataType]] = {
    "number": pl.Int64,
    "token": pl.String,
    "member": pl.String,
    "own_product": pl.String,
    "tier": pl.String,
    "removed_at": pl.Datetime("us", "UTC"),
}


def without_known(work: Work, desk: Desk, frame: pl.DataFrame, *, fresh: bool) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The rows with repeated ones marked as duplicates or refused, and the results of the duplicates."""
    new = frame.filter(pl.col("refusal").is_null())
    earlier = [_first_of(new)] if not new["id"].is_unique().all() else []
    if not fresh:
        stored = _stored(work, desk, new["id"].to_list())
        earlier = [stored, *earlier] if len(stored) else earlier
    if not earlier:
        return frame, pl.DataFrame(schema=RESULT)
    # What is stored came before what stands earlier in the same rows.
    first = pl.concat(earlier).unique("id", keep="first", maintain_order=True)
    joined = new.join(first, on="id", how="inner", suffix="_first", maintain_order="left")
    joined = joined.filter(pl.col("line") != pl.col("line_first"))
    same = pl.all_horizontal(*(pl.col(name) == pl.col(f"{name}_first") for name in _CONTENT if name != "token"))
    same &= pl.col("number") == pl.col("number_first")
    joined = joined.with_columns(same.alias("same"))
    marks = joined.select(
        "line",
        pl.when(pl.col("same")).then(pl.lit("duplicate")).otherwise(pl.lit("id_reused")).alias("mark"),
    )
    known = joined.filter(pl.col("same")).select(
        "line",
        pl.lit("duplicate").alias("code"),
        pl.col("points_first").fill_null(0).alias("points"),
        pl.col("unit_first").alias("unit"),
        pl.col("chunk_first").alias("chunk"),
        pl.col("place_first").alias("place"),
    )
    frame = frame.join(marks, on="line", how="left", maintain_order="left")
    return frame.with_columns(pl.coalesce("refusal", "mark").alias("refusal")).drop("mark"), known.cast(
        dict(RESULT.items())
    )


_FIRST: dict[str, pl.DataType | type[pl.DataType]] = {
    "id": pl.String,
    "line_first": pl.Int64,
    "number_first": pl.Int64,
    "at_first": pl.Datetime("us", "UTC"),
    "amount_first": pl.Int64,
    "currency_first": pl.String,
    "category_first": pl.String,
    "merchant_first": pl.String,
    "original_first": pl.String,
    "kind_first": pl.String,
    "points_first": pl.Int64,
    "unit_first": pl.String,
    "chunk_first": pl.Int64,
    "place_first": pl.Int64,
}


def _first_of(new: pl.DataFrame) -> pl.DataFrame:
    first = new.filter(pl.col("id").is_first_distinct())
    columns = [pl.col(name).alias(f"{name}_first") for name in ("line", "number", *_CONTENT[1:])]
    empty = [
        pl.lit(None).cast(_FIRST[f"{name}_first"]).alias(f"{name}_first")
        for name in ("points", "unit", "chunk", "place")
    ]
    return first.select("id", *columns, *empty).select(list(_FIRST))


def _stored(work: Work, desk: Desk, ids: Sequence[str]) -> pl.DataFrame:
    rows = store.stored_transactions(work, desk.bank, ids)
    shaped = [
        (id, -1, token, at, amount, currency, category, merchant, original, kind, points, unit, chunk, line)
        for id, chunk, line, token, at, amount, currency, category, merchant, _, original, kind, points, unit in rows
    ]
    return pl.DataFrame(shaped, schema=_FIRST, orient="row")


def with_targets(work: Work, desk: Desk, frame: pl.DataFrame) -> pl.DataFrame:
    """The rows with the unit that their member had chosen on that day, else the one that the rules name."""
    defaults = [one.target for one in desk.rulesets]
    default = pl.col("rules").replace_strict(list(range(len(defaults))), defaults, return_dtype=pl.String)
    return chosen_units(work, frame, default, bank=desk.bank).sort("line")


def chosen_units(work: Work, frame: pl.DataFrame, default: pl.Expr, *, bank: str) -> pl.DataFrame:
    """Rows with `unit`: what their `member` had chosen on their `day`, else the default. In no order."""
    choices = choices_of(work, frame["member"].unique().to_list(), bank=bank)
    if not choices:
        return frame.with_columns(default.alias("unit"))
    table = pl.DataFrame(
        {
            "member": [one.member for one in choices],
            "since": [one.since for one in choices],
            "chosen": [one.unit for one in choices],
        }
    ).sort("since")
    ordered = frame.sort("day").join_asof(table, left_on="day", right_on="since", by="member", strategy="backward")
    return ordered.with_columns(pl.coalesce("chosen", default).alias("unit")).drop("chosen", "since")
