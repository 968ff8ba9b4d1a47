"""Transactions as columns: the bank's text, checked value by value, and its exact numbers and instants.

Knows what a value may look like and the code it is refused with. Does not know which tokens there are, nor prices. All
of it runs over whole columns; what a column operation cannot say exactly is done once for each distinct value.
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import reduce
from zoneinfo import ZoneInfo

import polars as pl

from hub.earning.cards import CARD_LIKE, is_card_number
from hub.earning.pricing import in_force
from hub.earning.types import Ruleset

KINDS = ("purchase", "refund", "chargeback")
TEXT_COLUMNS = (
    "id", "token", "time", "amount", "currency", "category", "merchant", "product", "original", "kind",
)  # fmt: skip
CHECKED: dict[str, pl.DataType | type[pl.DataType]] = {
    "line": pl.Int64,
    "id": pl.String,
    "token": pl.String,
    "at": pl.Datetime("us", "UTC"),
    "day": pl.Date,
    "amount": pl.Int64,
    "currency": pl.String,
    "category": pl.String,
    "merchant": pl.String,
    "product": pl.String,
    "original": pl.String,
    "kind": pl.String,
    "rules": pl.Int32,
    "refusal": pl.String,
}
_ID = r"^[\x21-\x7e]{1,64}$"
_TOKEN = r"^[A-Za-z0-9_.:/+=@*-]{1,64}$"  # noqa: S105 - the shape of a token
_AMOUNT = r"^(-?)([0-9]{1,12})(?:\.([0-9]{1,6}))?$"
_CATEGORY = r"^[A-Za-z0-9][A-Za-z0-9 &'._/-]{0,39}$"
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)
_MERCHANT_CHARS_MAX = 120
_PRODUCT_CHARS_MAX = 80
_ID_CHARS_MAX = 64


@dataclass(frozen=True, slots=True)
class Reading:
    """What values are checked against. rulesets: active ones, in the order of activation. zone: the bank's own.

    late_days: None for no limit. missing: words that mean an empty value.
    """

    rulesets: Sequence[Ruleset]
    zone: ZoneInfo
    now: datetime
    late_days: int | None
    missing: frozenset[str]
    token_prefixes: tuple[str, ...]


def checked(texts: pl.DataFrame, reading: Reading) -> pl.DataFrame:
    """The columns of `CHECKED` for text columns of `TEXT_COLUMNS`, `line` and `malformed`, row by row in their order.

    refusal: the first thing that is wrong with a row, null for none. A refused row keeps its id and loses its token.
    """
    frame = _instants(_tidied(texts, reading), reading)
    frame = _amounts(frame)
    card = _in_set(frame, "token", lambda token: is_card_number(token, reading.token_prefixes), CARD_LIKE.pattern)
    today = reading.now.astimezone(reading.zone).date()
    too_late = pl.lit(value=False)
    if reading.late_days is not None:
        too_late = pl.col("day") < today - timedelta(days=reading.late_days)
    wrong = (
        (pl.col("malformed"), "row_malformed"),
        (~pl.col("id").str.contains(_ID), "id_invalid"),
        (card, "card_number"),
        (~pl.col("token").str.contains(_TOKEN), "token_invalid"),
        (pl.col("currency_digits").is_null(), "currency_unknown"),
        (pl.col("amount").is_null(), "amount_invalid"),
        (pl.col("day").is_null(), "date_invalid"),
        ((pl.col("at") > reading.now) | (pl.col("day") > today), "date_in_future"),
        (too_late, "too_late"),
        (~pl.col("category").str.contains(_CATEGORY), "category_missing"),
        (~pl.col("kind_fits"), "kind_invalid"),
        (pl.col("rules") < 0, "no_rules"),
        (pl.col("rules_currency") != pl.col("currency"), "currency_unknown"),
    )
    refusal = reduce(
        lambda rest, one: pl.when(one[0]).then(pl.lit(one[1])).otherwise(rest),
        reversed(wrong),
        pl.lit(None, dtype=pl.String),
    )
    frame = frame.with_columns(refusal.alias("refusal"))
    # What is refused leaves no token behind: it may be a card number.
    frame = frame.with_columns(
        pl.when(pl.col("refusal").is_null()).then(pl.col("token")).alias("token"),
        pl.when(pl.col("refusal").is_in(["row_malformed", "id_invalid"])).then(pl.lit("")).otherwise("id").alias("id"),
    )
    return frame.select([pl.col(name).cast(kind) for name, kind in CHECKED.items()])


def _tidied(texts: pl.DataFrame, reading: Reading) -> pl.DataFrame:
    """Values without surrounding spaces; those that mean nothing are empty; kinds by their own word or by the sign."""
    missing = sorted(reading.missing)
    tidy = [
        pl.when(trimmed.str.to_lowercase().is_in(missing)).then(pl.lit("")).otherwise(trimmed).alias(name)
        for name in TEXT_COLUMNS
        for trimmed in (pl.col(name).fill_null("").str.strip_chars(),)
    ]
    said = pl.col("kind").str.to_lowercase()
    negative = pl.col("amount").str.starts_with("-")
    by_sign = pl.when(negative).then(pl.lit("refund")).otherwise(pl.lit("purchase"))
    frame = texts.with_columns(tidy)
    return frame.with_columns(
        pl.col("merchant").str.slice(0, _MERCHANT_CHARS_MAX).str.replace_all(r"[\x00-\x1f]", " "),
        pl.when(said == "").then(by_sign).otherwise(said).alias("kind"),
        # Only refunds name an original; what stands there for a purchase is not kept.
        pl.when(negative | said.is_in(["refund", "chargeback"]))
        .then(pl.col("original").str.slice(0, _ID_CHARS_MAX))
        .otherwise(pl.lit("")),
        pl.col("product").str.slice(0, _PRODUCT_CHARS_MAX),
    ).with_columns(
        (pl.col("kind").is_in(list(KINDS)) & ((pl.col("kind") != "purchase") | ~negative)).alias("kind_fits"),
        pl.col("currency").str.to_uppercase(),
    )


def _instants(frame: pl.DataFrame, reading: Reading) -> pl.DataFrame:
    """Instant, day in the bank's zone and the ruleset of that day, once for each distinct text."""
    texts = frame["time"].unique().to_list()
    moments = [moment_of(text, reading.zone) for text in texts]
    days = [moment[1] if moment else None for moment in moments]
    places = {day: place_of(reading.rulesets, day) for day in set(days) if day is not None}
    kept = [places.get(day, -1) if day else -1 for day in days]
    digits = [reading.rulesets[place].exponent if place >= 0 else 2 for place in kept]
    found = pl.DataFrame(
        {
            "time": texts,
            "at": [moment[0] if moment else None for moment in moments],
            "day": days,
            "rules": kept,
            "rules_currency": [reading.rulesets[place].currency if place >= 0 else "" for place in kept],
            "rules_digits": digits,
        },
        schema={
            "time": pl.String,
            "at": CHECKED["at"],
            "day": pl.Date,
            "rules": pl.Int32,
            "rules_currency": pl.String,
            "rules_digits": pl.Int64,
        },
    )
    return frame.join(found, on="time", how="left", maintain_order="left")


