"""What rules and campaigns have in common when they change their state: partners, states, second persons.

Knows whose units a route joins. Does not know rates.
"""

from dataclasses import dataclass
from datetime import datetime

from hub.agreements.refusals import FourEyes, StartNotProposed, TestLiveMixed, UnitMissing
from hub.rates.refusals import RuleStateWrong
from hub.rates.types import RuleState
from hub.storage import Work


@dataclass(frozen=True, slots=True)
class RoutePartners:
    """Partners at the two ends of a route; both live or both test."""

    source: str
    target: str
    live: bool

    @property
    def codes(self) -> tuple[str, ...]:
        """Each partner once."""
        return tuple(dict.fromkeys((self.source, self.target)))


def partners_of(work: Work, source_unit: str, target_unit: str) -> RoutePartners:
    """Whose units these are. Raises: UnitMissing, TestLiveMixed."""
    rows = work.fetch(
        "SELECT u.code, p.code, p.live FROM unit u JOIN partner p ON p.code = u.partner WHERE u.code IN (%s, %s)",
        (source_unit, target_unit),
    )
    found = {unit: (partner, live) for unit, partner, live in rows}
    for unit in (source_unit, target_unit):
        if unit not in found:
            raise UnitMissing(f"There is no unit {unit[:80]}.")
    (source, source_live), (target, target_live) = found[source_unit], found[target_unit]
    if source_live != target_live:
        raise TestLiveMixed(f"One of {source_unit} and {target_unit} is a test unit and the other is not.")
    return RoutePartners(source, target, source_live)


def require_state(id: str, state: RuleState, wanted: RuleState) -> None:
    """Raises: RuleStateWrong."""
    if state is not wanted:
        raise RuleStateWrong(f"{id} is {state}; only one that is {wanted} can do this.", state=state.value)


def require_start(id: str, proposed_by: str | None, actor: str) -> None:
    """Raises: StartNotProposed, FourEyes."""
    if proposed_by is None:
        raise StartNotProposed(f"Nobody has proposed to start {id} again; that is the first step.")
    if proposed_by == actor:
        raise FourEyes("You proposed to start this; somebody else has to do it.")


def active_start(planned: datetime, now: datetime) -> datetime:
    """When something activated at `now` begins: never before, because quotes of that time are written."""
    return max(planned, now)
