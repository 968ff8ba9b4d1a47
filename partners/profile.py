"""A brand's profile: `profile.toml`, read once and checked to the last key.

Knows which keys there are, what they may say and how they must agree. Does not know where profiles lie, nor how a
brand is called; secrets never stand in a profile.
"""

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

from hub.kernel.errors import HubError
from partners.base import Verb

PROFILE_FILE = "profile.toml"

_CODE = re.compile(r"[a-z][a-z0-9_]{0,62}")
_UNIT = re.compile(r"[a-z][a-z0-9_]{0,62}\.[a-z][a-z0-9_]{0,30}")
_CURRENCY = re.compile(r"[A-Z]{3}")
_CLASS_PATH = re.compile(r"[a-z][a-z0-9_]*:[A-Z][A-Za-z0-9]*")
_URL = re.compile(r"https?://[A-Za-z0-9.\-\[\]:]+(/[^\s?#]*)?")
_LINE = re.compile(r"line (\d+)")

_Choice = TypeVar("_Choice", bound=StrEnum)


class ProfileInvalid(HubError):
    """A brand's profile that cannot be used; names the file, the key and, where it is known, the line."""

    code = "profile_invalid"


class BrandKind(StrEnum):
    """What sort of business a brand is."""

    AIRLINE = "airline"
    HOTEL = "hotel"
    BANK = "bank"
    SHOP = "shop"
    CHARITY = "charity"


class UnitKind(StrEnum):
    """Whether a unit counts points or is money."""

    POINTS = "points"
    MONEY = "money"


class AuthKind(StrEnum):
    """How the hub proves who it is at a partner's token endpoint (RFC 6749 §2.3.1, RFC 7523 §2.2)."""

    CLIENT_SECRET_BASIC = "client_secret_basic"  # noqa: S105 (a word of RFC 7591, no secret)
    CLIENT_SECRET_POST = "client_secret_post"  # noqa: S105
    PRIVATE_KEY_JWT = "private_key_jwt"


class ReverseKind(StrEnum):
    """How a partner undoes: with a call of its own, with a credit of the debited points, or not at all."""

    NATIVE = "native"
    BY_CREDIT = "by_credit"
    NONE = "none"


class BonusKind(StrEnum):
    """Whether one credit call carries base and bonus, or each is a call of its own."""

    COMBINED = "combined"
    SEPARATE = "separate"


@dataclass(frozen=True, slots=True)
class AmountLimits:
    """What one instruction may move, in the unit's smallest unit: from min to max, a multiple of step."""

    amount_min: int
    amount_step: int
    amount_max: int

    def allow(self, amount: int) -> bool:
        """Whether an instruction of `amount` smallest units may be sent at all."""
        return self.amount_min <= amount <= self.amount_max and amount % self.amount_step == 0


@dataclass(frozen=True, slots=True)
class UnitProfile:
    """A unit of the brand. scale: decimal digits of its smallest unit. currency: ISO 4217 for money, else empty."""

    code: str
    scale: int
    kind: UnitKind
    currency: str
    amounts: AmountLimits


@dataclass(frozen=True, slots=True)
class HttpProfile:
    """How the brand is reached when nothing else is said. scope: asked for with every token; may be empty."""

    base_url: str
    token_url: str
    scope: str
    auth: AuthKind
    timeout_seconds: int
    audience: str


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What the brand's system can do.

    keys: whether it honours idempotency keys. key_life_hours: how long it remembers them. inquiry_lag_seconds: how long
    a booked instruction may still be "not found".
    """

    verbs: frozenset[Verb]
    reverse: ReverseKind
    keys: bool
    key_life_hours: int
    inquiry_lag_seconds: int
    bonus: BonusKind


@dataclass(frozen=True, slots=True)
class RetryProfile:
    """The pace of repeats: first wait, factor between waits, and the longest wait, in seconds."""

    first_seconds: int
    factor: int
    ceiling_seconds: int


@dataclass(frozen=True, slots=True)
class MemberProfile:
    """What a membership number looks like (whole text must match), what the brand calls it, and an example.

    The example ends in digits; other numbers of trial members are made by counting in them.
    """

    number_pattern: str
    label: str
    example: str

    def numbered(self, count: int) -> str:
        """The trial membership number `count`, from 0 up to what the example's digits hold."""
        stem = self.example.rstrip("0123456789")
        width = len(self.example) - len(stem)
        assert 0 <= count < 10**width, "the example has too few digits for so many members"
        return f"{stem}{count:0{width}d}"


