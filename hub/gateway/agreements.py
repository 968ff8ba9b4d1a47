"""`/v1/agreements`: a partner reads its own and approves; operators propose, and a second one activates."""

from collections.abc import Mapping
from datetime import datetime
from fractions import Fraction

from flask import Flask

from hub.access.scopes import Scope
from hub.access.types import Principal
from hub.agreements import service as agreements
from hub.agreements.refusals import AgreementUnknown, PartnerMissing
from hub.agreements.states import AgreementState
from hub.agreements.types import Agreement, AgreementDraft
from hub.gateway.door import Door
from hub.gateway.idempotency import Answer
from hub.gateway.moving import Move, Moves, Step, shown_answer
from hub.gateway.parsing import as_sent, checked_id, chosen, json_body, loaded
from hub.gateway.rendering import agreement_view
from hub.gateway.replies import Reply
from hub.rates import service as rates
from hub.storage import Work
from schemas.agreements import AgreementRequest
from schemas.conversions import NothingRequest
from schemas.moves import ActivationRequest

_ROUTE = "/v1/agreements"
_AGREEMENT = AgreementRequest()


class AgreementRoutes:
    """Versions are never edited, only followed, so nothing here takes If-Match."""

    def __init__(self, door: Door) -> None:
        self._door = door

    def register(self, app: Flask) -> None:
        """Add the routes."""
        for path, method, view in (
            (_ROUTE, "GET", self.list),
            (_ROUTE, "POST", self.propose),
            (f"{_ROUTE}/<id>", "GET", self.get),
        ):
            name = f"agreements.{view.__name__}"
            app.add_url_rule(path, name, view, methods=[method], provide_automatic_options=False)
        moves = Moves(self._door, _ROUTE, read=_seen, check=checked_id)
        moves.register(
            app,
            "agreements",
            (
                Move("approve", Scope.APPROVALS_WRITE, NothingRequest(), _approve, by_partner=True),
                Move("activate", Scope.AGREEMENTS_WRITE, ActivationRequest(), _activate),
            ),
        )

    def list(self) -> Reply:
        """Versions in the order in which they were proposed; a partner's client sees its own."""
        principal = self._door.caller(Scope.AGREEMENTS_READ)
        listing = self._door.listing(("partner", "state"))
        state = chosen(listing.filters, "state", AgreementState)
        with self._door.reading(principal) as work:
            rows = agreements.list_agreements(
                work,
                partner=listing.get("partner"),
                state=state,
                live=principal.live,
                after=listing.last,
                limit=listing.limit + 1,
            )
        own = [row for row in rows if principal.partner in ("", row.partner)]
        return listing.page(own, lambda row: _view(row, principal), lambda row: (row.version,))

    def get(self, id: str) -> Reply:
        """One version."""
        principal = self._door.caller(Scope.AGREEMENTS_READ)
        with self._door.reading(principal) as work:
            return self._door.shown(_seen(work, checked_id(id), principal))

    def propose(self) -> Reply:
        """Write a version down; it binds nobody before it is activated."""
        principal = self._door.operator(Scope.AGREEMENTS_WRITE)
        body = loaded(_AGREEMENT, json_body())
        draft = _draft(body)

        def effect(work: Work, now: datetime) -> Answer:
            if agreements.is_live(work, partner=draft.partner) != principal.live:
                raise PartnerMissing(f"There is no partner {draft.partner}.", partner=draft.partner)
            version = agreements.propose_agreement(work, draft, actor=principal.actor, now=now)
            return shown_answer(_seen(work, version, principal), f"{_ROUTE}/{version}", status=201)

        return self._door.perform(principal, "agreements", effect, as_sent(body))


def _seen(work: Work, version: str, principal: Principal) -> Mapping[str, object]:
    """A version for operators and for its partner. Raises: AgreementUnknown."""
    agreement = agreements.get_agreement(work, version)
    ours = principal.partner in ("", agreement.partner)
    if not ours or agreements.is_live(work, partner=agreement.partner) != principal.live:
        raise AgreementUnknown("There is no such agreement version.")
    return _view(agreement, principal)


def _view(agreement: Agreement, principal: Principal) -> Mapping[str, object]:
    return agreement_view(agreement, to_partner=bool(principal.partner))


def _approve(work: Work, version: str, step: Step) -> None:
    agreements.approve(work, version, partner=step.principal.partner, actor=step.actor, now=step.now)


def _activate(work: Work, version: str, step: Step) -> None:
    rates.activate_agreement(work, version, actor=step.actor, now=step.now, signed_by=step.text("signed_by"))


def _draft(body: Mapping[str, object]) -> AgreementDraft:
    prices, since, until, scale = (
        body.get(name) for name in ("prices", "effective_from", "effective_until", "ledger_scale")
    )
    late_days = body.get("late_days", 5)
    assert isinstance(prices, list)
    assert isinstance(since, datetime)
    assert until is None or isinstance(until, datetime)
    assert isinstance(scale, int)
    assert isinstance(late_days, int)
    return AgreementDraft(
        partner=str(body["partner"]),
        currency=str(body["currency"]),
        ledger_scale=scale,
        prices={(one["unit"], one["kind"]): Fraction(one["per_thousand"]) for one in prices},
        billing_percent=Fraction(str(body["billing_percent"])),
        net_debit_cap=Fraction(str(body["net_debit_cap"])),
        reversals=bool(body["reversals"]),
        effective_from=since,
        effective_until=until,
        settlement_model=str(body.get("settlement_model", "multilateral_net")),
        calendar=str(body.get("calendar", "monthly")),
        late_days=late_days,
        notes=str(body.get("notes", "")),
    )
