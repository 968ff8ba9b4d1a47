"""Campaigns in the database: proposing, funding, activating, withdrawing, stopping and starting them.

Knows a campaign's states, its window in the funder's zone and how its budget is filled. What a conversion takes out of
the budget is not known here.
"""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from hub import chart, ledger
from hub.agreements.service import bump, require_approvals, require_second_person, take_activation_lock
from hub.audit import service as audit
from hub.kernel.amounts import ledger_amount
from hub.kernel.ids import new_id
from hub.kernel.limits import PAGE_ROWS_MAX
from hub.ledger import Account, LedgerRefusal, Posted, Posting, Transfer
from hub.rates.catalogue import Catalogue, catalogue_of, load
from hub.rates.guard import require_no_cycle
from hub.rates.losses import FUNDED_BY_HUB, require_no_loss
from hub.rates.moves import active_start, partners_of, require_start, require_state
from hub.rates.refusals import CampaignInvalid, CampaignMissing, CampaignUnfunded
from hub.rates.rows import CAMPAIGN_SELECT, CAMPAIGN_STORED, KIND, campaign_of, campaign_row
from hub.rates.types import Campaign, CampaignDraft, RuleState
from hub.rates.validation import check_campaign
from hub.storage import Work


def propose_campaign(work: Work, draft: CampaignDraft, *, actor: str, now: datetime) -> str:
    """Write a campaign down; it adds nothing before it is activated. The campaign's id.

    Raises: CampaignInvalid, UnitMissing, TestLiveMixed.
    """
    check_campaign(draft)
    partners = partners_of(work, draft.source_unit, draft.target_unit)
    if draft.funder not in (*partners.codes, FUNDED_BY_HUB):
        raise CampaignInvalid("A campaign is funded by its source partner, its target partner or the hub.")
    campaign = campaign_from(draft, id=new_id("cmp", now), zone=_zone(work, draft.funder))
    work.copy_in("campaign", CAMPAIGN_STORED, [(*campaign_row(campaign), actor, now)])
    facts = {"route": f"{draft.source_unit} > {draft.target_unit}", "funder": draft.funder}
    audit.record(work, actor=actor, action="campaign.proposed", subject=campaign.id, facts=facts, now=now)
    return campaign.id


def campaign_from(draft: CampaignDraft, *, id: str, zone: ZoneInfo) -> Campaign:
    """A proposed campaign whose window runs from the start of its first day to the end of its last, in `zone`."""
    starts = datetime.combine(draft.starts_on, time.min, tzinfo=zone)
    ends = datetime.combine(draft.ends_on_inclusive + timedelta(days=1), time.min, tzinfo=zone)
    return Campaign(
        id=id,
        name=draft.name,
        source_unit=draft.source_unit,
        target_unit=draft.target_unit,
        percent=draft.percent,
        flat=draft.flat,
        effective_from=starts.astimezone(UTC),
        effective_until=ends.astimezone(UTC),
        funder=draft.funder,
        exclusive=draft.exclusive,
        member_cap=draft.member_cap,
        selectors=draft.selectors,
        state=RuleState.PROPOSED,
    )


def fund_campaign(work: Work, id: str, *, currency: str, amount: int, key: str, actor: str, now: datetime) -> Posted:
    """Put money into a campaign's budget; the same key again does nothing more.

    amount: ledger units of `currency`, > 0; a budget stays in the currency it was first funded in. key: unique to the
    campaign. Posts, so the caller has locked nothing else before. Raises: CampaignMissing, CampaignInvalid,
    AmountOverflow, and what the ledger refuses.
    """
    if amount <= 0:
        raise CampaignInvalid("A budget is funded with an amount above zero.")
    ledger.enter(work)
    campaign = get_campaign(work, id)
    purse, source = chart.budget(id), chart.budget_funding(campaign.funder, currency)
    try:
        ledger.open_accounts(work, [Account(source, currency, None), Account(purse, currency, 0)], now=now)
    except ledger.AccountConflict as conflict:
        raise CampaignInvalid("A budget stays in the currency it was first funded in.") from conflict
    posting = Posting(
        key=f"fund:{id}:{key}",
        kind="campaign_funding",
        transfers=(Transfer(source, purse, ledger_amount(amount)),),
        effective_at=now,
        reference=id,
    )
    book = ledger.lock(work, codes=[purse, source], keys=[posting.key], now=now)
    answer = book.post(posting)
    if isinstance(answer, LedgerRefusal):
        raise answer
    book.write()
    if not answer.replayed:
        facts = {"currency": currency, "amount": str(amount), "funder": campaign.funder}
        audit.record(work, actor=actor, action="campaign.funded", subject=id, facts=facts, now=now)
    return answer


def activate_campaign(work: Work, id: str, *, actor: str, now: datetime, signed_by: str = "") -> None:
    """Let a proposed campaign add its bonus inside its window; activating it again does nothing.

    Between live partners this takes a second person, an approval of each partner, a funded budget, no round trip that
    gains, and no loss that nobody signed for. signed_by: who signs for a loss, by name.
    Raises: CampaignMissing, RuleStateWrong, CampaignInvalid, FourEyes, ApprovalMissing, CampaignUnfunded,
    ArbitrageFound, LossUnsigned.
    """
    take_activation_lock(work)
    stored, proposed_by = _locked(work, id)
    if stored.state is RuleState.ACTIVE:
        return
    require_state(id, stored.state, RuleState.PROPOSED)
    start = active_start(stored.effective_from, now)
    if stored.effective_until <= start:
        raise CampaignInvalid("This campaign is over; propose it with later dates.")
    campaign = replace(stored, state=RuleState.ACTIVE, effective_from=start)
    partners = partners_of(work, campaign.source_unit, campaign.target_unit)
    if partners.live:
        require_second_person(proposed_by=proposed_by, actor=actor)
        require_approvals(work, id, partners.codes)
        _require_budget(work, id)
        _check_live(load(work), campaign, now=now, signed_by=signed_by)
    work.run(
        """
        UPDATE campaign SET state = 'active', activated_by = %s, activated_at = %s, effective_from = %s, signed_by = %s
        WHERE id = %s""",
        (actor, now, start, signed_by or None, id),
    )
    bump(work)
    facts = {"signed_by": signed_by} if signed_by else {}
    audit.record(work, actor=actor, action="campaign.activated", subject=id, facts=facts, now=now)


