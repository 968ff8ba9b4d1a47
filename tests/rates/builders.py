"""Builders of rules, campaigns and catalogues that show only what matters to a test."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from fractions import Fraction

from hub.agreements.roster import Roster
from hub.agreements.types import Direction, Partner, PartnerState, Terms, Unit
from hub.rates.catalogue import Catalogue, catalogue_of
from hub.rates.types import Block, Campaign, Fee, PriceRequest, RateRule, RuleState

NOW = datetime(2026, 4, 6, 9, 0, tzinfo=UTC)
DAY = timedelta(days=1)


def partner(
    code: str, *, live: bool = False, state: PartnerState | None = None, stopped: Direction | None = None
) -> Partner:
    life = state or (PartnerState.LIVE if live else PartnerState.TEST)
    return Partner(code, code.title(), "airline", "sandbox", "", "", "UTC", live, life, stopped)


def terms(code: str, *, debit: int = 80_000, credit: int = 80_000, currency: str = "USD") -> Terms:
    unit = f"{code}.point"
    return Terms(
        version=f"agr_{code}",
        partner=code,
        currency=currency,
        currency_scale=7,
        debit_price={unit: debit},
        credit_price={unit: credit},
        net_debit_cap=10**12,
        reversals=True,
        effective_from=NOW - DAY,
        effective_until=None,
    )


def rule(
    give: int = 1,
    get: int = 1,
    *,
    route: tuple[str, str] = ("a.point", "b.point"),
    blocks: Sequence[tuple[int, int, int]] = (),
    minimum: int = 1,
    step: int = 1,
    maximum: int | None = None,
    fee: Fee | None = None,
    selectors: dict[str, str] | None = None,
    priority: int = 0,
    since: datetime = NOW - DAY,
    until: datetime | None = None,
    state: RuleState = RuleState.ACTIVE,
    id: str = "",
) -> RateRule:
    return RateRule(
        id=id or f"rul_{route[0]}_{route[1]}",
        source_unit=route[0],
        target_unit=route[1],
        blocks=tuple(Block(*block) for block in blocks) or (Block(0, give, get),),
        minimum=minimum,
        step=step,
        maximum=maximum,
        fee=fee,
        selectors=selectors or {},
        priority=priority,
        effective_from=since,
        effective_until=until,
        state=state,
    )


def campaign(
    percent: int | Fraction = 0,
    *,
    flat: int = 0,
    route: tuple[str, str] = ("a.point", "b.point"),
    since: datetime = NOW - DAY,
    until: datetime = NOW + DAY,
    funder: str = "a",
    exclusive: bool = False,
    member_cap: int | None = None,
    selectors: dict[str, str] | None = None,
    state: RuleState = RuleState.ACTIVE,
    id: str = "cmp_1",
) -> Campaign:
    return Campaign(
        id=id,
        name=id,
        source_unit=route[0],
        target_unit=route[1],
        percent=Fraction(percent),
        flat=flat,
        effective_from=since,
        effective_until=until,
        funder=funder,
        exclusive=exclusive,
        member_cap=member_cap,
        selectors=selectors or {},
        state=state,
    )


def catalogue(
    rules: Iterable[RateRule],
    campaigns: Iterable[Campaign] = (),
    *,
    partners: Iterable[Partner] = (),
    agreements: Iterable[Terms] = (),
    live: bool = False,
) -> Catalogue:
    """A catalogue whose units and partners follow from its rules, unless `partners` says more about one."""
    found_rules = list(rules)
    units = {unit for each in found_rules for unit in (each.source_unit, each.target_unit)}
    known = {unit.split(".")[0]: partner(unit.split(".")[0], live=live) for unit in units}
    known.update((each.code, each) for each in partners)
    agreed = list(agreements)
    roster = Roster(
        partners=known,
        units={unit: Unit(unit, unit.split(".")[0], unit, 0, "points", "", False) for unit in units},
        terms_by_version={each.version: each for each in agreed},
        version=1,
        terms_by_partner={each.partner: (each,) for each in agreed},
    )
    return catalogue_of(roster, found_rules, campaigns)


def ask(amount: int, *, route: tuple[str, str] = ("a.point", "b.point"), **traits: str) -> PriceRequest:
    return PriceRequest(route[0], route[1], amount, traits)
