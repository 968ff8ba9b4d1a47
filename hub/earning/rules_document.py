"""Earn rules as a document: TOML text or JSON, checked to the last key before anything is done with them.

Knows every key, what it may say, and on which line of a TOML text it stands. Does not know databases: whether a unit
exists is checked by whoever takes the rules in.
"""

import re
import tomllib
from collections.abc import Mapping, Sequence
from datetime import date
from fractions import Fraction

from hub.agreements.currencies import exponent, is_currency
from hub.earning.refusals import EarnRulesInvalid
from hub.earning.types import (
    FileFormat,
    Match,
    RefundPolicy,
    Rounding,
    Rule,
    RuleKind,
    Ruleset,
    Span,
    Unmatched,
)
from hub.kernel.amounts import parse_decimal
from hub.kernel.errors import InvalidAmount

RULES_MAX = 60
_DAYS_MAX = 36_600
# How long a member may say that something is missing, unless the rules say otherwise: half a year.
_CLAIM_DAYS = 180
_PART_MAX = 10**9
_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_CODE = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
_UNIT = re.compile(r"[a-z][a-z0-9_]{0,62}\.[a-z][a-z0-9_]{0,62}")
_CATEGORY = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._/-]{0,39}")
_SPAN = re.compile(r"([0-9]{1,8})-([0-9]{1,8})")
_WORD = re.compile(r"[^\x00-\x1f]{1,80}")
_EARN = re.compile(r"([0-9.]+) per (whole )?([0-9.]+)")
_PERCENT = re.compile(r"([0-9.]+) ?%")
_ASSIGNMENT = re.compile(r"\s*([A-Za-z0-9_-]+)(?:\.([A-Za-z0-9_-]+))?\s*=")
_HEADER = re.compile(r"\s*(\[\[|\[)\s*([A-Za-z0-9_.-]+)\s*\]")
COLUMNS = (
    "transaction_id", "token", "time", "amount", "currency", "category", "merchant", "product", "original", "kind",
)  # fmt: skip
_MISSING = ("", "nan", "null", "none", "n/a")


class Decimal(str):
    """A number with a point, exactly as it was written."""

    __slots__ = ()


def read_rules(text: str, *, bank: str, id: str = "") -> Ruleset:
    """The rules of a TOML text. Raises: EarnRulesInvalid with the line."""
    try:
        table = tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as fault:
        raise EarnRulesInvalid(f"The rules are not TOML: {fault}.") from fault
    return ruleset_of(table, bank=bank, id=id, lines=_lines(text))


def ruleset_of(
    document: Mapping[str, object], *, bank: str, id: str = "", lines: Mapping[str, int] | None = None
) -> Ruleset:
    """The rules of a document. lines: where each key path stands, for messages. Raises: EarnRulesInvalid."""
    root = _Table(document, "", lines or {})
    named = root.text("bank", _CODE, default=bank)
    if named != bank:
        raise root.refusal("bank", f"is {named!r}, but the rules are for {bank!r}")
    currency = root.text("currency", re.compile(r"[A-Z]{3}"))
    if not is_currency(currency):
        raise root.refusal("currency", "is no ISO 4217 currency")
    digits = exponent(currency)
    categories = _named_categories(root.table("categories"))
    since = root.day("effective_from")
    assert since is not None, "required"
    until = root.day("effective_until", required=False)
    if until is not None and until <= since:
        raise root.refusal("effective_until", "is not after effective_from")
    statement, tokens, intake = root.table("statement"), root.table("tokens"), root.table("intake")
    payout = root.table("payout")
    rules = tuple(_rule(one, digits, categories) for one in root.tables("rules"))
    _check_rules(root, rules)
    found = Ruleset(
        id=id,
        bank=bank,
        code=root.text("code", _CODE, default="rules"),
        currency=currency,
        exponent=digits,
        target=root.text("target", _UNIT),
        since=since,
        until=until,
        rules=rules,
        stacking=_stacking(root),
        minimum_spend=statement.money("minimum_spend", digits),
        refunds=_refunds(root.table("refunds")),
        token_prefixes=tuple(tokens.texts("prefixes", re.compile(r"[0-9]{1,19}"))),
        link_unknown={"": None, "link": True, "refuse": False}[tokens.choice("unknown", ("link", "refuse"), "")],
        late_days=intake.whole_or_none("late_days", _DAYS_MAX),
        payout_days=payout.whole("after_days", 0, _DAYS_MAX),
        claim_days=intake.whole("claim_days", _CLAIM_DAYS, _DAYS_MAX),
        file=_file(root.table("file")),
        document=canonical(document),
    )
    for table in (statement, tokens, intake, payout, root):
        table.finish()
    return found


