"""`/v1/prepaid-blocks` and `/v1/accrual-states`: what pays for a bank's accruals, and whether they go on."""

from collections.abc import Mapping
from datetime import datetime

from flask import Flask

from hub.access.scopes import Scope
from hub.access.types import Principal
from hub.agreements import service as agreements
from hub.agreements.refusals import PartnerMissing
from hub.earning import service as earning
from hub.earning.refusals import BlockMissing
from hub.gateway.card_tokens import require_kind
from hub.gateway.door import Door
from hub.gateway.idempotency import Answer
from hub.gateway.moving import shown_answer
from hub.gateway.parsing import checked_id, json_body, loaded
from hub.gateway.replies import Reply
from hub.gateway.spend_rendering import block_view, state_view
from hub.storage import Work
from schemas.spend import PrepaidBlockRequest

_BLOCK = PrepaidBlockRequest()
_ROUTE = "/v1/prepaid-blocks"


class FundingRoutes:
    """Operators record what a bank has paid; a bank sees its own."""

    def __init__(self, door: Door) -> None:
        self._door = door

    def register(self, app: Flask) -> None:
        """Add the routes."""
        for path, method, view in (
            (_ROUTE, "GET", self.list),
            (_ROUTE, "POST", self.add),
            (f"{_ROUTE}/<id>", "GET", self.get),
            ("/v1/accrual-states/<code>", "GET", self.state),
        ):
            name = f"funding.{view.__name__}"
            app.add_url_rule(path, name, view, methods=[method], provide_automatic_options=False)

    def list(self) -> Reply:
        """Blocks of a bank, oldest first."""
        principal = self._door.caller(Scope.SPEND_READ)
        listing = self._door.listing(("partner",))
        with self._door.services.database.read() as work:
            # What is left stands in the ledger, which no partner reads; so the bank is asked for by its name.
            rows = earning.list_blocks(
                work,
                bank=principal.partner or listing.get("partner") or "",
                live=principal.live,
                after=listing.last,
                limit=listing.limit + 1,
            )
        return listing.page(rows, lambda one: block_view(*one), lambda one: (one[1].id,))

    def get(self, id: str) -> Reply:
        """One block."""
        principal = self._door.caller(Scope.SPEND_READ)
        with self._door.services.database.read() as work:
            return self._door.shown(_seen(work, checked_id(id), principal))

    def add(self) -> Reply:
        """Record a block that a bank has paid; what waited for it posts within the minute."""
        principal = self._door.operator(Scope.FUNDING_WRITE)
        body = loaded(_BLOCK, json_body())
        amount, reorder_at = body["amount"], body.get("reorder_at", 0)
        assert isinstance(amount, int)
        assert isinstance(reorder_at, int)

        def effect(work: Work, now: datetime) -> Answer:
            known = earning.entered_roster(work)
            bank = str(body["bank"])
            if bank not in known.partners:
                raise PartnerMissing(f"There is no partner {bank}.", pointer="#/bank")
            require_kind(known.partners[bank].live, principal)
            id = earning.add_block(
                work,
                known,
                bank=bank,
                kind=str(body["kind"]),
                unit=str(body["unit"]),
                amount=amount,
                reorder_at=reorder_at,
                reserve=bool(body.get("reserve", False)),
                actor=principal.actor,
                now=now,
            )
            return shown_answer(_seen(work, id, principal), f"{_ROUTE}/{id}", status=201)

        return self._door.perform(principal, "prepaid_blocks", effect, body)

    def state(self, code: str) -> Reply:
        """Whether a bank's accruals go on, and why not."""
        principal = self._door.caller(Scope.SPEND_READ)
        with self._door.services.database.read() as work:
            live = agreements.is_live(work, partner=code)
            if principal.partner not in ("", code) or live != principal.live:
                raise PartnerMissing("There is no such bank.")
            return self._door.shown(state_view(code, earning.bank_state(work, code)))


def _seen(work: Work, id: str, principal: Principal) -> Mapping[str, object]:
    """Raises: BlockMissing, also for a bank of the other kind, live or test."""
    bank, block = earning.get_block(work, id, bank=principal.partner)
    if agreements.is_live(work, partner=bank) != principal.live:
        raise BlockMissing("There is no such block.")
    return block_view(bank, block)
