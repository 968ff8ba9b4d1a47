"""Counts uses against limits inside the batch that accepts: locked, decided in memory, written at once.

Knows which rules a conversion falls under. Counters are rows that are only locked; what was used is added up from the
uses themselves, each counted as long as its conversion stands. Nothing is asked where no rule applies.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from hub.kernel.clock import rfc3339
from hub.limits.refusals import LimitReached
from hub.limits.types import Allowance, Counts, Direction, LimitRule, Movement, Per
from hub.limits.windows import frees_at, since
from hub.storage import Work

# The rule's id and whose uses are added up.
Place = tuple[str, str]


@dataclass(slots=True)
class _Counter:
    rule: LimitRule
    used: int
    earliest: datetime | None


@dataclass(frozen=True, slots=True)
class LimitBook:
    """What is used of every limit that a batch touches, as the batch goes on. Counters are locked until it commits.

    movements: by conversion; one that is not among them falls under no limit.
    """

    movements: Mapping[str, Movement]
    rules: Sequence[LimitRule]
    counters: Mapping[Place, _Counter]
    now: datetime
    uses: list[tuple[str, str, str, datetime, int]]

    def refusal(self, conversion: str) -> LimitReached | None:
        """Why this one is more than a limit allows; None when it is not. The limit with least left is named."""
        over = [
            self.counters[place]
            for place, amount in self._places(conversion)
            if self.counters[place].used + amount > self.counters[place].rule.maximum
        ]
        if not over:
            return None
        tightest = min(over, key=lambda one: (one.rule.maximum - one.used, one.rule.id))
        rule, left = tightest.rule, _allowance(tightest, self.now)
        what = "conversions" if rule.counts is Counts.CONVERSIONS else "points"
        return LimitReached(
            f"The limit {rule.id} allows {rule.maximum} {what} a {rule.per} in its time; {left.left} are left.",
            limit=rule.id,
            period=rule.period.value,
            maximum=rule.maximum,
            left=left.left,
            frees_at=rfc3339(left.frees_at) if left.frees_at else None,
        )

    def count(self, conversion: str) -> None:
        """This one goes on: those after it see its uses."""
        for place, amount in self._places(conversion):
            counter = self.counters[place]
            counter.used += amount
            counter.earliest = min(counter.earliest or self.now, self.now)
            self.uses.append((*place, conversion, self.now, amount))

    def write(self, work: Work) -> None:
        """Keep what was counted; it goes in with whatever else waits."""
        work.copy_in("limit_use", ("rule", "subject", "conversion", "at", "amount"), sorted(self.uses))

    def _places(self, conversion: str) -> Iterator[tuple[Place, int]]:
        movement = self.movements.get(conversion)
        return iter(()) if movement is None else places(self.rules, movement)


def lock_limits(
    work: Work, rules: Sequence[LimitRule], movements: Mapping[str, Movement], *, now: datetime
) -> LimitBook:
    """Lock, sorted, what these may use, and add up what was used. One trip; none where no rule applies."""
    by_id = {rule.id: rule for rule in rules}
    wanted = sorted({place for movement in movements.values() for place, _ in places(rules, movement)})
    if not wanted:
        return LimitBook({}, rules, {}, now, [])
    ids, subjects = [rule for rule, _ in wanted], [subject for _, subject in wanted]
    work.ask(
        "INSERT INTO limit_counter (rule, subject) SELECT * FROM unnest(%s::text[], %s::text[]) ON CONFLICT DO NOTHING",
        (ids, subjects),
    )
    work.ask(
        "SELECT 1 FROM limit_counter c JOIN unnest(%s::text[], %s::text[]) AS wanted (rule, subject) "
        "ON c.rule = wanted.rule AND c.subject = wanted.subject ORDER BY c.rule, c.subject FOR UPDATE OF c",
        (ids, subjects),
    )
    # A statement of its own: it sees what was committed by whoever had the lock before.
    used = _used(work, [(by_id[rule], subject) for rule, subject in wanted], now)
    return LimitBook(movements, rules, {(one.rule.id, subject): one for subject, one in used}, now, [])


def give_back(work: Work, conversions: Collection[str]) -> None:
    """What these conversions used is free again."""
    if conversions:
        work.run_later("DELETE FROM limit_use WHERE conversion = ANY(%s::text[])", (sorted(conversions),))


def allowances(work: Work, rules: Sequence[LimitRule], member: str, *, now: datetime) -> list[Allowance]:
    """What is left to a member of each limit that counts per member, in the order of `rules`. One statement."""
    own = [(rule, member) for rule in rules if rule.per is Per.MEMBER]
    found = {one.rule.id: _allowance(one, now) for _, one in _used(work, own, now)} if own else {}
    return [found[rule.id] for rule, _ in own]


def places(rules: Sequence[LimitRule], movement: Movement) -> Iterator[tuple[Place, int]]:
    """Where a conversion counts, and with how much."""
    for rule in rules:
        if (rule.sources and movement.source_unit not in rule.sources) or (
            rule.targets and movement.target_unit not in rule.targets
        ):
            continue
        out = rule.direction is Direction.OUT
        points = movement.source_amount if out else movement.target_amount
        match rule.per:
            case Per.MEMBER:
                subjects = [(movement.member, points)]
            case Per.MEMBERSHIP:
                subjects = [(movement.source_membership if out else movement.target_membership, points)]
            case Per.ROUTE:
                subjects = [(f"{movement.source_unit} {movement.target_unit}", points)]
            case Per.CAMPAIGN:
                subjects = list(movement.bonuses)
        for subject, amount in subjects:
            yield (rule.id, subject), 1 if rule.counts is Counts.CONVERSIONS else amount


def _used(work: Work, wanted: Sequence[tuple[LimitRule, str]], now: datetime) -> list[tuple[str, _Counter]]:
    rows = work.fetch(
        "SELECT wanted.rule, wanted.subject, coalesce(sum(u.amount), 0), min(u.at) "
        "FROM unnest(%s::text[], %s::text[], %s::timestamptz[]) AS wanted (rule, subject, since) "
        "LEFT JOIN limit_use u ON u.rule = wanted.rule AND u.subject = wanted.subject AND u.at >= wanted.since "
        "GROUP BY 1, 2",
        ([rule.id for rule, _ in wanted], [subject for _, subject in wanted], [since(rule, now) for rule, _ in wanted]),
    )
    by_id = {rule.id: rule for rule, _ in wanted}
    return [(subject, _Counter(by_id[rule], int(used), earliest)) for rule, subject, used, earliest in rows]


def _allowance(counter: _Counter, now: datetime) -> Allowance:
    rule, earliest = counter.rule, counter.earliest
    left = max(0, rule.maximum - counter.used)
    return Allowance(rule, counter.used, left, None if earliest is None else frees_at(rule, now, earliest))