def moment_of(text: str, zone: ZoneInfo) -> tuple[datetime, date] | None:
    """Instant and day in the bank's zone of a date or an RFC 3339 time; None for anything else.

    A date alone stands for its first instant in the bank's zone.
    """
    try:
        if _DAY.fullmatch(text):
            day = date.fromisoformat(text)
            return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC), day
        if not _INSTANT.fullmatch(text):
            return None
        moment = datetime.fromisoformat(text.upper())
        return moment.astimezone(UTC), moment.astimezone(zone).date()
    except (ValueError, OverflowError):
        return None


def place_of(rulesets: Sequence[Ruleset], day: date) -> int:
    """Place of the ruleset in force on `day`, -1 for none."""
    found = in_force(rulesets, day)
    return -1 if found is None else rulesets.index(found)


def _amounts(frame: pl.DataFrame) -> pl.DataFrame:
    """Whole smallest units; null where the text is no exact amount of the currency. Refunds are below zero."""
    if frame.schema["amount"] != pl.String:
        return frame
    parts = pl.col("amount").str.extract_groups(_AMOUNT)
    frame = frame.with_columns(parts.alias("parts")).unnest("parts")
    digits = pl.col("rules_digits")
    fraction = pl.col("3").fill_null("")
    # Digits beyond the currency's own may only be noughts, and are cut off.
    exact = fraction.str.strip_chars_end("0").str.len_chars() <= digits
    padded = (fraction + "000000").str.slice(0, digits)
    smallest = (pl.col("2") + padded).cast(pl.Int64, strict=False)
    good = exact & (smallest > 0)
    sign = pl.when(pl.col("kind").is_in(["refund", "chargeback"])).then(-1).otherwise(1)
    known = pl.col("currency").str.contains(r"^[A-Z]{3}$")
    return frame.with_columns(
        pl.when(good).then(smallest * sign).alias("amount"), pl.when(known).then(digits).alias("currency_digits")
    ).drop("1", "2", "3")


def _in_set(frame: pl.DataFrame, column: str, test: Callable[[str], bool], looks: str) -> pl.Expr:
    """Whether the value is one that `test` says yes to, asked once for each distinct value that `looks` like it."""
    suspects = frame.filter(pl.col(column).str.contains(f"^(?:{looks})$"))[column].unique().to_list()
    found = [one for one in suspects if test(one)]
    return pl.col(column).is_in(found)


def frame_of(rows: Sequence[Mapping[str, str]], malformed: Collection[int] = ()) -> pl.DataFrame:
    """Text columns of rows by name; missing ones are empty. Lines count from 1. malformed: places of broken rows."""
    columns: dict[str, object] = {name: [row.get(name, "") for row in rows] for name in TEXT_COLUMNS}
    columns["line"] = list(range(1, len(rows) + 1))
    columns["malformed"] = [place in malformed for place in range(len(rows))]
    schema = dict.fromkeys(TEXT_COLUMNS, pl.String) | {"line": pl.Int64, "malformed": pl.Boolean}
    return pl.DataFrame(columns, schema=schema)
