"""A brand's profile: `profile.toml`, read once and checked to the last key.

Knows which keys there are, what they may say and how they must agree. Does not know where profiles lie, nor how a
brand is called; secrets never stand in a profile.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from partners.base import Verb
from partners.check_digits import CheckDigit, check_digits_of, check_holds, width_of
from partners.declarative.reader import Stated, read_declared
from partners.declarative.spec import DeclarativeSpec
from partners.files.declaration import FilesProfile, read_files
from partners.names import USUAL_NAMES, NamePolicy, read_names
from partners.profile_table import ProfileInvalid as ProfileInvalid
from partners.profile_table import ProfileTable, read_table

PROFILE_FILE = "profile.toml"

_CODE = re.compile(r"[a-z][a-z0-9_]{0,62}")
_UNIT = re.compile(r"[a-z][a-z0-9_]{0,62}\.[a-z][a-z0-9_]{0,30}")
_CURRENCY = re.compile(r"[A-Z]{3}")
_HEADER = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,63}")
_SECRET = re.compile(r"[a-z][a-z0-9_]{0,62}")
_CLASS_PATH = re.compile(r"[a-z][a-z0-9_]*:[A-Z][A-Za-z0-9]*")
_URL = re.compile(r"https?://[A-Za-z0-9.\-\[\]:]+(/[^\s?#]*)?")


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
    """How the hub proves itself at a partner's token endpoint (RFC 6749 §2.3.1, RFC 7523 §2.2); `none`: no tokens."""

    CLIENT_SECRET_BASIC = "client_secret_basic"  # noqa: S105 (a word of RFC 7591, no secret)
    CLIENT_SECRET_POST = "client_secret_post"  # noqa: S105
    PRIVATE_KEY_JWT = "private_key_jwt"
    # No token: a header carries a secret as it is.
    API_KEY = "api_key"
    NONE = "none"


class SigningKind(StrEnum):
    """Whether each request is signed (RFC 9421, digest by RFC 9530), beside a token or, with `auth` none, instead."""

    NONE = "none"
    RFC9421 = "rfc9421"


class NotificationScheme(StrEnum):
    """How a brand proves that a notification is its own: Standard Webhooks 1.0, RFC 9421, or it sends none."""

    NONE = "none"
    STANDARD_WEBHOOKS = "standard_webhooks"
    RFC9421 = "rfc9421"


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
    """How the brand is reached when nothing else is said. scope: asked for with every token; may be empty.

    token_url: empty with `auth` none and api_key. signing: whether requests are signed, with the secret `signing_key`.
    api_key_header, api_key_secret: with `auth` api_key, the header's name in lower case and the secret's name.
    """

    base_url: str
    token_url: str
    scope: str
    auth: AuthKind
    timeout_seconds: int
    audience: str
    signing: SigningKind = SigningKind.NONE
    api_key_header: str = ""
    api_key_secret: str = ""


# A brand that speaks files has no HTTP interface.
_NO_HTTP = HttpProfile("", "", "", AuthKind.NONE, 1, "", SigningKind.NONE)


@dataclass(frozen=True, slots=True)
class NotificationProfile:
    """How the brand tells the hub of its own accord.

    scheme: how it is verified, with the secret `webhook_secret` or `webhook_public_key`. Absent from a profile: none.
    """

    scheme: NotificationScheme


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

    The example ends in digits; other numbers of trial members are made by counting in them. check_digit: the scheme of
    the number's last characters. names: which writings of a name the brand takes for one person's.
    """

    number_pattern: str
    label: str
    example: str
    check_digit: CheckDigit = CheckDigit.NONE
    names: NamePolicy = USUAL_NAMES

    def knows(self, membership: str) -> bool:
        """Whether `membership` looks like a number of this brand, check digits included."""
        matches = re.fullmatch(self.number_pattern, membership) is not None
        return matches and check_holds(self.check_digit, membership)

    def numbered(self, count: int) -> str:
        """The trial membership number `count`, from 0 up to what the example's digits hold."""
        stem = self.example.rstrip("0123456789")
        width = len(self.example) - len(stem) - width_of(self.check_digit)
        if self.check_digit is CheckDigit.MOD_11:
            # One number in eleven would end in X, which most brands do not issue: the next one stands for it.
            candidates = (f"{stem}{count * 2 + more:0{width}d}" for more in (0, 1))
            return next(
                number + check for number in candidates if (check := check_digits_of(self.check_digit, number)) != "X"
            )
        assert 0 <= count < 10**width, "the example has too few digits for so many members"
        number = f"{stem}{count:0{width}d}"
        return number + check_digits_of(self.check_digit, number)


