"""Which programmes the hub keeps: units that say so, with the rules of their brand's programme file.

Knows partners and units. Where the rules come from is handed in.
"""

from collections.abc import Callable
from zoneinfo import ZoneInfo

from hub.agreements.roster import Roster
from hub.agreements.types import Partner, Unit
from hub.hosted.errors import ProgrammeMissing
from hub.hosted.memberships import find_many
from hub.hosted.reading import statement
from hub.hosted.types import HostedProgramme
from hub.kernel.clock import Clock
from hub.storage import Database
from partners.hosted.adapter import KeptMember
from partners.hosted.programme import Programme

Rules = Callable[[Partner, Unit], Programme | None]


class ProgrammeDirectory:
    """Hosted programmes by their unit. roster: as it stands now; it is asked inside and outside of transactions alike.

    rules: of a partner's unit; None when its brand has no programme file for it. Safe between threads.
    """

    def __init__(self, roster: Callable[[], Roster], rules: Rules) -> None:
        self._roster = roster
        self._rules = rules

    def programme(self, unit: str) -> HostedProgramme:
        """The programme of this unit. Raises: ProgrammeMissing."""
        known = self._roster()
        found = self._kept(known, known.units[unit]) if unit in known.units else None
        if found is None:
            raise ProgrammeMissing("There is no hosted programme with this unit.", unit=unit[:128])
        return found

    def programmes(self) -> list[HostedProgramme]:
        """All of them, by unit."""
        known = self._roster()
        kept = (self._kept(known, known.units[unit]) for unit in sorted(known.units))
        return [one for one in kept if one is not None]

    def require_rules(self, partner: Partner, unit: Unit) -> None:
        """The partner's brand has a programme file for this very unit. Raises: ProgrammeMissing."""
        rules = self._rules(partner, unit)
        if rules is None or (rules.scale, "points") != (unit.scale, unit.kind):
            raise ProgrammeMissing("No programme file of this partner's brand describes this unit.", unit=unit.code)

    def _kept(self, known: Roster, unit: Unit) -> HostedProgramme | None:
        partner = known.partners[unit.partner]
        rules = self._rules(partner, unit) if unit.hosted else None
        if rules is None:
            return None
        return HostedProgramme(partner.code, unit.code, partner.live, ZoneInfo(partner.time_zone), rules)


class HostedBooks:
    """What an adapter is told about memberships. Safe between threads; never asked inside a transaction."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def member(self, unit: str, number: str) -> KeptMember | None:
        """The membership with this number; None when there is none."""
        with self._database.read() as work:
            found = find_many(work, {(unit, number)}).get((unit, number))
            if found is None:
                return None
            available = statement(work, found, now=self._clock.now()).available
        return KeptMember(found.id, str(found.state), available)