def canonical(value: object) -> dict[str, object]:
    """The document as JSON can hold it: days and decimals as text."""
    kept = _canonical(value)
    assert isinstance(kept, dict)
    return kept


def _canonical(value: object) -> object:
    if isinstance(value, Mapping):
        return {str(key): _canonical(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_canonical(one) for one in value]
    if isinstance(value, date):
        return value.isoformat()
    return str(value) if isinstance(value, Decimal) else value


class _Table:
    """One table whose keys are taken one by one; what is left at the end is unknown."""

    def __init__(self, table: object, path: str, lines: Mapping[str, int]) -> None:
        self._path, self._lines = path, lines
        if not isinstance(table, Mapping):
            raise self.refusal("", "must be a table")
        self._rest = dict(table)

    def refusal(self, key: str, what: str) -> EarnRulesInvalid:
        """The refusal that names the key path, and the line where it is known."""
        path = ".".join(part for part in (self._path, key) if part) or "the document"
        line = self._lines.get(path, self._lines.get(self._path))
        where = f"line {line}, {path}" if line else path
        return EarnRulesInvalid(f"Earn rules: {where} {what}.", pointer="/" + path.replace(".", "/"), line=line)

    def finish(self) -> None:
        """Raises: EarnRulesInvalid for a key that nobody took."""
        for key in self._rest:
            raise self.refusal(str(key), "is not known here")

    def take(self, key: str) -> object:
        """The raw value, None without one."""
        return self._rest.pop(key, None)

    def table(self, key: str) -> "_Table":
        """A table inside; an empty one if it is not there."""
        return _Table(self._rest.pop(key, {}), self._inner(key), self._lines)

    def tables(self, key: str) -> list["_Table"]:
        """The tables of a list, at least one."""
        value = self.take(key)
        if not isinstance(value, list) or not 1 <= len(value) <= RULES_MAX:
            raise self.refusal(key, f"must be 1 to {RULES_MAX} tables")
        return [_Table(one, f"{self._inner(key)}.{index}", self._lines) for index, one in enumerate(value)]

    def _inner(self, key: str) -> str:
        return f"{self._path}.{key}" if self._path else key

    def text(self, key: str, form: re.Pattern[str], default: str | None = None) -> str:
        """A text of that form."""
        value = self._rest.pop(key, default)
        if value is None:
            raise self.refusal(key, "is missing")
        if not isinstance(value, str) or (value != default and not form.fullmatch(value)):
            raise self.refusal(key, f"is not a text like {form.pattern}")
        return str(value)

    def texts(self, key: str, form: re.Pattern[str]) -> list[str]:
        """A list of texts of that form, empty without one."""
        value = self._rest.pop(key, [])
        if not isinstance(value, list) or not all(isinstance(one, str) and form.fullmatch(one) for one in value):
            raise self.refusal(key, f"is not a list of texts like {form.pattern}")
        return [str(one) for one in value]

    def choice(self, key: str, allowed: Sequence[str], default: str) -> str:
        """One of `allowed`, or `default` when it is not there."""
        value = self._rest.pop(key, default)
        if value != default and value not in allowed:
            raise self.refusal(key, f"is none of {', '.join(allowed)}")
        return str(value)

    def whole(self, key: str, default: int, maximum: int) -> int:
        """A whole number from 0 to maximum."""
        value = self.take(key)
        value = default if value is None else value
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= maximum:
            raise self.refusal(key, f"is not a whole number from 0 to {maximum}")
        return value

    def whole_or_none(self, key: str, maximum: int) -> int | None:
        """A whole number from 0 to maximum; None without one."""
        return self.whole(key, 0, maximum) if key in self._rest else None

    def number(self, key: str) -> Fraction | None:
        """An exact number above zero, written as a number or a text; None without one."""
        value = self.take(key)
        return None if value is None else self.exact(key, value)

    def exact(self, key: str, value: object) -> Fraction:
        """`value` as a bounded exact number above zero."""
        if type(value) is int:
            found = Fraction(value)
        elif isinstance(value, str):
            try:
                found = parse_decimal(value)
            except InvalidAmount:
                raise self.refusal(key, f"is not a plain number such as 1.5, but {value[:40]!r}") from None
        else:
            raise self.refusal(key, "is not a plain number such as 1.5")
        if not 0 < found <= _PART_MAX or found.denominator > _PART_MAX:
            raise self.refusal(key, f"is not above 0 and at most {_PART_MAX} with at most 9 digits after the point")
        return found

    def money(self, key: str, digits: int) -> int:
        """An amount of the currency in smallest units, 0 without one."""
        value = self.number(key)
        return 0 if value is None else self.smallest(key, value, digits)

    def smallest(self, key: str, value: Fraction, digits: int) -> int:
        """`value` currency units in smallest units."""
        exact = value * 10**digits
        if exact.denominator != 1:
            raise self.refusal(key, f"has more than the {digits} digits of the currency")
        found: int = exact.numerator
        return found

    def day(self, key: str, *, required: bool = True) -> date | None:
        """A date without a time."""
        value = self.take(key)
        if value is None and not required:
            return None
        if isinstance(value, str):
            try:
                value = date.fromisoformat(value) if len(value) == 10 else None
            except ValueError:
                value = None
        if type(value) is not date:
            raise self.refusal(key, "is not a date such as 2026-04-01")
        return value


def _rule(table: _Table, digits: int, groups: Mapping[str, Sequence[str]]) -> Rule:
    kind = RuleKind(table.choice("kind", tuple(RuleKind), "base"))
    code = table.text("code", _CODE)
    rounding = Rounding(table.choice("rounding", tuple(Rounding), "transaction"))
    rate, step = _rate(table, kind, digits)
    if step > 1 and rounding is Rounding.STATEMENT:
        raise table.refusal("rounding", "must be 'transaction' for a rule that counts whole steps")
    codes, spans = _categories(table, groups)
    since, until = table.day("from", required=False), table.day("until", required=False)
    if since is not None and until is not None and until <= since:
        raise table.refusal("until", "is not after from")
    days = [one.lower() for one in table.texts("weekdays", re.compile(r"(?i)mon|tue|wed|thu|fri|sat|sun"))]
    rule = Rule(
        code=code,
        name=table.text("name", _WORD, default=code),
        kind=kind,
        rate=rate,
        step=step,
        rounding=rounding,
        categories=codes,
        spans=spans,
        products=frozenset(table.texts("products", _WORD)),
        tiers=frozenset(table.texts("tiers", _WORD)),
        merchants=tuple(one.casefold() for one in table.texts("merchants", _WORD)),
        weekdays=frozenset(_WEEKDAYS.index(one) for one in days),
        targets=frozenset(table.texts("targets", _UNIT)),
        since=since,
        until=until,
        minimum_amount=table.money("minimum_amount", digits),
        cap=table.number("cap"),
    )
    table.finish()
    return rule


def _rate(table: _Table, kind: RuleKind, digits: int) -> tuple[Fraction, int]:
    """The rate of a rule and its step. `1 per 10000`, `5 per whole 1`, `1.5 %`; a multiplier says `times`."""
    if kind is RuleKind.EXCLUDE:
        return Fraction(0), 1
    if kind is RuleKind.MULTIPLY:
        factor = table.number("times")
        if factor is None:
            raise table.refusal("times", "is missing")
        return factor, 1
    said = table.take("earn")
    if not isinstance(said, str):
        raise table.refusal("earn", "is missing; say for example '1 per 10.00', '5 per whole 1' or '1.5 %'")
    percent, ratio = _PERCENT.fullmatch(said), _EARN.fullmatch(said)
    if percent:
        return table.exact("earn", percent[1]) / 100, 1
    if not ratio:
        raise table.refusal("earn", f"is not like '1 per 10.00', '5 per whole 1' or '1.5 %', but {said[:40]!r}")
    points, per = table.exact("earn", ratio[1]), table.exact("earn", ratio[3])
    if ratio[2] and kind is not RuleKind.BASE:
        raise table.refusal("earn", "counts whole steps, which only a base rule can")
    return points / per, table.smallest("earn", per, digits) if ratio[2] else 1


def _categories(table: _Table, groups: Mapping[str, Sequence[str]]) -> tuple[frozenset[str], tuple[Span, ...]]:
    listed: list[str] = []
    for one in table.texts("categories", re.compile(rf"@?{_CATEGORY.pattern}")):
        if not one.startswith("@"):
            listed.append(one)
        elif one[1:] in groups:
            listed += groups[one[1:]]
        else:
            raise table.refusal("categories", f"names the group {one}, which [categories] does not have")
    spans = [found for one in listed if (found := _SPAN.fullmatch(one))]
    if any(len(span[1]) != len(span[2]) or span[1] > span[2] for span in spans):
        raise table.refusal("categories", "has a range whose ends do not fit together, unlike 5500-5599")
    plain = frozenset(one for one in listed if not _SPAN.fullmatch(one))
    return plain, tuple(Span(span[1], span[2]) for span in spans)


def _named_categories(table: _Table) -> dict[str, list[str]]:
    return {name: table.texts(name, _CATEGORY) for name in list(table._rest)}


def _check_rules(root: _Table, rules: Sequence[Rule]) -> None:
    codes = [rule.code for rule in rules]
    for index, code in enumerate(codes):
        if code in codes[:index]:
            raise root.refusal(f"rules.{index}.code", f"is {code!r}, like an earlier rule's")
    if not any(rule.kind is RuleKind.BASE for rule in rules):
        raise root.refusal("rules", "have no base rule, so nothing would earn")


def _stacking(root: _Table) -> tuple[RuleKind, ...]:
    kinds = (RuleKind.ADD, RuleKind.MULTIPLY)
    said = root.texts("stacking", re.compile("base|add|multiply")) or ["base", *kinds]
    if said[0] != "base" or sorted(said[1:]) != sorted(kinds):
        raise root.refusal("stacking", 'is ["base", "add", "multiply"] or ["base", "multiply", "add"]')
    return tuple(map(RuleKind, said))


def _refunds(table: _Table) -> RefundPolicy:
    policy = RefundPolicy(
        match=Match(table.choice("match", tuple(Match), "merchant")),
        match_days=table.whole("match_days", 180, _DAYS_MAX),
        unmatched=Unmatched(table.choice("unmatched", tuple(Unmatched), "claw_back")),
        hold_days=table.whole("hold_days", 30, _DAYS_MAX),
    )
    table.finish()
    return policy


def _file(table: _Table) -> FileFormat:
    columns = table.table("columns")
    found = FileFormat(
        delimiter=table.choice("delimiter", (",", ";", "\t", "|"), ","),
        columns={name: columns.text(name, _WORD) for name in COLUMNS if name in columns._rest},
        missing=frozenset(one.lower() for one in table.texts("missing", re.compile(".*")) or _MISSING) | {""},
    )
    columns.finish()
    table.finish()
    return found


def _lines(text: str) -> dict[str, int]:
    """On which line each key and table of a TOML text stands, as far as a plain reading of its lines can tell."""
    found: dict[str, int] = {}
    counted: dict[str, int] = {}
    path = ""
    for number, line in enumerate(text.splitlines(), 1):
        header, assignment = _HEADER.match(line), _ASSIGNMENT.match(line)
        if header:
            path = header[2]
            if header[1] == "[[":
                counted[path] = counted.get(path, -1) + 1
                path = f"{path}.{counted[path]}"
            found.setdefault(path, number)
        elif assignment:
            key = ".".join(part for part in (path, assignment[1]) if part)
            found.setdefault(key, number)
            if assignment[2]:
                found.setdefault(f"{key}.{assignment[2]}", number)
    return found