@dataclass(frozen=True, slots=True)
class Profile:
    """Everything that is declared about a brand. code: equals the folder's name. concurrency: calls at once.

    adapter and simulator: `module:Class` within the folder; simulator is empty where the sandbox's plain face does.
    """

    code: str
    name: str
    kind: BrandKind
    units: tuple[UnitProfile, ...]
    docs_url: str
    adapter: str
    simulator: str
    notes: str
    http: HttpProfile
    capabilities: Capabilities
    limits: AmountLimits
    concurrency: int
    retry: RetryProfile
    member: MemberProfile

    def unit(self, code: str) -> UnitProfile | None:
        """The unit of that code, or None: imported partners bring units that no profile lists."""
        return next((unit for unit in self.units if unit.code == code), None)

    def amounts_of(self, unit: str) -> AmountLimits:
        """What one instruction in `unit` may move."""
        known = self.unit(unit)
        return self.limits if known is None else known.amounts

    def knows_number(self, membership: str) -> bool:
        """Whether `membership` looks like a number of this brand."""
        return re.fullmatch(self.member.number_pattern, membership) is not None


def read_profile(folder: Path) -> Profile:
    """The profile of the brand in `folder`. Raises: ProfileInvalid."""
    file = folder / PROFILE_FILE
    try:
        table = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as fault:
        raise ProfileInvalid(f"{file} cannot be read as UTF-8 text.", file=str(file)) from fault
    except tomllib.TOMLDecodeError as fault:
        line = _LINE.search(str(fault))
        raise ProfileInvalid(
            f"{file} is not TOML: {fault}.", file=str(file), line=int(line[1]) if line else None
        ) from fault
    profile = _profile(_Table(file, "", table))
    if profile.code != folder.name:
        raise ProfileInvalid(
            f"{file}: code is {profile.code!r}, but the folder is called {folder.name!r}.",
            file=str(file),
            key="code",
        )
    return profile


class _Table:
    """One TOML table whose keys are taken one by one; what is left at the end is unknown."""

    def __init__(self, file: Path, path: str, table: object) -> None:
        self._file, self._path = file, path
        if not isinstance(table, dict):
            raise self.refusal("", "must be a table")
        self._rest: dict[str, object] = dict(table)

    def refusal(self, key: str, what: str) -> ProfileInvalid:
        """The refusal that names file and key path."""
        path = ".".join(part for part in (self._path, key) if part) or "the file"
        return ProfileInvalid(f"{self._file}: {path} {what}.", file=str(self._file), key=path)

    def take(self, key: str) -> object:
        """The value of a required key."""
        if key not in self._rest:
            raise self.refusal(key, "is missing")
        return self._rest.pop(key)

    def table(self, key: str) -> "_Table":
        """A required table."""
        return _Table(self._file, ".".join(part for part in (self._path, key) if part), self.take(key))

    def tables(self, key: str) -> list["_Table"]:
        """A required array of tables with at least one."""
        found = self.take(key)
        if not isinstance(found, list) or not found:
            raise self.refusal(key, "must be a list of at least one table")
        return [_Table(self._file, f"{key}[{place}]", item) for place, item in enumerate(found)]

    def text(self, key: str, pattern: re.Pattern[str] | None = None) -> str:
        """A required string, not empty, that matches `pattern` if there is one."""
        value = self.take(key)
        if not isinstance(value, str) or not value.strip():
            raise self.refusal(key, "must be a text that is not empty")
        if pattern is not None and not pattern.fullmatch(value):
            raise self.refusal(key, f"does not match {pattern.pattern}")
        return value

    def text_or(self, key: str, otherwise: str, pattern: re.Pattern[str] | None = None) -> str:
        """An optional string."""
        return self.text(key, pattern) if key in self._rest else otherwise

    def whole(self, key: str, low: int, high: int) -> int:
        """A required whole number within bounds."""
        value = self.take(key)
        if type(value) is not int or not low <= value <= high:
            raise self.refusal(key, f"must be a whole number from {low} to {high}")
        return value

    def whole_or(self, key: str, otherwise: int, low: int, high: int) -> int:
        """An optional whole number within bounds."""
        return self.whole(key, low, high) if key in self._rest else otherwise

    def flag(self, key: str) -> bool:
        """A required true or false."""
        value = self.take(key)
        if not isinstance(value, bool):
            raise self.refusal(key, "must be true or false")
        return value

    def choice(self, key: str, kind: type[_Choice]) -> _Choice:
        """A required word of a closed list."""
        return self._word(key, self.take(key), kind)

    def choices(self, key: str, kind: type[_Choice]) -> frozenset[_Choice]:
        """A required list of words of a closed list, none twice."""
        value = self.take(key)
        if not isinstance(value, list) or not value:
            raise self.refusal(key, "must be a list of at least one word")
        words = [self._word(key, item, kind) for item in value]
        if len(set(words)) != len(words):
            raise self.refusal(key, "names a word twice")
        return frozenset(words)

    def finish(self) -> None:
        """Refuse what nobody asked for."""
        for key in sorted(self._rest):
            raise self.refusal(key, "is not a key of a profile")

    def _word(self, key: str, value: object, kind: type[_Choice]) -> _Choice:
        known = {str(word): word for word in kind}
        if not isinstance(value, str) or value not in known:
            raise self.refusal(key, f"must be one of {', '.join(sorted(known))}")
        return known[value]


