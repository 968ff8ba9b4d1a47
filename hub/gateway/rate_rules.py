"""`/v1/rate-rules`: everybody may look; the hub's operators propose, activate (a second one) and withdraw."""

from collections.abc import Callable, Mapping
from datetime import datetime
from fractions import Fraction

from flask import Flask

from hub.access.scopes import Scope
from hub.access.types import Principal
from hub.gateway.door import Door
from hub.gateway.idempotency import Answer
from hub.gateway.parsing import checked_id, json_body, loaded, page_limit, query
from hub.gateway.refusals import ValidationFailed
from hub.gateway.rendering import compact
from hub.gateway.replies import Reply, json_reply
from hub.kernel.clock import parse_rfc3339
from hub.rates.catalogue import Catalogue
from hub.rates.refusals import RuleMissing
from hub.rates.rendering import rule_view
from hub.rates.rules import activate_rule, get_rule, list_rules, propose_rule, withdraw_rule
from hub.rates.types import Block, Fee, RateRule, RuleDraft, RuleState
from hub.storage import Work
from schemas.base import FieldProblem
from schemas.conversions import NothingRequest
from schemas.rates import RateRuleRequest, WithdrawalRequest

_RULE = RateRuleRequest()
_WITHDRAWAL = WithdrawalRequest()
_NOTHING = NothingRequest()
_ROUTE = "/v1/rate-rules"
_NO_TIME = parse_rfc3339("2000-01-01T00:00:00Z")  # rules are listed by id; a cursor needs an instant, any will do


class RateRuleRoutes:
    """A client sees rules between units of its own kind, live or test; what is only proposed is the operators'."""

    def __init__(self, door: Door) -> None:
        self._door = door

    def register(self, app: Flask) -> None:
        """Add the routes."""
        for path, method, view in (
            (_ROUTE, "GET", self.list),
            (_ROUTE, "POST", self.propose),
            (f"{_ROUTE}/<id>", "GET", self.get),
            (f"{_ROUTE}/<id>/activate", "POST", self.activate),
            (f"{_ROUTE}/<id>/withdraw", "POST", self.withdraw),
        ):
            name = f"rate_rules.{view.__name__}"
            app.add_url_rule(path, name, view, methods=[method], provide_automatic_options=False)

    def list(self) -> Reply:
        """Rules in the order in which they were proposed. A page may be shorter than its limit and not be the last."""
        principal = self._door.caller(Scope.RATES_READ)
        found = query(("limit", "cursor", "source_unit", "target_unit", "state"))
        limit, cursors = page_limit(found), self._door.cursors
        after = cursors.read(found.get("cursor"), route=_ROUTE, filters=found)
        with self._door.services.database.read() as work:
            catalogue = self._door.services.catalogues.get(work)
            rows = list_rules(
                work,
                source_unit=found.get("source_unit"),
                target_unit=found.get("target_unit"),
                state=_state(found),
                after=after[1] if after else "",
                limit=limit + 1,
            )
        shown = [rule_view(row) for row in rows[:limit] if _may_see(principal, row, catalogue)]
        more = len(rows) > limit
        cursor = cursors.write(_NO_TIME, rows[limit - 1].id, route=_ROUTE, filters=found) if more else None
        return self._door.page(shown, cursor)

    def get(self, id: str) -> Reply:
        """One rule."""
        principal = self._door.caller(Scope.RATES_READ)
        with self._door.services.database.read() as work:
            catalogue = self._door.services.catalogues.get(work)
            rule = get_rule(work, checked_id(id))
        if not _may_see(principal, rule, catalogue):
            raise RuleMissing("There is no such rate rule.")
        return json_reply(rule_view(rule))

    def propose(self) -> Reply:
        """Write a rule down; it prices nothing yet."""
        principal = self._door.operator(Scope.RATES_WRITE)
        body = loaded(_RULE, json_body())
        draft = _draft(body)

        def effect(work: Work, now: datetime) -> Answer:
            id = propose_rule(work, draft, actor=principal.client_id, now=now)
            return _rule_answer(work, id, status=201)

        return self._perform(principal, "rate_rules", effect, _as_sent(body))

    def activate(self, id: str) -> Reply:
        """Let a proposed rule price."""
        principal = self._door.operator(Scope.RATES_WRITE)
        body = loaded(_NOTHING, json_body())
        known = checked_id(id)

        def effect(work: Work, now: datetime) -> Answer:
            activate_rule(work, known, actor=principal.client_id, now=now)
            return _rule_answer(work, known, status=200)

        return self._perform(principal, "rate_rules.activate", effect, body)

    def withdraw(self, id: str) -> Reply:
        """Take a rule back for a pricing error."""
        principal = self._door.operator(Scope.RATES_WRITE)
        body = loaded(_WITHDRAWAL, json_body())
        known = checked_id(id)

        def effect(work: Work, now: datetime) -> Answer:
            withdraw_rule(work, known, actor=principal.client_id, reason=str(body["reason"]), now=now)
            return _rule_answer(work, known, status=200)

        return self._perform(principal, "rate_rules.withdraw", effect, body)

    def _perform(
        self, principal: Principal, route: str, effect: Callable[[Work, datetime], Answer], content: object
    ) -> Reply:
        asked = self._door.asked(principal, route, effect, content)
        return self._door.answer(self._door.writing.perform(asked))


def _may_see(principal: Principal, rule: RateRule, catalogue: Catalogue) -> bool:
    unit = catalogue.roster.units.get(rule.source_unit)
    if unit is None or catalogue.roster.partners[unit.partner].live != principal.live:
        return False
    return not principal.partner or rule.state is not RuleState.PROPOSED


def _rule_answer(work: Work, id: str, *, status: int) -> Answer:
    return Answer(status, compact(rule_view(get_rule(work, id))), f"{_ROUTE}/{id}")


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


def _as_sent(body: Mapping[str, object]) -> dict[str, object]:
    """The body with times as text again, so that it can be compared with a later one."""
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in body.items()}


def _state(found: Mapping[str, str]) -> RuleState | None:
    if "state" not in found:
        return None
    if found["state"] not in list(RuleState):
        raise ValidationFailed([FieldProblem("?state", "invalid", f"One of {', '.join(RuleState)}.")])
    return RuleState(found["state"])