@dataclass(frozen=True, slots=True)
class Profile:
    """Everything that is declared about a brand. code: equals the folder's name. concurrency: calls at once.

    adapter and simulator: `module:Class` within the folder; simulator is empty where the sandbox's plain face does.
    files: of a brand that speaks files, and None for all others; such a brand has no `http`.
    A brand without `adapter` speaks files or is declarative: `declared` says how it speaks, and is simulated from the
    same words.
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
    notifications: NotificationProfile
    files: FilesProfile | None
    declared: DeclarativeSpec | None = None

    def unit(self, code: str) -> UnitProfile | None:
        """The unit of that code, or None: imported partners bring units that no profile lists."""
        return next((unit for unit in self.units if unit.code == code), None)

    def amounts_of(self, unit: str) -> AmountLimits:
        """What one instruction in `unit` may move."""
        known = self.unit(unit)
        return self.limits if known is None else known.amounts

    def knows_number(self, membership: str) -> bool:
        """Whether `membership` looks like a number of this brand."""
        return self.member.knows(membership)


def read_profile(folder: Path) -> Profile:
    """The profile of the brand in `folder`. Raises: ProfileInvalid."""
    top = read_table(folder / PROFILE_FILE)
    profile = _profile(top)
    if profile.code != folder.name:
        raise top.refusal("code", f"is {profile.code!r}, but the folder is called {folder.name!r}")
    return profile


def _profile(top: ProfileTable) -> Profile:
    limits_table = top.table("limits")
    limits = _amounts(limits_table, None)
    concurrency = limits_table.whole("concurrency", 1, 1_000)
    limits_table.finish()
    files_table = top.table_or_none("files")
    files = None if files_table is None else read_files(files_table)
    capabilities = _capabilities(top.table("capabilities"))
    units = _units(top, top.tables("units"), limits)
    # A brand that speaks HTTP and names no class declares its protocol; one that speaks files has a ready adapter.
    adapter = top.text_or("adapter", "", _CLASS_PATH) if files is None else ""
    stated = Stated(
        verbs=capabilities.verbs,
        by_credit=capabilities.reverse is ReverseKind.BY_CREDIT,
        keys=capabilities.keys,
        units={unit.code: unit.scale for unit in units},
    )
    profile = Profile(
        code=top.text("code", _CODE),
        name=top.text("name"),
        kind=top.choice("kind", BrandKind),
        units=units,
        docs_url=top.text("docs_url", _URL),
        adapter=adapter,
        simulator=top.text_or("simulator", "", _CLASS_PATH),
        notes=top.text_or("notes", ""),
        http=_http(top.table("http")) if files is None else _NO_HTTP,
        capabilities=capabilities,
        limits=limits,
        concurrency=concurrency,
        retry=_retry(top.table("retry")),
        member=_member(top.table("member")),
        notifications=_notifications(top.table_or_none("notifications")),
        files=files,
        declared=None if adapter or files is not None else read_declared(top, stated),
    )
    _require_exact_amounts(top, profile)
    top.finish()
    return profile


def _require_exact_amounts(top: ProfileTable, profile: Profile) -> None:
    """Refuse files whose amounts count something else than the units do."""
    layouts = (profile.files.instructions, profile.files.answers) if profile.files else ()
    for layout in layouts:
        amount = layout.detail.field("amount")
        assert amount is not None, "the declaration was checked"
        if any(unit.scale != amount.decimals for unit in profile.units):
            raise top.refusal("files", f"state amounts with {amount.decimals} decimals, unlike a unit's scale")
        if len(profile.units) > 1 and layout.detail.field("unit") is None:
            raise top.refusal("files", "have no field unit, although the brand has several")


def _units(top: ProfileTable, tables: Sequence[ProfileTable], limits: AmountLimits) -> tuple[UnitProfile, ...]:
    units = tuple(_unit(table, limits) for table in tables)
    if len({unit.code for unit in units}) != len(units):
        raise top.refusal("units", "names a code twice")
    return units


def _unit(table: ProfileTable, limits: AmountLimits) -> UnitProfile:
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


def _amounts(table: ProfileTable, otherwise: AmountLimits | None) -> AmountLimits:
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


def _http(table: ProfileTable) -> HttpProfile:
    auth = table.choice("auth", AuthKind)
    http = HttpProfile(
        base_url=table.text("base_url", _URL).rstrip("/"),
        token_url="" if auth in (AuthKind.NONE, AuthKind.API_KEY) else table.text("token_url", _URL),
        scope=table.text_or("scope", ""),
        auth=auth,
        timeout_seconds=table.whole("timeout_seconds", 1, 50),
        audience=table.text_or("audience", ""),
        signing=table.choice_or("signing", SigningKind.NONE),
        api_key_header=table.text("api_key_header", _HEADER).lower() if auth is AuthKind.API_KEY else "",
        api_key_secret=table.text_or("api_key_secret", "api_key", _SECRET) if auth is AuthKind.API_KEY else "",
    )
    if auth is AuthKind.NONE and http.signing is SigningKind.NONE:
        raise table.refusal("auth", 'may be "none" only when requests are signed')
    table.finish()
    return http


def _notifications(table: ProfileTable | None) -> NotificationProfile:
    if table is None:
        return NotificationProfile(NotificationScheme.NONE)
    notifications = NotificationProfile(table.choice("scheme", NotificationScheme))
    table.finish()
    return notifications


def _capabilities(table: ProfileTable) -> Capabilities:
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


def _retry(table: ProfileTable) -> RetryProfile:
    retry = RetryProfile(
        first_seconds=table.whole("first_seconds", 1, 3_600),
        factor=table.whole("factor", 1, 10),
        ceiling_seconds=table.whole("ceiling_seconds", 1, 86_400),
    )
    if retry.ceiling_seconds < retry.first_seconds:
        raise table.refusal("ceiling_seconds", "is below first_seconds")
    table.finish()
    return retry


def _member(table: ProfileTable) -> MemberProfile:
    member = MemberProfile(
        number_pattern=table.text("number_pattern"),
        label=table.text("label"),
        example=table.text("example"),
        check_digit=table.choice_or("check_digit", CheckDigit.NONE),
        names=read_names(table.table_or_none("names")),
    )
    try:
        re.compile(member.number_pattern)
    except re.error as fault:
        raise table.refusal("number_pattern", f"is not a regular expression: {fault}") from fault
    digits = 3 + width_of(member.check_digit) + (member.check_digit is CheckDigit.MOD_11)
    if not re.search(f"[0-9]{{{digits}}}$", member.example):
        raise table.refusal("example", f"must end in {digits} digits or more, check digits included")
    if not all(member.knows(number) for number in (member.example, member.numbered(0), member.numbered(999))):
        raise table.refusal("example", "and its neighbours must match number_pattern and end in their check digits")
    table.finish()
    return member
