"""`/v1/plans`: how to get so much of a unit from what a member holds. Asking writes nothing, as with quotes."""

from collections.abc import Mapping

from flask import Flask

from hub.access.scopes import Scope
from hub.access.types import Principal
from hub.agreements.refusals import TestLiveMixed
from hub.gateway.door import Door
from hub.gateway.parsing import json_body, loaded
from hub.gateway.replies import Reply, json_reply
from hub.kernel.amounts import parse_decimal
from hub.kernel.ids import new_id
from hub.members.errors import MemberMissing
from hub.members.service import knows_member
from hub.rates.plans import Holding, PlanRequest, plan
from hub.rates.rendering import plan_view
from schemas.plans import PlanRequest as PlanShape

_PLAN = PlanShape()

# A plan looks at as much as some dozen quotes do.
_COST = 10


class PlanRoutes:
    """One route."""

    def __init__(self, door: Door) -> None:
        self._door = door

    def register(self, app: Flask) -> None:
        """Add the route."""
        app.add_url_rule("/v1/plans", view_func=self.plan, methods=["POST"], provide_automatic_options=False)

    def plan(self) -> Reply:
        """The cheapest few ways, each with what to ask quotes for."""
        principal = self._door.caller(Scope.QUOTES_READ, cost=_COST)
        body = loaded(_PLAN, json_body())
        services = self._door.services
        now, wanted, member = services.clock.now(), _request(body), str(body.get("member", ""))
        catalogue, used = self._door.catalogue(), self._used(principal, member)
        found = plan(catalogue, wanted, now, used=used)
        if catalogue.roster.partners[catalogue.roster.units[wanted.target_unit].partner].live != principal.live:
            raise TestLiveMixed("A test client plans with test units and a live client with live ones.")
        quotes = [
            [
                services.quoter.quote(
                    catalogue,
                    step.request(wanted.traits),
                    member=member,
                    client_partner=principal.partner,
                    at=now,
                    id=new_id("quo", now),
                    used=used,
                )
                for step in way.steps
            ]
            for way in found.ways
        ]
        return json_reply(plan_view(wanted, found, quotes))

    def _used(self, principal: Principal, member: str) -> Mapping[str, int]:
        """Bonus points the member had, through every partner's client. Raises: MemberMissing."""
        if not member:
            return {}
        with self._door.services.database.read() as work:
            if principal.partner and not knows_member(work, member, partner=principal.partner):
                raise MemberMissing("There is no such member.", pointer="#/member")
            return self._door.services.conversions.bonus_used(work, member)


def _request(body: dict[str, object]) -> PlanRequest:
    amount, holdings, traits = body["amount"], body["holdings"], body.get("traits", {})
    assert isinstance(amount, int)
    assert isinstance(holdings, list)
    assert isinstance(traits, dict)
    return PlanRequest(
        target_unit=str(body["target_unit"]),
        amount=amount,
        holdings=tuple(
            Holding(one["unit"], one["balance"], parse_decimal(one["worth"]) if "worth" in one else None)
            for one in holdings
        ),
        traits=traits,
        currency=str(body.get("currency", "")),
    )
