"""A bank's desk: everything that its transactions are taken with, read once for each transaction of the database."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from hub.agreements.roster import Roster
from hub.agreements.types import Terms
from hub.earning.frames import Reading
from hub.earning.refusals import EarnRulesMissing
from hub.earning.rulesets import active_rules, require_bank
from hub.earning.types import Ruleset
from hub.storage import Work


@dataclass(frozen=True, slots=True)
class Desk:
    """What a bank's transactions are taken with. rulesets: active, in the order of activation."""

    bank: str
    live: bool
    zone: ZoneInfo
    roster: Roster
    rulesets: Sequence[Ruleset]
    now: datetime

    def reading(self) -> Reading:
        """What values are checked against."""
        missing = frozenset().union(*(one.file.missing for one in self.rulesets))
        prefixes = tuple(prefix for one in self.rulesets for prefix in one.token_prefixes)
        return Reading(self.rulesets, self.zone, self.now, self.late_days, missing, prefixes)

    @property
    def late_days(self) -> int | None:
        """How old a transaction may be: as the newest rules say, else a live bank's agreement; None for any age."""
        said = self.rulesets[-1].late_days
        if said is not None or not self.live:
            return said
        own = self.roster.terms(self.bank, self.now)
        return own.late_days if own is not None else None

    @property
    def scales(self) -> dict[str, int]:
        """Decimal digits of every unit."""
        return {code: unit.scale for code, unit in self.roster.units.items()}

    def terms_of(self, unit: str) -> Terms | None:
        """The agreement that prices accruals in `unit` now; None without one, or without such a price."""
        terms = self.roster.terms(self.roster.units[unit].partner, self.now)
        return terms if terms is not None and unit in terms.accrual_price else None


def desk_of(work: Work, roster: Roster, bank: str, *, now: datetime) -> Desk:
    """A bank's desk. Raises: BankNotReady, EarnRulesMissing."""
    partner = require_bank(roster, bank)
    rulesets = active_rules(work, bank)
    if not rulesets:
        raise EarnRulesMissing(f"{bank} has no active earn rules; propose and activate some first.", bank=bank)
    return Desk(bank, partner.live, ZoneInfo(partner.time_zone), roster, rulesets, now)
