"""Makes a test bank ready to send card spend: adds the partners, units and prices that its rules need.

Knows test partners only: nothing here touches one that is live. A live bank is set up by people, step by step.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction

from hub.agreements import service as agreements
from hub.agreements.currencies import default_ledger_scale
from hub.agreements.roster import Roster, roster
from hub.agreements.types import AgreementDraft, NewPartner, Terms, Unit
from hub.earning.types import Ruleset
from hub.storage import Work

CURRENCY = "USD"
# US cents for a point that nobody has agreed a price for, as in the demonstration.
_POINT_PRICE = Fraction(10)
_MONEY_PRICE = Fraction(1_000)
_CAP = Fraction(5_000_000)


@dataclass(frozen=True, slots=True)
class Brand:
    """A brand in the box. units: (code, scale, kind, currency). hosted: the hub keeps its programme itself."""

    name: str
    kind: str
    profile: str
    units: Sequence[tuple[str, int, str, str]]
    hosted: bool = False


BrandOf = Callable[[str], Brand | None]
"""The brand of a partner's code, None for one that is not in the box."""


def prepare(work: Work, ruleset: Ruleset, brand_of: BrandOf, *, sandbox_url: str, actor: str, now: datetime) -> Roster:
    """The roster with everything that these rules name, as far as test partners are concerned."""
    known = roster(work)
    bank = known.partners.get(ruleset.bank)
    if bank is not None and bank.live:
        return known
    units = sorted({ruleset.target}.union(*(rule.targets for rule in ruleset.rules)))
    for code in sorted({ruleset.bank, *(unit.split(".", 1)[0] for unit in units)}):
        if code not in known.partners:
            _add_partner(work, code, brand_of(code), bank=code == ruleset.bank, url=sandbox_url, actor=actor, now=now)
    for unit in units:
        if unit not in known.units:
            _add_unit(work, unit, brand_of(unit.split(".", 1)[0]), actor=actor, now=now)
    known = roster(work)
    _agree(work, known, ruleset.bank, [], currency=CURRENCY, actor=actor, now=now)
    own = roster(work).terms(ruleset.bank, now)
    assert own is not None, "it was agreed a moment ago"
    by_partner: dict[str, list[Unit]] = {}
    for unit in units:
        by_partner.setdefault(known.units[unit].partner, []).append(known.units[unit])
    for code, theirs in sorted(by_partner.items()):
        if not known.partners[code].live:
            _agree(work, roster(work), code, theirs, currency=own.currency, actor=actor, now=now)
    return roster(work)


def _add_partner(
    work: Work, code: str, brand: Brand | None, *, bank: bool, url: str, actor: str, now: datetime
) -> None:
    name, kind, profile = (code, "bank" if bank else "shop", "sandbox")
    if brand is not None:
        name, kind, profile = brand.name, brand.kind, brand.profile
    reached = "" if brand is not None and brand.hosted else f"{url}/{code}"
    new = NewPartner(code=code, name=name, kind=kind, profile=profile, base_url=reached)
    agreements.add_partner(work, new, actor=actor, now=now)
    # An agreement prices something of the partner's own, so it has at least one unit.
    for unit in [one[0] for one in brand.units] if brand else [f"{code}.point"]:
        _add_unit(work, unit, brand, actor=actor, now=now)


def _add_unit(work: Work, code: str, brand: Brand | None, *, actor: str, now: datetime) -> None:
    partner = code.split(".", 1)[0]
    found = next((one for one in brand.units if one[0] == code), None) if brand else None
    scale, kind, currency = found[1:] if found else (0, "points", "")
    hosted = found is not None and brand is not None and brand.hosted
    unit = Unit(code, partner, code.split(".", 1)[1], scale, kind, currency, hosted)
    agreements.add_unit(work, unit, actor=actor, now=now)


def _agree(
    work: Work, known: Roster, partner: str, units: Sequence[Unit], *, currency: str, actor: str, now: datetime
) -> None:
    """An agreement of a test partner that prices accruals in these units; its other terms stay as they are."""
    standing = known.terms(partner, now)
    if standing is not None and all(unit.code in standing.accrual_price for unit in units):
        return
    draft = _draft(known, partner, units, standing, currency=currency, now=now)
    version = agreements.propose_agreement(work, draft, actor=actor, now=now)
    agreements.activate_agreement(work, version, actor=actor, now=now)


def _draft(
    known: Roster, partner: str, units: Sequence[Unit], standing: Terms | None, *, currency: str, now: datetime
) -> AgreementDraft:
    prices: dict[tuple[str, str], Fraction] = {}
    scale = default_ledger_scale(currency)
    if standing is not None:
        currency, scale = standing.currency, standing.currency_scale
        kinds = (
            ("debit", standing.debit_price),
            ("credit", standing.credit_price),
            ("accrual", standing.accrual_price),
        )
        prices = {
            (code, kind): Fraction(price * 1_000 * 10 ** known.units[code].scale, 10**scale)
            for kind, stated in kinds
            for code, price in stated.items()
        }
    own = [one for one in known.units.values() if one.partner == partner]
    for unit in [*units, *([] if prices else own)]:
        price = _MONEY_PRICE if unit.kind == "money" else _POINT_PRICE
        prices.setdefault((unit.code, "accrual"), price)
        prices.setdefault((unit.code, "credit"), price)
        prices.setdefault((unit.code, "debit"), price)
    return AgreementDraft(
        partner=partner,
        currency=currency,
        ledger_scale=scale,
        prices=prices,
        billing_percent=Fraction(100),
        net_debit_cap=_CAP if standing is None else Fraction(standing.net_debit_cap, 10**scale),
        reversals=standing is None or standing.reversals,
        effective_from=now,
    )
