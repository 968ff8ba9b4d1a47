"""Rate rules in the database: proposing, activating, withdrawing, stopping and starting them.

Knows the states of a rule, who may move it and what activation checks. Does not know prices of a request.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from hub.agreements.service import bump, require_approvals, require_second_person, take_activation_lock
from hub.audit import service as audit
from hub.kernel.clock import rfc3339
from hub.kernel.ids import new_id
from hub.kernel.limits import PAGE_ROWS_MAX
from hub.outbox.events import Event, announce_events
from hub.rates.catalogue import Catalogue, catalogue_of, load
from hub.rates.guard import require_no_cycle
from hub.rates.losses import require_no_loss
from hub.rates.moves import active_start, partners_of, require_start, require_state
from hub.rates.notice import NOTICE, require_notice
from hub.rates.refusals import RuleInvalid, RuleMissing
from hub.rates.rows import KIND, RULE_SELECT, RULE_STORED, rule_of, rule_row
from hub.rates.types import RateRule, RuleDraft, RuleState
from hub.rates.validation import check_rule
from hub.storage import Work


def propose_rule(work: Work, draft: RuleDraft, *, actor: str, now: datetime) -> str:
    """Write a rule down; it prices nothing before it is activated. The rule's id.

    Raises: RuleInvalid, UnitMissing, TestLiveMixed.
    """
    rule = RateRule(
        id=new_id("rul", now),
        source_unit=draft.source_unit,
        target_unit=draft.target_unit,
        blocks=draft.blocks,
        minimum=draft.minimum,
        step=draft.step,
        maximum=draft.maximum,
        fee=draft.fee,
        selectors=draft.selectors,
        priority=draft.priority,
        effective_from=draft.effective_from,
        effective_until=draft.effective_until,
        state=RuleState.PROPOSED,
        typical_time=draft.typical_time,
    )
    check_rule(rule)
    partners_of(work, rule.source_unit, rule.target_unit)
    work.copy_in("rate_rule", RULE_STORED, [(*rule_row(rule), "person", actor, now)])
    facts = {"route": f"{rule.source_unit} > {rule.target_unit}"}
    audit.record(work, actor=actor, action="rule.proposed", subject=rule.id, facts=facts, now=now)
    return rule.id


def activate_rule(
    work: Work, id: str, *, actor: str, now: datetime, signed_by: str = "", notice: timedelta = NOTICE
) -> None:
    """Let a proposed rule price from its start, or from now if that is past; activating it again does nothing.

    Between live partners this takes a second person, an approval of each partner, the notice period where members are
    worse off, no round trip that gains, and no loss that nobody signed for. signed_by: who signs for a loss, by name.
    A rule of the same route, selectors and priority that it outlives ends where this one starts.
    Raises: RuleMissing, RuleStateWrong, RuleInvalid, FourEyes, ApprovalMissing, NoticeTooShort, ArbitrageFound,
    LossUnsigned.
    """
    take_activation_lock(work)
    _lock_route(work, get_rule(work, id))
    stored, proposed_by = _locked(work, id)
    if stored.state is RuleState.ACTIVE:
        return
    require_state(id, stored.state, RuleState.PROPOSED)
    start = active_start(stored.effective_from, now)
    rule = replace(stored, state=RuleState.ACTIVE, effective_from=start, activation=bump(work))
    if rule.effective_until is not None and rule.effective_until <= rule.effective_from:
        raise RuleInvalid("This rule would have ended before it starts; propose it with later dates.")
    partners = partners_of(work, rule.source_unit, rule.target_unit)
    if partners.live:
        require_second_person(proposed_by=proposed_by, actor=actor)
        require_approvals(work, id, partners.codes)
        _check_live(load(work), rule, now=now, notice=notice, signed_by=signed_by)
    work.run(
        """
        UPDATE rate_rule SET state = 'active', activated_by = %s, activated_at = %s, effective_from = %s,
            activation = %s, signed_by = %s
        WHERE id = %s""",
        (actor, now, start, rule.activation, signed_by or None, id),
    )
    _end_followed(work, rule)
    facts = {"signed_by": signed_by} if signed_by else {}
    audit.record(work, actor=actor, action="rule.activated", subject=id, facts=facts, now=now)
    route = {"rule": id, "source_unit": rule.source_unit, "target_unit": rule.target_unit}
    data = {**route, "effective_from": rfc3339(start)}
    announce_events(work, [Event("rate.activated", id, tuple(partners.codes), data, partners.live)], now=now)


def withdraw_rule(work: Work, id: str, *, actor: str, reason: str, now: datetime) -> None:
    """Take a rule back for a pricing error: it prices nothing more and its open quotes are refused. For good.

    Raises: RuleMissing.
    """
    stored, _ = _locked(work, id)
    if stored.state is RuleState.WITHDRAWN:
        return
    _set_state(work, id, RuleState.WITHDRAWN)
    audit.record(work, actor=actor, action="rule.withdrawn", subject=id, facts={"reason": reason}, now=now)


def stop_rule(work: Work, id: str, *, actor: str, reason: str, now: datetime) -> None:
    """Stop a rule at once; one person may. Its route is refused where the rule would have priced.

    Raises: RuleMissing, RuleStateWrong for a rule that is not active.
    """
    stored, _ = _locked(work, id)
    if stored.state is RuleState.STOPPED:
        return
    require_state(id, stored.state, RuleState.ACTIVE)
    _set_state(work, id, RuleState.STOPPED)
    audit.record(work, actor=actor, action="rule.stopped", subject=id, facts={"reason": reason}, now=now)


def stop_route(work: Work, *, source_unit: str, target_unit: str, actor: str, reason: str, now: datetime) -> list[str]:
    """Stop every active rule from one unit to another; their ids."""
    rows = work.fetch(
        """
        SELECT id FROM rate_rule WHERE source_unit = %s AND target_unit = %s AND state = 'active' ORDER BY id""",
        (source_unit, target_unit),
    )
    for (id,) in rows:
        stop_rule(work, id, actor=actor, reason=reason, now=now)
    return [id for (id,) in rows]


def propose_start_rule(work: Work, id: str, *, actor: str, now: datetime) -> None:
    """The first of the two people it takes to start a stopped rule again. Raises: RuleMissing, RuleStateWrong."""
    stored, _ = _locked(work, id)
    require_state(id, stored.state, RuleState.STOPPED)
    work.run("UPDATE rate_rule SET start_proposed_by = %s WHERE id = %s", (actor, id))
    audit.record(work, actor=actor, action="rule.start_proposed", subject=id, facts={}, now=now)


def start_rule(work: Work, id: str, *, actor: str, now: datetime) -> None:
    """The second person starts a stopped rule again; an active one stays as it is.

    Raises: RuleMissing, RuleStateWrong, StartNotProposed, FourEyes.
    """
    stored, _ = _locked(work, id)
    if stored.state is RuleState.ACTIVE:
        return
    require_state(id, stored.state, RuleState.STOPPED)
    proposer = work.fetch("SELECT start_proposed_by FROM rate_rule WHERE id = %s", (id,))[0][0]
    require_start(id, proposer, actor)
    _set_state(work, id, RuleState.ACTIVE)
    audit.record(work, actor=actor, action="rule.started", subject=id, facts={"proposed_by": proposer}, now=now)


def get_rule(work: Work, id: str) -> RateRule:
    """One rule in any state. Raises: RuleMissing."""
    rows = work.fetch(RULE_SELECT + " WHERE id = %s", (id,))
    if not rows:
        raise RuleMissing(f"There is no rate rule {id[:80]}.")
    return rule_of(rows[0])


def list_rules(
    work: Work,
    *,
    source_unit: str | None = None,
    target_unit: str | None = None,
    state: RuleState | None = None,
    after: str = "",
    limit: int = PAGE_ROWS_MAX,
    live: bool | None = None,
) -> list[RateRule]:
    """Rules in the order of their ids, which is the order in which they were proposed. after: the last id seen.

    live: only those between live partners, or between test ones; None for both.
    """
    rows = work.fetch(
        RULE_SELECT
        + """
        WHERE id > %s AND (%s::boolean IS NULL OR %s = """
        + KIND
        + """)
            AND (%s::text IS NULL OR source_unit = %s) AND (%s::text IS NULL OR target_unit = %s)
            AND (%s::text IS NULL OR state = %s)
        ORDER BY id LIMIT %s""",
        (after, live, live, source_unit, source_unit, target_unit, target_unit, state, state, limit),
    )
    return [rule_of(row) for row in rows]


def _check_live(catalogue: Catalogue, rule: RateRule, *, now: datetime, notice: timedelta, signed_by: str) -> None:
    """What binds between live partners, looked at as if the rule were active already."""
    route = (rule.source_unit, rule.target_unit)
    require_notice(rule, catalogue.rules.get(route, ()), now=now, notice=notice)
    rules = [each for listed in catalogue.rules.values() for each in listed]
    campaigns = [each for listed in catalogue.campaigns.values() for each in listed]
    after = catalogue_of(catalogue.roster, [*(_ended(each, rule) for each in rules), rule], campaigns)
    require_no_cycle(after, since=now, live=True)
    require_no_loss(after, [route], since=now, signed_by=signed_by)


def _is_followed(old: RateRule, new: RateRule) -> bool:
    """Whether `new` takes the whole rest of the life of `old`: same route, selectors and priority, and outliving it."""
    same = (old.source_unit, old.target_unit, old.selectors, old.priority)
    outlives = new.effective_until is None or (
        old.effective_until is not None and old.effective_until <= new.effective_until
    )
    return (
        old.id != new.id
        and same == (new.source_unit, new.target_unit, new.selectors, new.priority)
        and old.effective_from <= new.effective_from
        and (old.effective_until is None or old.effective_until > new.effective_from)
        and outlives
    )


def _ended(old: RateRule, new: RateRule) -> RateRule:
    return replace(old, effective_until=new.effective_from) if _is_followed(old, new) else old


def _end_followed(work: Work, new: RateRule) -> None:
    """End the rules that `new` follows, so that none of them comes back if `new` is withdrawn."""
    rows = work.fetch(
        RULE_SELECT + " WHERE source_unit = %s AND target_unit = %s AND state IN ('active', 'stopped')",
        (new.source_unit, new.target_unit),
    )
    ids = [old.id for old in map(rule_of, rows) if _is_followed(old, new)]
    if ids:
        work.run("UPDATE rate_rule SET effective_until = %s WHERE id = ANY(%s)", (new.effective_from, ids))


def _lock_route(work: Work, rule: RateRule) -> None:
    """Lock the rules that may end with this activation before the catalogue version, in the order a stop locks them."""
    work.run(
        "SELECT id FROM rate_rule WHERE source_unit = %s AND target_unit = %s ORDER BY id FOR UPDATE",
        (rule.source_unit, rule.target_unit),
    )


def _locked(work: Work, id: str) -> tuple[RateRule, str]:
    """The rule and who proposed it, kept from other changes until this transaction ends."""
    rows = work.fetch(RULE_SELECT + " WHERE id = %s FOR UPDATE", (id,))
    if not rows:
        raise RuleMissing(f"There is no rate rule {id[:80]}.")
    return rule_of(rows[0]), rows[0][-2]


def _set_state(work: Work, id: str, state: RuleState) -> None:
    work.run("UPDATE rate_rule SET state = %s, start_proposed_by = NULL WHERE id = %s", (state.value, id))
    bump(work)
