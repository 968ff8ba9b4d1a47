"""`/v1/campaigns`: dated bonuses; operators propose, fund, activate, stop and start them, named partners approve."""

from collections.abc import Mapping
from datetime import date, datetime
from fractions import Fraction

from flask import Flask

from hub.access.scopes import Scope
from hub.access.types import Principal
from hub.agreements import service as agreements
from hub.agreements.refusals import UnitMissing
from hub.gateway.approving import approve_route, may_see_route
from hub.gateway.door import Door
from hub.gateway.idempotency import Answer
from hub.gateway.moving import Move, Moves, Step, shown_answer
from hub.gateway.parsing import checked_id, chosen, json_body, loaded
from hub.gateway.refusals import ValidationFailed
from hub.gateway.replies import Reply
from hub.rates import service as rates
from hub.rates.refusals import CampaignMissing
from hub.rates.rendering import campaign_view
from hub.rates.types import Campaign, CampaignDraft, RuleState
from hub.storage import Work
from schemas.base import FieldProblem
from schemas.campaigns import CampaignRequest, FundingRequest
from schemas.conversions import NothingRequest
from schemas.moves import ActivationRequest, ReasonRequest

_ROUTE = "/v1/campaigns"
_CAMPAIGN = CampaignRequest()


class CampaignRoutes:
    """A client sees campaigns between units of its kind; what is only proposed, the partners that it names."""

    def __init__(self, door: Door) -> None:
        self._door = door

    def register(self, app: Flask) -> None:
        """Add the routes."""
        for path, method, view in (
            (_ROUTE, "GET", self.list),
            (_ROUTE, "POST", self.propose),
            (f"{_ROUTE}/<id>", "GET", self.get),
        ):
            name = f"campaigns.{view.__name__}"
            app.add_url_rule(path, name, view, methods=[method], provide_automatic_options=False)
        scope, reason, nothing = Scope.RATES_WRITE, ReasonRequest(), NothingRequest()
        moves = Moves(self._door, _ROUTE, read=_seen, check=checked_id)
        moves.register(
            app,
            "campaigns",
            (
                Move("approve", Scope.APPROVALS_WRITE, nothing, _approve, by_partner=True),
                Move("fund", scope, FundingRequest(), _fund),
                Move("activate", scope, ActivationRequest(), _activate),
                Move("withdraw", scope, reason, _withdraw),
                Move("stop", scope, reason, _stop),
                Move("propose-start", scope, nothing, _propose_start),
                Move("start", scope, nothing, _start),
            ),
        )

    def list(self) -> Reply:
        """Campaigns in the order in which they were proposed."""
        principal = self._door.caller(Scope.RATES_READ)
        listing = self._door.listing(("state",))
        state = chosen(listing.filters, "state", RuleState)
        with self._door.reading(principal) as work:
            rows = rates.list_campaigns(
                work, state=state, after=listing.last, limit=listing.limit + 1, live=principal.live
            )
        return listing.page(rows, campaign_view, _position)

    def get(self, id: str) -> Reply:
        """One campaign."""
        principal = self._door.caller(Scope.RATES_READ)
        with self._door.reading(principal) as work:
            return self._door.shown(_seen(work, checked_id(id), principal))

    def propose(self) -> Reply:
        """Write a campaign down; it adds nothing before it is activated."""
        principal = self._door.operator(Scope.RATES_WRITE)
        body = loaded(_CAMPAIGN, json_body())
        draft = _draft(body)

        def effect(work: Work, now: datetime) -> Answer:
            if agreements.is_live(work, unit=draft.source_unit) != principal.live:
                raise UnitMissing(f"There is no unit {draft.source_unit}.", unit=draft.source_unit)
            id = rates.propose_campaign(work, draft, actor=principal.actor, now=now)
            return shown_answer(_seen(work, id, principal), f"{_ROUTE}/{id}", status=201)

        return self._door.perform(principal, "campaigns", effect, body)


def _seen(work: Work, id: str, principal: Principal) -> Mapping[str, object]:
    """A campaign that this caller may see. Raises: CampaignMissing."""
    campaign = rates.get_campaign(work, id)
    if not may_see_route(work, principal, campaign):
        raise CampaignMissing("There is no such campaign.")
    return campaign_view(campaign)


def _position(campaign: Campaign) -> tuple[str, ...]:
    return (campaign.id,)


def _approve(work: Work, id: str, step: Step) -> None:
    if not approve_route(work, rates.get_campaign(work, id), step):
        raise CampaignMissing("There is no such campaign.")


def _fund(work: Work, id: str, step: Step) -> None:
    amount = step.body["amount"]
    assert isinstance(amount, int)
    key = f"{step.actor}:{step.key}"
    rates.fund_campaign(
        work, id, currency=step.text("currency"), amount=amount, key=key, actor=step.actor, now=step.now
    )


def _activate(work: Work, id: str, step: Step) -> None:
    rates.activate_campaign(work, id, actor=step.actor, now=step.now, signed_by=step.text("signed_by"))


def _withdraw(work: Work, id: str, step: Step) -> None:
    rates.withdraw_campaign(work, id, actor=step.actor, reason=step.text("reason"), now=step.now)


def _stop(work: Work, id: str, step: Step) -> None:
    rates.stop_campaign(work, id, actor=step.actor, reason=step.text("reason"), now=step.now)


def _propose_start(work: Work, id: str, step: Step) -> None:
    rates.propose_start_campaign(work, id, actor=step.actor, now=step.now)


def _start(work: Work, id: str, step: Step) -> None:
    rates.start_campaign(work, id, actor=step.actor, now=step.now)


def _draft(body: Mapping[str, object]) -> CampaignDraft:
    flat, cap, selectors = body.get("flat", 0), body.get("member_cap"), body.get("selectors", {})
    assert isinstance(flat, int)
    assert cap is None or isinstance(cap, int)
    assert isinstance(selectors, dict)
    return CampaignDraft(
        name=str(body["name"]),
        source_unit=str(body["source_unit"]),
        target_unit=str(body["target_unit"]),
        funder=str(body["funder"]),
        starts_on=_day(body, "starts_on"),
        ends_on_inclusive=_day(body, "ends_on"),
        percent=Fraction(str(body.get("percent", "0"))),
        flat=flat,
        exclusive=bool(body.get("exclusive", False)),
        member_cap=cap,
        selectors=selectors,
    )


def _day(body: Mapping[str, object], name: str) -> date:
    try:
        return date.fromisoformat(str(body[name]))
    except ValueError:
        raise ValidationFailed([FieldProblem(f"#/{name}", "invalid_time", "A day such as 2026-11-22.")]) from None
