"""A partner's statement of a settlement window, as JSON and as CSV.

JSON is what is kept and what its digest covers: ASCII, sorted names, amounts as exact decimal strings. `position` there
are the digits of the ledger, `amount` those that money has. For every obligation: opening + credits - debits = amount +
closing, and the closing is the next window's opening. `held_out` is in dispute and not among the lines; `released` is
what they have of earlier windows' disputes. So the entries under the roots, payments left out, are those of the lines
and of `held_out` without those of `released`. For every
account: what its entries come to is what the lines say and what `elsewhere` adds, so that nothing on it is unexplained.
"""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hub.kernel.amounts import decimal_text
from hub.kernel.clock import rfc3339
from hub.ledger import Root
from hub.settlement.types import Calendar, Line, Money, Netted, Obligation

_VERSION = 2

_CSV_COLUMNS = (
    "record", "window", "partner", "currency", "kind", "agreement", "counterparty", "count", "debits", "credits",
    "opening", "amount", "closing", "obligation", "due_on",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Booked:
    """What a position account did in the slices of a window. entries_before, opening: what is from before them.

    elsewhere: what its entries say and the statement's lines do not: payments, and what other windows bill.
    """

    account: str
    currency: str
    entries_before: int
    opening: int
    entries: int
    closing: int
    elsewhere: tuple[Line, ...]


def statement_json(
    found: Netted, partner: str, *, name: str, calendar: Calendar, booked: Sequence[Booked], roots: Sequence[Root]
) -> bytes:
    """One partner's statement. name: of the partner. booked, roots: of its position accounts in the window's slices."""
    window = found.window
    assert window.closed_at is not None, "a netted window is closed"
    assert window.advice_on is not None, "a netted window is closed"
    assert window.due_on is not None, "a netted window is closed"
    lines = [line for line in found.lines if line.partner == partner]
    obligations = [one for one in found.obligations if one.side.partner == partner]
    document = {
        "version": _VERSION,
        "revision": found.revision,
        "window": {
            "id": window.id,
            "calendar": window.calendar,
            "number": window.number,
            "time_zone": calendar.zone,
            "first_slice": window.first_period,
            "last_slice": window.last_period,
            "opened_at": rfc3339(window.opened_at),
            "closed_at": rfc3339(window.closed_at),
        },
        "partner": {"code": partner, "name": name},
        "advice_on": window.advice_on.isoformat(),
        "due_on": window.due_on.isoformat(),
        "lines": [_line(line, found.money[line.currency]) for line in lines],
        "held_out": [_line(line, found.money[line.currency]) for line in found.held if line.partner == partner],
        "released": [_line(line, found.money[line.currency]) for line in found.released if line.partner == partner],
        "obligations": [_obligation(one, found.money[one.side.currency]) for one in obligations],
        "totals": _totals(lines, found.money),
        "accounts": [_account(one, found.money[one.currency]) for one in booked],
        "roots": [
            {
                "account": root.account,
                "slice": root.period,
                "first_entry": root.version_first,
                "entries": root.size,
                "sha256": root.root.hex(),
            }
            for root in roots
        ],
    }
    return json.dumps(document, sort_keys=True, indent=2, ensure_ascii=True).encode("ascii") + b"\n"


def statement_csv(document: bytes) -> bytes:
    """The same statement for a spreadsheet, made from the JSON that is kept, so that the two cannot differ."""
    found: dict[str, Any] = json.loads(document)
    window, partner = found["window"]["id"], found["partner"]["code"]
    out = io.StringIO()
    writer = csv.DictWriter(out, _CSV_COLUMNS, lineterminator="\r\n", restval="")
    writer.writeheader()
    head = {"window": window, "partner": partner}
    for record, name in (("line", "lines"), ("held_out", "held_out"), ("released", "released")):
        for line in found[name]:
            writer.writerow({"record": record, **head, **line})
    for one in found["obligations"]:
        names = ("currency", "counterparty", "opening", "debits", "credits", "amount", "closing", "count")
        shown = {name: one[name] for name in names}
        writer.writerow({"record": "obligation", **head, **shown, "obligation": one["id"], "due_on": found["due_on"]})
    return out.getvalue().encode("utf-8")


def _line(line: Line, money: Money) -> dict[str, object]:
    return {
        "currency": line.currency,
        "kind": line.kind,
        "agreement": line.agreement,
        "counterparty": line.counterparty,
        "count": line.count,
        "debits": decimal_text(line.debits, money.scale),
        "credits": decimal_text(line.credits, money.scale),
    }


def _obligation(one: Obligation, money: Money) -> dict[str, object]:
    return {
        "id": one.id,
        "currency": one.side.currency,
        "counterparty": one.side.counterparty,
        "direction": one.side.direction,
        "count": one.count,
        "opening": decimal_text(one.opening, money.scale),
        "debits": decimal_text(one.debits, money.scale),
        "credits": decimal_text(one.credits, money.scale),
        "amount": decimal_text(one.amount, money.exponent),
        "closing": decimal_text(one.closing, money.scale),
        "who_pays": "nobody" if not one.amount else "hub" if one.amount > 0 else "partner",
    }


def _account(one: Booked, money: Money) -> dict[str, object]:
    return {
        "account": one.account,
        "currency": one.currency,
        "digits": money.scale,
        "entries_before": one.entries_before,
        "opening": decimal_text(one.opening, money.scale),
        "entries": one.entries,
        "closing": decimal_text(one.closing, money.scale),
        "elsewhere": [_line(line, money) for line in one.elsewhere],
    }


def _totals(lines: Sequence[Line], money: Mapping[str, Money]) -> list[dict[str, object]]:
    """Control totals by currency."""
    return [
        {
            "currency": currency,
            "count": sum(line.count for line in lines if line.currency == currency),
            "debits": decimal_text(
                sum(line.debits for line in lines if line.currency == currency), money[currency].scale
            ),
            "credits": decimal_text(
                sum(line.credits for line in lines if line.currency == currency), money[currency].scale
            ),
        }
        for currency in sorted({line.currency for line in lines})
    ]
