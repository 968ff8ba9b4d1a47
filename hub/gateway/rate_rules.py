"""`/v1/rate-rules`: everybody may look; operators propose, activate, withdraw, stop and start; partners approve."""

from collections.abc import Mapping
from datetime import datetime
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
from hub.gateway.parsing import as_sent, checked_id, chosen, json_body, loaded
from hub.gateway.replies import Reply
from hub.rates import service as rates
from hub.rates.refusals import RuleMissing
from hub.rates.rendering import rule_view
from hub.rates.types import Block, Fee, RateRule, RuleDraft, RuleState
from hub.storage import Work
from schemas.conversions import NothingRequest
from schemas.moves import ActivationRequest, ReasonRequest
from schemas.rates import RateRuleRequest, WithdrawalRequest

_RULE = RateRuleRequest()
_ROUTE = "/v1/rate-rules"


class RateRuleRoutes:
    """A client sees rules between units of its own kind, live or test; what is only proposed, those it names."""

    def __init__(self, door: Door) -> None:
        self._door = door

    def register(self, app: Flask) -> None:
        """Add the routes."""
        for path, method, view in (
            (_ROUTE, "GET", self.list),
            (_ROUTE, "POST", self.propose),
            (f"{_ROUTE}/<id>", "GET", self.get),
        ):
            name = f"rate_rules.{view.__name__}"
            app.add_url_rule(path, name, view, methods=[method], provide_automatic_options=False)
        scope, nothing = Scope.RATES_WRITE, NothingRequest()
        moves = Moves(self._door, _ROUTE, read=_seen, check=checked_id)
        moves.register(
            app,
            "rate_rules",
            (
                Move("approve", Scope.APPROVALS_WRITE, nothing, _approve, by_partner=True),
                Move("activate", scope, ActivationRequest(), _activate),
                Move("withdraw", scope, WithdrawalRequest(), _withdraw),
                Move("stop", scope, ReasonRequest(), _stop),
                Move("propose-start", scope, nothing, _propose_start),
                Move("start", scope, nothing, _start),
            ),
        )

    def list(self) -> Reply:
        """Rules in the order in which they were proposed."""
        principal = self._door.caller(Scope.RATES_READ)
        listing = self._door.listing(("source_unit", "target_unit", "state"))
        state = chosen(listing.filters, "state", RuleState)
        with self._door.reading(principal) as work:
            rows = rates.list_rules(
                work,
                source_unit=listing.get("source_unit"),
                target_unit=listing.get("target_unit"),
                state=state,
                after=listing.last,
                limit=listing.limit + 1,
                live=principal.live,
            )
        return listing.page(rows, rule_view, _position)

    def get(self, id: str) -> Reply:
        """One rule."""
        principal = self._door.caller(Scope.RATES_READ)
        with self._door.reading(principal) as work:
            return self._door.shown(_seen(work, checked_id(id), principal))

    def propose(self) -> Reply:
        """Write a rule down; it prices nothing yet."""
        principal = self._door.operator(Scope.RATES_WRITE)
        body = loaded(_RULE, json_body())
        draft = _draft(body)

        def effect(work: Work, now: datetime) -> Answer:
            if agreements.is_live(work, unit=draft.source_unit) != principal.live:
                raise UnitMissing(f"There is no unit {draft.source_unit}.", unit=draft.source_unit)
            id = rates.propose_rule(work, draft, actor=principal.actor, now=now)
            return shown_answer(_seen(work, id, principal), f"{_ROUTE}/{id}", status=201)

        return self._door.perform(principal, "rate_rules", effect, as_sent(body))


def _seen(work: Work, id: str, principal: Principal) -> Mapping[str, object]:
    """A rule that this caller may see. Raises: RuleMissing."""
    rule = rates.get_rule(work, id)
    if not may_see_route(work, principal, rule):
        raise RuleMissing("There is no such rate rule.")
    return rule_view(rule)


def _position(rule: RateRule) -> tuple[str, ...]:
    return (rule.id,)


def _approve(work: Work, id: str, step: Step) -> None:
    if not approve_route(work, rates.get_rule(work, id), step):
        raise RuleMissing("There is no such rate rule.")


def _activate(work: Work, id: str, step: Step) -> None:
    rates.activate_rule(work, id, actor=step.actor, now=step.now, signed_by=step.text("signed_by"))


def _withdraw(work: Work, id: str, step: Step) -> None:
    rates.withdraw_rule(work, id, actor=step.actor, reason=step.text("reason"), now=step.now)


def _stop(work: Work, id: str, step: Step) -> None:
    rates.stop_rule(work, id, actor=step.actor, reason=step.text("reason"), now=step.now)


def _propose_start(work: Work, id: str, step: Step) -> None:
    rates.propose_start_rule(work, id, actor=step.actor, now=step.now)


def _start(work: Work, id: str, step: Step) -> None:
    rates.start_rule(work, id, actor=step.actor, now=step.now)


def _draft(body: Mapping[str, object]) -> RuleDraft:
    blocks, fee, traits = body["blocks"], body.get("fee"), body.get("selectors", {})
    since, until = body["effective_from"], body.get("effective_until")
    assert isinstance(blocks, list)
    assert isinstance(traits, dict)
    assert isinstance(since, datetime)
    assert until is None or isinstance(until, datetime)
    return RuleDraft(
        source_unit=str(body["source_unit"]),
        target_unit=str(body["target_unit"]),
        blocks=tuple(Block(one["above"], one["give"], one["get"]) for one in blocks),
        minimum=_whole(body["minimum"]),
        step=_whole(body["step"]),
        effective_from=since,
        effective_until=until,
        maximum=None if body.get("maximum") is None else _whole(body["maximum"]),
        fee=_fee(fee) if isinstance(fee, dict) else None,
        selectors=traits,
        priority=_whole(body.get("priority", 0)),
        typical_time=str(body.get("typical_time", "")),
    )


def _fee(fee: Mapping[str, object]) -> Fee:
    return Fee(
        kind=str(fee["kind"]),
        currency=str(fee.get("currency", "")),
        flat=_whole(fee["flat"]),
        per_point=Fraction(str(fee["per_point"])),
        cap=None if fee.get("cap") is None else _whole(fee["cap"]),
    )


def _whole(value: object) -> int:
    assert isinstance(value, int)
    return value