def _profile(top: _Table) -> Profile:
    limits_table = top.table("limits")
    limits = _amounts(limits_table, None)
    concurrency = limits_table.whole("concurrency", 1, 1_000)
    limits_table.finish()
    profile = Profile(
        code=top.text("code", _CODE),
        name=top.text("name"),
        kind=top.choice("kind", BrandKind),
        units=_units(top, top.tables("units"), limits),
        docs_url=top.text("docs_url", _URL),
        adapter=top.text("adapter", _CLASS_PATH),
        simulator=top.text_or("simulator", "", _CLASS_PATH),
        notes=top.text_or("notes", ""),
        http=_http(top.table("http")),
        capabilities=_capabilities(top.table("capabilities")),
        limits=limits,
        concurrency=concurrency,
        retry=_retry(top.table("retry")),
        member=_member(top.table("member")),
    )
    top.finish()
    return profile


def _units(top: _Table, tables: Sequence[_Table], limits: AmountLimits) -> tuple[UnitProfile, ...]:
    units = tuple(_unit(table, limits) for table in tables)
    if len({unit.code for unit in units}) != len(units):
        raise top.refusal("units", "names a code twice")
    return units


def _unit(table: _Table, limits: AmountLimits) -> UnitProfile:
    kind = table.choice("kind", UnitKind)
    unit = UnitProfile(
        code=table.text("code", _UNIT),
        scale=table.whole("scale", 0, 12),
        kind=kind,
        currency=table.text("currency", _CURRENCY) if kind is UnitKind.MONEY else "",
        amounts=_amounts(table, limits),
    )
    table.finish()
    return unit


def _amounts(table: _Table, otherwise: AmountLimits | None) -> AmountLimits:
    most = 2**53 - 1  # what one amount may be on the wire
    if otherwise is None:
        least, step, top = (table.whole(f"amount_{name}", 1, most) for name in ("min", "step", "max"))
    else:
        least = table.whole_or("amount_min", otherwise.amount_min, 1, most)
        step = table.whole_or("amount_step", otherwise.amount_step, 1, most)
        top = table.whole_or("amount_max", otherwise.amount_max, 1, most)
    if top < least:
        raise table.refusal("amount_max", "is below amount_min")
    return AmountLimits(least, step, top)


def _http(table: _Table) -> HttpProfile:
    http = HttpProfile(
        base_url=table.text("base_url", _URL).rstrip("/"),
        token_url=table.text("token_url", _URL),
        scope=table.text_or("scope", ""),
        auth=table.choice("auth", AuthKind),
        timeout_seconds=table.whole("timeout_seconds", 1, 50),
        audience=table.text_or("audience", ""),
    )
    table.finish()
    return http


def _capabilities(table: _Table) -> Capabilities:
    found = Capabilities(
        verbs=table.choices("verbs", Verb),
        reverse=table.choice("reverse", ReverseKind),
        keys=table.flag("keys"),
        key_life_hours=table.whole("key_life_hours", 0, 24 * 366),
        inquiry_lag_seconds=table.whole("inquiry_lag_seconds", 0, 7 * 86_400),
        bonus=table.choice("bonus", BonusKind),
    )
    if (Verb.REVERSE in found.verbs) != (found.reverse is not ReverseKind.NONE):
        raise table.refusal("reverse", 'must be "none" exactly when the verb "reverse" is absent')
    if found.keys != (found.key_life_hours > 0):
        raise table.refusal("key_life_hours", "must be above 0 exactly when keys = true")
    table.finish()
    return found


def _retry(table: _Table) -> RetryProfile:
    retry = RetryProfile(
        first_seconds=table.whole("first_seconds", 1, 3_600),
        factor=table.whole("factor", 1, 10),
        ceiling_seconds=table.whole("ceiling_seconds", 1, 86_400),
    )
    if retry.ceiling_seconds < retry.first_seconds:
        raise table.refusal("ceiling_seconds", "is below first_seconds")
    table.finish()
    return retry


def _member(table: _Table) -> MemberProfile:
    member = MemberProfile(table.text("number_pattern"), table.text("label"), table.text("example"))
    try:
        pattern = re.compile(member.number_pattern)
    except re.error as fault:
        raise table.refusal("number_pattern", f"is not a regular expression: {fault}") from fault
    if not re.search(r"[0-9]{3}$", member.example):
        raise table.refusal("example", "must end in three digits or more")
    if not all(pattern.fullmatch(number) for number in (member.example, member.numbered(0), member.numbered(999))):
        raise table.refusal("example", "and its neighbours must match number_pattern")
    table.finish()
    return member
