"""The general-ledger journal of some slices, and the trial balance: CSV, hledger and Beancount text.

One transaction per slice and unit, one row per account: what bookkeeping needs, with no member in it. Memberships of
hosted programmes are summed up. In the text journals a debit is positive, as bookkeeping has it.
Sources: hledger manual, "Journal format"; Beancount "Language syntax".
"""

import csv
import hashlib
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby

from hub.kernel.amounts import decimal_text

# What each kind of account is to bookkeeping.
_ROOTS = {
    "accrued": "Liabilities",
    "adjusted": "Equity",
    "bank": "Assets",
    "budget": "Liabilities",
    "funding": "Equity",
    "income": "Income",
    "issued": "Equity",
    "lapsed": "Income",
    "liquidity": "Equity",
    "member": "Liabilities",
    "outside": "Equity",
    "owed": "Liabilities",
    "position": "Liabilities",
    "prepaid": "Liabilities",
    "redeemed": "Equity",
    "trading": "Equity",
    "transit": "Liabilities",
}
_OTHER = "Equity"
_COMMODITY_CHARS_MAX = 24
_COLUMNS = ("slice", "day", "unit", "account", "debits", "credits", "count")


@dataclass(frozen=True, slots=True)
class Movement:
    """What one account moved in one slice. debits, credits: the unit's smallest units, >= 0. day: the slice's last."""

    slice: int
    day: date
    unit: str
    account: str
    debits: int
    credits: int
    count: int


def without_members(movements: Iterable[Movement]) -> list[Movement]:
    """The same with one row for all memberships of a programme, sorted by slice, unit and account."""
    sums: dict[tuple[int, date, str, str], list[int]] = {}
    for one in movements:
        account = f"member:{one.unit}" if one.account.startswith("member:") else one.account
        found = sums.setdefault((one.slice, one.day, one.unit, account), [0, 0, 0])
        found[0] += one.debits
        found[1] += one.credits
        found[2] += one.count
    return [Movement(*key, *numbers) for key, numbers in sorted(sums.items())]


def journal_csv(movements: Sequence[Movement], scales: Mapping[str, int]) -> str:
    """Rows of slice, day, unit, account, debits, credits, count; amounts with the unit's digits."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(_COLUMNS)
    for one in movements:
        scale = scales[one.unit]
        debits, credits = decimal_text(one.debits, scale), decimal_text(one.credits, scale)
        writer.writerow((one.slice, one.day.isoformat(), one.unit, one.account, debits, credits, one.count))
    return out.getvalue()


def journal_hledger(movements: Sequence[Movement], scales: Mapping[str, int]) -> str:
    """A journal that hledger balances."""
    parts = ["; Coalition Hub, general-ledger journal\n"]
    for (number, day, unit), rows in _transactions(movements):
        parts.append(f"\n{day.isoformat()} * slice {number} | {unit}\n")
        for one in rows:
            amount = decimal_text(one.debits - one.credits, scales[unit])
            parts.append(f'    {one.account}  {amount} "{unit}"  ; {one.count} entries\n')
    return "".join(parts)


def journal_beancount(movements: Sequence[Movement], scales: Mapping[str, int]) -> str:
    """A journal that `bean-check` accepts: accounts are opened on the first day they are used."""
    parts = ["; Coalition Hub, general-ledger journal\n\n"]
    first: dict[str, date] = {}
    for one in movements:
        first.setdefault(beancount_account(one.account), one.day)
    parts += [f"{day.isoformat()} open {account}\n" for account, day in sorted(first.items())]
    for (number, day, unit), rows in _transactions(movements):
        parts.append(f'\n{day.isoformat()} * "slice {number}" "{unit}"\n')
        for one in rows:
            amount = decimal_text(one.debits - one.credits, scales[unit])
            parts.append(f"  {beancount_account(one.account)}  {amount} {beancount_commodity(unit)}\n")
    return "".join(parts)


def trial_balance_csv(balances: Mapping[tuple[str, str], int], scales: Mapping[str, int]) -> str:
    """Rows of unit, account and what it stands at, debit or credit. balances: by (unit, account), credits positive."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(("unit", "account", "debit", "credit"))
    for (unit, account), balance in sorted(balances.items()):
        text = decimal_text(abs(balance), scales[unit])
        writer.writerow((unit, account, text if balance < 0 else "", text if balance > 0 else ""))
    return out.getvalue()


def beancount_account(code: str) -> str:
    """A ledger account's name in Beancount, one to one: parts begin with a capital, `_` becomes `-`, `.` a new part."""
    parts = re.split(r"[:.]", code)
    return ":".join([_ROOTS.get(parts[0], _OTHER), *(_part(part) for part in parts)])


def beancount_commodity(unit: str) -> str:
    """A unit's name in Beancount: capitals, at most 24 characters; longer ones end with a piece of their hash."""
    name = unit.upper().replace("_", "-")
    if not name[0].isalpha():
        name = f"X{name}"
    if len(name) <= _COMMODITY_CHARS_MAX and name[-1].isalnum():
        return name
    piece = hashlib.sha256(unit.encode()).hexdigest()[:8].upper()
    return f"{name[: _COMMODITY_CHARS_MAX - 9].rstrip('-.')}-{piece}"


def _part(text: str) -> str:
    name = text.replace("_", "-")
    return name[:1].upper() + name[1:] if name[:1].isalnum() else f"X{name}"


def _transactions(
    movements: Sequence[Movement],
) -> Iterable[tuple[tuple[int, date, str], list[Movement]]]:
    for key, rows in groupby(movements, key=lambda one: (one.slice, one.day, one.unit)):
        yield key, list(rows)
