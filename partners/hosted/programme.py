"""A hosted programme: `programme.toml`, read once and checked to the last key; no code belongs to it.

Knows the rules a programme may have and how they must agree. Does not know members, lots or the clock.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from partners.check_digits import CheckDigit, check_digits_of, check_holds, width_of
from partners.profile import BrandKind
from partners.profile_table import ProfileTable, read_table

PROGRAMME_FILE = "programme.toml"

_CODE = re.compile(r"[a-z][a-z0-9_]{0,62}")
_UNIT = re.compile(r"[a-z][a-z0-9_]{0,62}\.[a-z][a-z0-9_]{0,30}")
_PREFIX = re.compile(r"[A-Z0-9-]{1,12}")
_AMOUNT_MAX = 2**53 - 1  # what one amount may be on the wire

# A century: longer than any programme has lasted, short enough that a typing error is noticed.
_MONTHS_MAX = 1_200
_WARN_DAYS_MAX = 366


class ExpiryKind(StrEnum):
    """When points lapse."""

    NONE = "none"  # never
    FIXED = "fixed"  # each lot so many months after it was earned
    ACTIVITY = "activity"  # all of a member's points so many months after the last qualifying activity


class EndOf(StrEnum):
    """To the end of what a lot lives on, in the programme's own time zone."""

    DAY = "day"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"


class Activity(StrEnum):
    """What may keep a member's points alive."""

    EARN = "earn"
    SPEND = "spend"
    CONVERT_IN = "convert_in"
    CONVERT_OUT = "convert_out"
    TRANSFER = "transfer"


class BonusLot(StrEnum):
    """Whether a campaign's bonus is a lot of its own or part of the lot it came with."""

    OWN = "own"
    WITH_BASE = "with_base"


@dataclass(frozen=True, slots=True)
class ExpiryRule:
    """When points lapse. months: 0 with `none`. qualifying: empty but with `activity`.

    warn_days: how many days before they lapse a member is warned, longest first.
    """

    kind: ExpiryKind
    months: int
    end_of: EndOf
    qualifying: frozenset[Activity]
    warn_days: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class BalanceLimits:
    """What may be in a membership, in smallest units. minimum: what spending and converting leave there."""

    minimum: int
    maximum: int


@dataclass(frozen=True, slots=True)
class NumberScheme:
    """Membership numbers: prefix, so many digits, check digits."""

    prefix: str
    digits: int
    check: CheckDigit
    label: str

    @property
    def pattern(self) -> str:
        """A regular expression for the whole number; whether the check digits hold is another question."""
        check = "[0-9X]" if self.check is CheckDigit.MOD_11 else "[0-9]"
        end = f"{check}{{{width_of(self.check)}}}" if width_of(self.check) else ""
        return f"{re.escape(self.prefix)}[0-9]{{{self.digits}}}{end}"

    def number(self, draw: int) -> str:
        """The membership number whose digits are those of `draw`, 0 <= draw < 10**digits."""
        assert 0 <= draw < 10**self.digits, "the number has too few digits"
        stem = f"{self.prefix}{draw:0{self.digits}d}"
        return stem + check_digits_of(self.check, stem)

    def knows(self, number: str) -> bool:
        """Whether `number` is one of this scheme, check digits included."""
        return re.fullmatch(self.pattern, number) is not None and check_holds(self.check, number)


@dataclass(frozen=True, slots=True)
class Programme:
    """Everything that is declared about a hosted programme. code: equals the folder's name. scale: digits of the unit.

    keep_expiry: whether points given to another member keep their dates; otherwise they count as earned anew.
    """

    code: str
    name: str
    kind: BrandKind
    notes: str
    unit: str
    unit_name: str
    scale: int
    expiry: ExpiryRule
    balance: BalanceLimits
    numbers: NumberScheme
    bonus_lot: BonusLot
    keep_expiry: bool


def read_programme(folder: Path) -> Programme:
    """The programme in `folder`. Raises: ProfileInvalid."""
    top = read_table(folder / PROGRAMME_FILE)
    unit, conversions, transfers = top.table("unit"), top.table("conversions"), top.table("transfers")
    programme = Programme(
        code=top.text("code", _CODE),
        name=top.text("name"),
        kind=top.choice("kind", BrandKind),
        notes=top.text_or("notes", ""),
        unit=unit.text("code", _UNIT),
        unit_name=unit.text("name"),
        scale=unit.whole("scale", 0, 9),
        expiry=_expiry(top.table("expiry")),
        balance=_balance(top.table("balance")),
        numbers=_numbers(top.table("numbers")),
        bonus_lot=conversions.choice("bonus_lot", BonusLot),
        keep_expiry=transfers.flag("keep_expiry"),
    )
    for table in (unit, conversions, transfers, top):
        table.finish()
    if programme.code != folder.name:
        raise top.refusal("code", f"is {programme.code!r}, but the folder is called {folder.name!r}")
    if programme.unit.split(".")[0] != programme.code:
        raise top.refusal("unit", f"must have a code that begins with {programme.code}.")
    return programme


def _expiry(table: ProfileTable) -> ExpiryRule:
    kind = table.choice("rule", ExpiryKind)
    never, by_activity = kind is ExpiryKind.NONE, kind is ExpiryKind.ACTIVITY
    rule = ExpiryRule(
        kind=kind,
        months=0 if never else table.whole("months", 1, _MONTHS_MAX),
        end_of=EndOf.DAY if never else table.choice("end_of", EndOf),
        qualifying=table.choices("qualifying", Activity) if by_activity else frozenset(),
        warn_days=() if never or "warn_days" not in table else table.wholes("warn_days", 1, _WARN_DAYS_MAX),
    )
    if list(rule.warn_days) != sorted(rule.warn_days, reverse=True):
        raise table.refusal("warn_days", "must be longest first")
    table.finish()
    return rule


def _balance(table: ProfileTable) -> BalanceLimits:
    limits = BalanceLimits(
        table.whole_or("minimum", 0, 0, _AMOUNT_MAX), table.whole_or("maximum", _AMOUNT_MAX, 1, _AMOUNT_MAX)
    )
    if limits.maximum <= limits.minimum:
        raise table.refusal("maximum", "must be above the minimum")
    table.finish()
    return limits


def _numbers(table: ProfileTable) -> NumberScheme:
    scheme = NumberScheme(
        prefix=table.text("prefix", _PREFIX),
        # Fewer would be guessed, and used up: with nine, a million members are one number in a thousand.
        digits=table.whole("digits", 6, 18),
        check=table.choice("check", CheckDigit),
        label=table.text("label"),
    )
    table.finish()
    return scheme
