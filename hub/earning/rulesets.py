"""Sets of earn rules in the database: proposed by one person, activated by another, never edited.

Knows states and four eyes. Does not know how a document is checked or a transaction priced.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from hub.agreements.approvals import require_approvals, require_second_person
from hub.agreements.roster import Roster
from hub.agreements.types import Partner, PartnerState
from hub.audit import service as audit
from hub.earning.refusals import (
    BankNotReady,
    EarnRulesInvalid,
    EarnRulesMissing,
    EarnRulesStateWrong,
)
from hub.earning.rules_document import ruleset_of
from hub.earning.types import Ruleset, RulesetRecord, RulesetState
from hub.kernel.ids import new_id
from hub.kernel.limits import PAGE_ROWS_MAX
from hub.storage import Work

_COLUMNS = "id, bank, code, state, document, activation, proposed_by, proposed_at, activated_by"
_ABLE = (PartnerState.TEST, PartnerState.LIVE)


def require_bank(roster: Roster, bank: str) -> Partner:
    """The partner that sends card spend. Raises: BankNotReady."""
    partner = roster.partners.get(bank)
    if partner is None or partner.state not in _ABLE or partner.stopped is not None:
        raise BankNotReady(f"{bank[:63]} takes no part right now, or does not exist.", bank=bank[:63])
    return partner


def propose_rules(
    work: Work, roster: Roster, document: Mapping[str, object], *, bank: str, actor: str, now: datetime
) -> Ruleset:
    """Write a set of rules down; it prices nothing yet. Raises: BankNotReady, EarnRulesInvalid."""
    require_bank(roster, bank)
    ruleset = ruleset_of(document, bank=bank, id=new_id("ers", now))
    _require_units(roster, ruleset)
    work.run(
        "INSERT INTO earn_ruleset (id, bank, code, state, effective_from, effective_until, document, partners, "
        "activation, proposed_by, proposed_at, activated_by) "
        "VALUES (%s, %s, %s, 'proposed', %s, %s, %s::jsonb, %s, 0, %s, %s, '')",
        (
            ruleset.id, bank, ruleset.code, ruleset.since, ruleset.until, json.dumps(dict(ruleset.document)),
            sorted(named_partners(roster, ruleset)), actor, now,
        ),
    )  # fmt: skip
    facts = {"bank": bank, "effective_from": ruleset.since.isoformat()}
    audit.record(work, actor=actor, action="earn_rules.proposed", subject=ruleset.id, facts=facts, now=now)
    return ruleset


def activate_rules(work: Work, roster: Roster, id: str, *, bank: str, actor: str, now: datetime) -> None:
    """Let a proposed set price the days it names; activating it again does nothing. bank: whose; empty for any.

    A live bank takes a second person, the approval of the bank and of every partner whose points are granted, and rules
    that start today at the earliest: what is past was priced.
    Raises: EarnRulesMissing, EarnRulesStateWrong, FourEyes, ApprovalMissing, EarnRulesInvalid.
    """
    record = get_rules(work, id, bank=bank, lock=True)
    ruleset = record.ruleset
    if ruleset.state is RulesetState.ACTIVE:
        return
    if ruleset.state is not RulesetState.PROPOSED:
        raise EarnRulesStateWrong(f"{id} is {ruleset.state}; only a proposed set can be activated.")
    partner = require_bank(roster, ruleset.bank)
    if partner.live:
        require_second_person(proposed_by=record.proposed_by, actor=actor)
        require_approvals(work, id, named_partners(roster, ruleset))
        if ruleset.since < now.astimezone(ZoneInfo(partner.time_zone)).date():
            raise EarnRulesInvalid("Rules of a live bank start today or later.", pointer="/effective_from")
    _activate(work, id, bank=ruleset.bank, actor=actor, now=now)


def approvals_of(work: Work, id: str) -> list[str]:
    """Partners that agreed to a set."""
    return [partner for (partner,) in work.fetch("SELECT partner FROM approval WHERE subject = %s ORDER BY 1", (id,))]


def named_partners(roster: Roster, ruleset: Ruleset) -> set[str]:
    """Who has to agree to these rules: the bank, and every partner whose points they grant."""
    return {ruleset.bank} | {roster.units[unit].partner for unit in units_of(ruleset)}


def units_of(ruleset: Ruleset) -> list[str]:
    """Every unit that the rules name."""
    return sorted({ruleset.target}.union(*(rule.targets for rule in ruleset.rules)))


def withdraw_rules(work: Work, id: str, *, bank: str, actor: str, reason: str, now: datetime) -> None:
    """Take a set back: it prices nothing more. What it priced stays. Raises: EarnRulesMissing."""
    record = get_rules(work, id, bank=bank, lock=True)
    if record.ruleset.state is RulesetState.WITHDRAWN:
        return
    work.run("UPDATE earn_ruleset SET state = 'withdrawn' WHERE id = %s", (id,))
    audit.record(work, actor=actor, action="earn_rules.withdrawn", subject=id, facts={"reason": reason}, now=now)


def adopt_rules(work: Work, roster: Roster, ruleset: Ruleset, *, actor: str, now: datetime) -> Ruleset:
    """The active set with this content: the newest if it is the same, else a new one. For test banks only.

    Raises: BankNotReady, EarnRulesStateWrong for a live bank whose rules are not these, EarnRulesInvalid.
    """
    live = require_bank(roster, ruleset.bank).live
    standing = active_rules(work, ruleset.bank)
    same = next((one for one in reversed(standing) if one.document == ruleset.document), None)
    if same is not None:
        return same
    if live:
        raise EarnRulesStateWrong(
            f"{ruleset.bank} is live: propose these rules, and let somebody else activate them.", bank=ruleset.bank
        )
    proposed = propose_rules(work, roster, ruleset.document, bank=ruleset.bank, actor=actor, now=now)
    _activate(work, proposed.id, bank=ruleset.bank, actor=actor, now=now)
    return replace(proposed, state=RulesetState.ACTIVE)


def active_rules(work: Work, bank: str) -> list[Ruleset]:
    """Active sets of a bank in the order of their activation."""
    return [
        one.ruleset
        for one in _read(
            work.fetch(
                f"SELECT {_COLUMNS} FROM earn_ruleset WHERE bank = %s AND state = 'active' "  # noqa: S608 - fixed
                "ORDER BY activation",
                (bank,),
            )
        )
    ]


def rules_by_id(work: Work, ids: Sequence[str]) -> dict[str, Ruleset]:
    """These sets, whatever their state."""
    rows = work.fetch(
        f"SELECT {_COLUMNS} FROM earn_ruleset WHERE id = ANY(%s::text[])",  # noqa: S608 - fixed column names
        (sorted(set(ids)),),
    )
    return {one.ruleset.id: one.ruleset for one in _read(rows)}


def get_rules(work: Work, id: str, *, bank: str, lock: bool = False) -> RulesetRecord:
    """One set in any state. bank: whose, or named by it; empty for any. Raises: EarnRulesMissing."""
    locking = " FOR UPDATE" if lock else ""
    rows = work.fetch(
        f"SELECT {_COLUMNS} FROM earn_ruleset WHERE id = %s AND (%s = '' OR %s = ANY(partners)){locking}",  # noqa: S608
        (id, bank, bank),
    )
    if not rows:
        raise EarnRulesMissing("There is no such set of earn rules.")
    return _read(rows)[0]


def list_rules(
    work: Work, *, bank: str, state: str | None, live: bool, after: str, limit: int = PAGE_ROWS_MAX
) -> list[RulesetRecord]:
    """Sets of this kind, live or test, in the order in which they were proposed.

    bank: whose, or named by it; empty for every bank.
    """
    rows = work.fetch(
        f"SELECT {_COLUMNS} FROM earn_ruleset WHERE id > %s AND (%s = '' OR %s = ANY(partners)) "  # noqa: S608
        "AND (%s::text IS NULL OR state = %s) "
        "AND %s = (SELECT partner.live FROM partner WHERE partner.code = earn_ruleset.bank) ORDER BY id LIMIT %s",
        (after, bank, bank, state, state, live, limit),
    )
    return _read(rows)


def _activate(work: Work, id: str, *, bank: str, actor: str, now: datetime) -> None:
    # One after the other, so that the order of activation is one number for each.
    work.run("SELECT 1 FROM earn_ruleset WHERE bank = %s ORDER BY id FOR UPDATE", (bank,))
    work.run(
        "UPDATE earn_ruleset SET state = 'active', activated_by = %s, activated_at = %s, "
        "activation = (SELECT max(activation) + 1 FROM earn_ruleset WHERE bank = %s) WHERE id = %s",
        (actor, now, bank, id),
    )
    audit.record(work, actor=actor, action="earn_rules.activated", subject=id, facts={"bank": bank}, now=now)


def _require_units(roster: Roster, ruleset: Ruleset) -> None:
    bank = roster.partners[ruleset.bank]
    for unit in units_of(ruleset):
        known = roster.units.get(unit)
        if known is None:
            raise EarnRulesInvalid(f"There is no unit {unit}.", pointer="/target")
        if roster.partners[known.partner].live != bank.live:
            raise EarnRulesInvalid(f"{unit} is not of the same kind, live or test, as the bank.", pointer="/target")
        for rule in ruleset.rules:
            if rule.cap is not None and (rule.cap * 10**known.scale).denominator != 1:
                raise EarnRulesInvalid(f"The cap of {rule.code} has more digits than {unit}.", pointer="/rules")


def _read(rows: Sequence[tuple[Any, ...]]) -> list[RulesetRecord]:
    found = []
    for id, bank, _, state, document, _, proposed_by, proposed_at, activated_by in rows:
        ruleset = replace(ruleset_of(document, bank=bank, id=id), state=RulesetState(state), document=document)
        found.append(RulesetRecord(ruleset, proposed_by, proposed_at, activated_by))
    return found