def withdraw_campaign(work: Work, id: str, *, actor: str, reason: str, now: datetime) -> None:
    """Take a campaign back for good; its open quotes are refused. Raises: CampaignMissing."""
    stored, _ = _locked(work, id)
    if stored.state is RuleState.WITHDRAWN:
        return
    _set_state(work, id, RuleState.WITHDRAWN)
    audit.record(work, actor=actor, action="campaign.withdrawn", subject=id, facts={"reason": reason}, now=now)


def stop_campaign(work: Work, id: str, *, actor: str, reason: str, now: datetime) -> None:
    """Stop a campaign at once; one person may. New quotes come without its bonus, open ones are refused.

    Raises: CampaignMissing, RuleStateWrong for one that is not active.
    """
    stored, _ = _locked(work, id)
    if stored.state is RuleState.STOPPED:
        return
    require_state(id, stored.state, RuleState.ACTIVE)
    _set_state(work, id, RuleState.STOPPED)
    audit.record(work, actor=actor, action="campaign.stopped", subject=id, facts={"reason": reason}, now=now)


def propose_start_campaign(work: Work, id: str, *, actor: str, now: datetime) -> None:
    """The first of the two people it takes to start a campaign again. Raises: CampaignMissing, RuleStateWrong."""
    stored, _ = _locked(work, id)
    require_state(id, stored.state, RuleState.STOPPED)
    work.run("UPDATE campaign SET start_proposed_by = %s WHERE id = %s", (actor, id))
    audit.record(work, actor=actor, action="campaign.start_proposed", subject=id, facts={}, now=now)


def start_campaign(work: Work, id: str, *, actor: str, now: datetime) -> None:
    """The second person starts a stopped campaign again; an active one stays as it is.

    Raises: CampaignMissing, RuleStateWrong, StartNotProposed, FourEyes.
    """
    stored, _ = _locked(work, id)
    if stored.state is RuleState.ACTIVE:
        return
    require_state(id, stored.state, RuleState.STOPPED)
    proposer = work.fetch("SELECT start_proposed_by FROM campaign WHERE id = %s", (id,))[0][0]
    require_start(id, proposer, actor)
    _set_state(work, id, RuleState.ACTIVE)
    facts = {"proposed_by": proposer}
    audit.record(work, actor=actor, action="campaign.started", subject=id, facts=facts, now=now)


def get_campaign(work: Work, id: str) -> Campaign:
    """One campaign in any state. Raises: CampaignMissing."""
    rows = work.fetch(CAMPAIGN_SELECT + " WHERE id = %s", (id,))
    if not rows:
        raise CampaignMissing(f"There is no campaign {id[:80]}.")
    return campaign_of(rows[0])


def list_campaigns(
    work: Work,
    *,
    state: RuleState | None = None,
    after: str = "",
    limit: int = PAGE_ROWS_MAX,
    live: bool | None = None,
) -> list[Campaign]:
    """Campaigns in the order of their ids. after: the last id seen. live: of this kind only; None for both."""
    rows = work.fetch(
        CAMPAIGN_SELECT
        + """
        WHERE id > %s AND (%s::text IS NULL OR state = %s) AND (%s::boolean IS NULL OR %s = """
        + KIND
        + ") ORDER BY id LIMIT %s",
        (after, state, state, live, live, limit),
    )
    return [campaign_of(row) for row in rows]


def _zone(work: Work, funder: str) -> ZoneInfo:
    if funder == FUNDED_BY_HUB:
        return ZoneInfo("UTC")
    return ZoneInfo(work.fetch("SELECT time_zone FROM partner WHERE code = %s", (funder,))[0][0])


def _check_live(catalogue: Catalogue, campaign: Campaign, *, now: datetime, signed_by: str) -> None:
    """What binds between live partners, looked at as if the campaign were active already."""
    rules = [each for listed in catalogue.rules.values() for each in listed]
    campaigns = [each for listed in catalogue.campaigns.values() for each in listed]
    after = catalogue_of(catalogue.roster, rules, [*campaigns, campaign])
    require_no_cycle(after, since=now, live=True)
    if campaign.funder == FUNDED_BY_HUB:
        require_no_loss(after, [(campaign.source_unit, campaign.target_unit)], since=now, signed_by=signed_by)


def _require_budget(work: Work, id: str) -> None:
    purse = ledger.balances(work, [chart.budget(id)]).get(chart.budget(id))
    if purse is None or purse.available <= 0:
        raise CampaignUnfunded("Somebody has to fund this campaign's budget first.", campaign=id)


def _locked(work: Work, id: str) -> tuple[Campaign, str]:
    """The campaign and who proposed it, kept from other changes until this transaction ends."""
    rows = work.fetch(CAMPAIGN_SELECT + " WHERE id = %s FOR UPDATE", (id,))
    if not rows:
        raise CampaignMissing(f"There is no campaign {id[:80]}.")
    return campaign_of(rows[0]), rows[0][-2]


def _set_state(work: Work, id: str, state: RuleState) -> None:
    work.run("UPDATE campaign SET state = %s, start_proposed_by = NULL WHERE id = %s", (state.value, id))
    bump(work)
