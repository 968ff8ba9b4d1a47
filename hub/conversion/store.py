"""Conversions, moments and verdicts as rows: find, lock, add, write back; always many at once."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from typing import Any, LiteralString

from hub.conversion.record import COLUMNS, Record, as_row
from hub.storage import Coming, Work

_ALL = """
    id, key, quote, state, member, client_partner, source_partner, target_partner, source_unit, target_unit,
    source_scale, target_scale, source_hosted, target_hosted, source_membership, target_membership,
    source_amount, base, bonus, fee, fee_unit, rate_numerator, rate_denominator, remainder_numerator,
    remainder_denominator, rule, source_terms, target_terms, source_currency, target_currency, debit_value,
    fee_value, credit_value, bonus_value, bonuses, ball, live, trace, created_at, updated_at, reason, reverses,
    reversed_amount, debit_leg, credit_leg, giveback_leg, bonus_leg, posted_at, version"""

assert tuple(name.strip() for name in _ALL.split(",")) == COLUMNS, "a row is read in the order of its columns"

# What may change after acceptance.
_changeable = attrgetter(
    "id",
    "state",
    "reason",
    "ball",
    "source_membership",
    "target_membership",
    "reversed_amount",
    "debit_leg",
    "credit_leg",
    "giveback_leg",
    "bonus_leg",
    "updated_at",
    "posted_at",
    "version",
)


@dataclass(frozen=True, slots=True)
class NewMoment:
    """Something that happened to a conversion. number: the version of the conversion it made."""

    conversion: str
    number: int
    what: str
    partner: str
    detail: str


def add(work: Work, records: Iterable[Record]) -> None:
    """Write new conversions, sorted by key so that two batches meet in the same order. One COPY."""
    work.copy_in("conversion", COLUMNS, map(as_row, sorted(records, key=attrgetter("key"))))


def by_key_or_quote(work: Work, *, keys: Collection[str], quotes: Collection[str]) -> Coming[list[Record]]:
    """Conversions that used one of these keys or quotes, asked for; some may come twice. One statement."""
    asked = work.ask(
        f"SELECT {_ALL} FROM conversion WHERE key = ANY(%s::text[]) UNION ALL "  # noqa: S608 - fixed column names
        f"SELECT {_ALL} FROM conversion WHERE quote = ANY(%s::text[]) AND quote <> ''",
        (sorted(keys), sorted(quotes)),
    )
    return lambda: list(map(_record, work.answer(asked)))


def by_id(work: Work, ids: Collection[str]) -> dict[str, Record]:
    """These conversions, not locked; those that do not exist are left out."""
    rows = work.fetch(
        f"SELECT {_ALL} FROM conversion WHERE id = ANY(%s::text[])",  # noqa: S608 - fixed column names
        (sorted(set(ids)),),
    )
    return {row[0]: _record(row) for row in rows}


def lock(work: Work, ids: Collection[str]) -> dict[str, Record]:
    """These conversions and those that they undo, locked in sorted order; missing ones are left out. One statement."""
    wanted = sorted(set(ids))
    rows = work.fetch(
        # An array, since with OR and a subquery PostgreSQL would read the whole table.
        f"SELECT {_ALL} FROM conversion WHERE id = ANY(ARRAY(SELECT unnest(%s::text[]) "  # noqa: S608 - fixed names
        "UNION SELECT reverses FROM conversion WHERE id = ANY(%s::text[]) AND reverses <> '')) "
        "ORDER BY id FOR UPDATE",
        (wanted, wanted),
    )
    return {row[0]: _record(row) for row in rows}


def write(work: Work, records: Sequence[Record]) -> None:
    """Write back everything of these conversions that may change. One statement."""
    if not records:
        return
    work.run(
        "UPDATE conversion c SET state = new.state, reason = new.reason, ball = new.ball, "
        "source_membership = new.source_membership, target_membership = new.target_membership, "
        "reversed_amount = new.reversed_amount, debit_leg = new.debit_leg, credit_leg = new.credit_leg, "
        "giveback_leg = new.giveback_leg, bonus_leg = new.bonus_leg, updated_at = new.updated_at, "
        "posted_at = new.posted_at, version = new.version "
        "FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::bigint[], %s::text[], "
        "%s::text[], %s::text[], %s::text[], %s::timestamptz[], %s::timestamptz[], %s::int[]) "
        "AS new (id, state, reason, ball, source_membership, target_membership, reversed_amount, debit_leg, "
        "credit_leg, giveback_leg, bonus_leg, updated_at, posted_at, version) WHERE c.id = new.id",
        tuple(map(list, zip(*map(_changeable, records), strict=True))),
    )


def add_moments(work: Work, moments: Sequence[NewMoment], *, now: datetime) -> None:
    """Keep what happened. One COPY."""
    if not moments:
        return
    rows = [(one.conversion, one.number, now, one.what, one.partner, one.detail) for one in moments]
    work.copy_in("conversion_moment", ("conversion", "number", "at", "what", "partner", "detail"), rows)


def moments(work: Work, conversion: str) -> list[tuple[datetime, str, str, str]]:
    """(at, what, partner, detail) of everything that happened to a conversion after it was accepted, in order."""
    rows = work.fetch(
        "SELECT at, what, partner, detail FROM conversion_moment WHERE conversion = %s ORDER BY number", (conversion,)
    )
    return [(at, what, partner, detail) for at, what, partner, detail in rows]


def reversals_of(work: Work, ids: Collection[str]) -> list[Record]:
    """Reversals of these conversions that were not voided, in the order they were asked for. One statement."""
    rows = work.fetch(
        f"SELECT {_ALL} FROM conversion WHERE reverses = ANY(%s::text[]) AND reverses <> '' "  # noqa: S608 - fixed
        "AND state <> 'voided' ORDER BY created_at, id",
        (sorted(set(ids)),),
    )
    return list(map(_record, rows))


def bonuses_used(work: Work, members: Collection[str]) -> dict[tuple[str, str], int]:
    """Bonus points by (member, campaign), of every conversion that was not voided. One statement."""
    rows = work.fetch(
        "SELECT c.member, one ->> 0, sum((one ->> 1)::numeric) FROM conversion c, "
        "jsonb_array_elements(c.bonuses::jsonb) AS one WHERE c.member = ANY(%s::text[]) AND c.bonus > 0 "
        "AND c.state <> 'voided' GROUP BY 1, 2",
        (sorted(set(members)),),
    )
    return {(member, campaign): int(points) for member, campaign, points in rows}


def page(
    work: Work,
    *,
    client_partner: str,
    state: str | None,
    partner: str | None,
    member: str | None,
    after: tuple[datetime, str] | None,
    limit: int,
    since: datetime | None,
    until: datetime | None,
    live: bool | None,
) -> list[Record]:
    """Conversions that this partner's client may see, newest first. after: (created_at, id) of the last one seen."""
    after_at, after_id = after if after else (None, None)
    values = {
        "client": client_partner,
        "state": state,
        "partner": partner,
        "member": member,
        "since": since,
        "until": until,
        "live": live,
        "after_at": after_at,
        "after_id": after_id,
        "limit": limit,
    }
    sql: LiteralString = (
        f"SELECT {_ALL} FROM conversion "  # noqa: S608 - fixed column names
        "WHERE (%(client)s = '' OR %(client)s IN (source_partner, target_partner, client_partner)) "
        "AND (%(live)s::boolean IS NULL OR live = %(live)s) "
        "AND (%(state)s::text IS NULL OR state = %(state)s) "
        "AND (%(partner)s::text IS NULL OR %(partner)s IN (source_partner, target_partner)) "
        "AND (%(member)s::text IS NULL OR member = %(member)s) "
        "AND (%(since)s::timestamptz IS NULL OR created_at >= %(since)s) "
        "AND (%(until)s::timestamptz IS NULL OR created_at < %(until)s) "
        "AND (%(after_at)s::timestamptz IS NULL OR (created_at, id) < (%(after_at)s, %(after_id)s::text)) "
        "ORDER BY created_at DESC, id DESC LIMIT %(limit)s"
    )
    return list(map(_record, work.fetch_named(sql, values)))


def verdicts(work: Work, conversion: str) -> dict[str, str]:
    """What each person said of a conversion under review, by actor."""
    rows = work.fetch("SELECT actor, verdict FROM conversion_verdict WHERE conversion = %s", (conversion,))
    return dict(rows)


def add_verdict(work: Work, conversion: str, *, actor: str, verdict: str, now: datetime) -> None:
    """Keep what a person said of a conversion under review; the newest word counts."""
    work.run(
        "INSERT INTO conversion_verdict (conversion, actor, verdict, at) VALUES (%s, %s, %s, %s) "
        "ON CONFLICT (conversion, actor) DO UPDATE SET verdict = excluded.verdict, at = excluded.at",
        (conversion, actor, verdict, now),
    )


def _record(row: tuple[Any, ...]) -> Record:
    # Fractions of any size come back as decimals without digits after the point.
    return Record(*row[:21], *map(int, row[21:25]), *row[25:])
