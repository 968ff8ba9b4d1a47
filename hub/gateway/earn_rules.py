"""`/v1/earn-rules`: a bank proposes and tries them, the partners they name approve, operators activate and withdraw."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta

from flask import Flask

from hub.access.scopes import Scope
from hub.access.types import Principal
from hub.agreements import service as agreements
from hub.agreements.roster import roster
from hub.earning import service as earning
from hub.earning.refusals import EarnRulesMissing
from hub.earning.types import RulesetRecord, RulesetState
from hub.gateway.card_tokens import require_kind
from hub.gateway.door import Door
from hub.gateway.idempotency import Answer
from hub.gateway.moving import Move, Moves, Step, shown_answer
from hub.gateway.parsing import checked_id, chosen, json_body, loaded, query
from hub.gateway.refusals import ValidationFailed
from hub.gateway.rendering import Shown
from hub.gateway.replies import Reply, json_reply
from hub.gateway.spend_rendering import rules_view, simulation_view
from hub.storage import Work
from schemas.base import FieldProblem
from schemas.conversions import NothingRequest
from schemas.moves import ReasonRequest
from schemas.spend import EarnRulesRequest

_RULES = EarnRulesRequest()
_ROUTE = "/v1/earn-rules"

# What a simulation over HTTP looks at: without dates the last month, and never more than it can price within seconds.
_DAYS = 30
_TRANSACTIONS_MAX = 100_000


class EarnRuleRoutes:
    """A bank sees its own sets, and a partner those that grant its points."""

    def __init__(self, door: Door) -> None:
        self._door = door

    def register(self, app: Flask) -> None:
        """Add the routes."""
        for path, method, view in (
            (_ROUTE, "GET", self.list),
            (_ROUTE, "POST", self.propose),
            (f"{_ROUTE}/<id>", "GET", self.get),
            (f"{_ROUTE}/<id>/simulation", "GET", self.simulate),
        ):
            name = f"earn_rules.{view.__name__}"
            app.add_url_rule(path, name, view, methods=[method], provide_automatic_options=False)
        moves = Moves(self._door, _ROUTE, read=_seen, check=checked_id)
        nothing = NothingRequest()
        moves.register(
            app,
            "earn_rules",
            (
                Move("approve", Scope.APPROVALS_WRITE, nothing, _approve, by_partner=True),
                Move("activate", Scope.RATES_WRITE, nothing, _activate, edits=True),
                Move("withdraw", Scope.RATES_WRITE, ReasonRequest(), _withdraw),
            ),
        )

    def list(self) -> Reply:
        """Sets in the order in which they were proposed."""
        principal = self._door.caller(Scope.SPEND_READ)
        listing = self._door.listing(("state",))
        state = chosen(listing.filters, "state", RulesetState)
        with self._door.reading(principal) as work:
            rows = earning.list_rules(
                work,
                bank=principal.partner,
                state=state,
                live=principal.live,
                after=listing.last,
                limit=listing.limit + 1,
            )
            views = {one.ruleset.id: _view(work, one, principal) for one in rows}
        return listing.page(rows, lambda one: views[one.ruleset.id], lambda one: (one.ruleset.id,))

    def get(self, id: str) -> Reply:
        """One set."""
        principal = self._door.caller(Scope.SPEND_READ)
        with self._door.reading(principal) as work:
            return self._door.shown(_seen(work, checked_id(id), principal))

    def propose(self) -> Reply:
        """Write a set down for the bank, which thereby agrees to it; it prices nothing yet."""
        principal = self._door.for_partner(Scope.SPEND_WRITE)
        body = loaded(_RULES, json_body())
        document = body["document"]
        assert isinstance(document, Mapping)

        def effect(work: Work, now: datetime) -> Answer:
            known = roster(work)
            require_kind(known.partners[principal.partner].live, principal)
            proposed = earning.propose_rules(
                work, known, document, bank=principal.partner, actor=principal.actor, now=now
            )
            agreements.approve(work, proposed.id, partner=principal.partner, actor=principal.actor, now=now)
            return shown_answer(_seen(work, proposed.id, principal), f"{_ROUTE}/{proposed.id}", status=201)

        return self._door.perform(principal, "earn_rules", effect, body)

    def simulate(self, id: str) -> Reply:
        """What the set would have made of days that are past; for the bank whose customers spent."""
        principal = self._door.caller(Scope.SPEND_READ)
        known = checked_id(id)
        asked = query(("from", "to"))
        now = self._door.services.clock.now()
        until = _day(asked, "to", now.date() + timedelta(days=1))
        since = _day(asked, "from", until - timedelta(days=_DAYS))
        catalogue = self._door.catalogue()
        with self._door.reading(principal) as work:
            record = _record(work, known, principal)
            if principal.partner not in ("", record.ruleset.bank):
                raise EarnRulesMissing("There is no such set of earn rules.")
            found = earning.simulate(
                work,
                catalogue.roster,
                record.ruleset,
                since=since,
                until=until,
                now=now,
                transactions_max=_TRANSACTIONS_MAX,
            )
        return json_reply(simulation_view(found))


def _record(work: Work, id: str, principal: Principal) -> RulesetRecord:
    """Raises: EarnRulesMissing, also for a bank of the other kind, live or test."""
    record = earning.get_rules(work, id, bank=principal.partner)
    if agreements.is_live(work, partner=record.ruleset.bank) != principal.live:
        raise EarnRulesMissing("There is no such set of earn rules.")
    return record


def _seen(work: Work, id: str, principal: Principal) -> Shown:
    return _view(work, _record(work, id, principal), principal)


def _view(work: Work, record: RulesetRecord, principal: Principal) -> Shown:
    return rules_view(record, earning.approvals_of(work, record.ruleset.id), to_partner=bool(principal.partner))


def _approve(work: Work, id: str, step: Step) -> None:
    agreements.approve(work, id, partner=step.principal.partner, actor=step.actor, now=step.now)


def _activate(work: Work, id: str, step: Step) -> None:
    earning.activate_rules(work, roster(work), id, bank="", actor=step.actor, now=step.now)


def _withdraw(work: Work, id: str, step: Step) -> None:
    earning.withdraw_rules(work, id, bank="", actor=step.actor, reason=step.text("reason"), now=step.now)


def _day(asked: Mapping[str, str], name: str, default: date) -> date:
    try:
        return date.fromisoformat(asked[name]) if name in asked else default
    except ValueError:
        raise ValidationFailed([FieldProblem(f"?{name}", "invalid_time", "A day such as 2026-11-22.")]) from None
