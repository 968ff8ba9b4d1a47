"""`/v1/conversions` and `/v1/conversion-batches`: accept quotes, look, cancel, convert back."""

from collections.abc import Mapping

from flask import Flask

from hub.access.scopes import Scope
from hub.access.types import Principal
from hub.conversion.states import ConversionState
from hub.conversion.types import Acceptance, Cancellation, Conversion, ReversalRequest
from hub.gateway.door import Door, acting, request_id, trace
from hub.gateway.idempotency import Answer, Asked, fingerprint_of, scoped_key
from hub.gateway.parsing import checked_id, chosen, instant, json_body, loaded
from hub.gateway.problems import problem_of
from hub.gateway.refusals import ValidationFailed
from hub.gateway.rendering import compact, conversion_view, timeline_view
from hub.gateway.replies import JSON, Reply
from hub.kernel.clock import parse_rfc3339, rfc3339
from hub.kernel.errors import HubError
from hub.kernel.limits import BODY_BATCH_BYTES_MAX
from schemas import conversions as shapes

_ROUTE = "conversions"
_CONVERSION = shapes.ConversionRequest()
_ITEM = shapes.ConversionItem()
_BATCH = shapes.ConversionBatchRequest()
_REVERSAL = shapes.ReversalRequest()
_NOTHING = shapes.NothingRequest()
_FILTERS = ("state", "partner", "member", "since", "until")


class ConversionRoutes:
    """Everything about conversions. A single one and an item of a batch share their keys: both accept a quote."""

    def __init__(self, door: Door) -> None:
        self._door = door

    def register(self, app: Flask) -> None:
        """Add the routes."""
        for path, method, view in (
            ("/v1/conversions", "POST", self.accept),
            ("/v1/conversion-batches", "POST", self.accept_batch),
            ("/v1/conversions", "GET", self.list),
            ("/v1/conversions/<id>", "GET", self.get),
            ("/v1/conversions/<id>/cancel", "POST", self.cancel),
            ("/v1/conversions/<id>/reversals", "POST", self.reverse),
        ):
            name = f"conversions.{view.__name__}"
            app.add_url_rule(path, name, view, methods=[method], provide_automatic_options=False)

    def accept(self) -> Reply:
        """Carry out a quote."""
        principal = self._door.for_partner(Scope.CONVERSIONS_WRITE)
        body = json_body()
        if not shapes.is_conversion_request(body):
            body = loaded(_CONVERSION, body)
        asked = self._door.asked(principal, _ROUTE, "", body)
        return self._door.answer(self._door.writing.accept([_acceptance(asked, body, principal)])[0])

    def accept_batch(self) -> Reply:
        """Carry out up to 1,000 quotes, each under a key of its own and with an answer of its own."""
        principal = self._door.for_partner(Scope.CONVERSIONS_WRITE)
        items = loaded(_BATCH, json_body(bytes_max=BODY_BATCH_BYTES_MAX))["items"]
        assert isinstance(items, list)
        self._door.pace(principal, len(items) - 1)
        answers: dict[int, Answer | HubError] = {}
        asked: dict[int, Asked[Acceptance]] = {}
        for index, item in enumerate(items):
            try:
                asked[index] = _item(item, principal)
            except ValidationFailed as refusal:
                answers[index] = refusal
        decided = self._door.writing.accept(list(asked.values()))
        answers.update(zip(asked, decided, strict=True))
        shown = (self._shown(item, answers[index]) for index, item in enumerate(items))
        return Reply(f'{{"data":[{",".join(shown)}]}}'.encode(), 200, JSON)

    def list(self) -> Reply:
        """Conversions of the client's partner, newest first."""
        principal = self._door.caller(Scope.CONVERSIONS_READ)
        listing = self._door.listing(_FILTERS)
        after = (parse_rfc3339(listing.after[0]), listing.after[1]) if listing.after else None
        state, since = chosen(listing.filters, "state", ConversionState), instant(listing.filters, "since")
        until = instant(listing.filters, "until")
        with self._door.reading(principal) as work:
            rows = self._door.services.conversions.list(
                work,
                client_partner=principal.partner,
                state=state,
                partner=listing.get("partner"),
                member=listing.get("member"),
                after=after,
                limit=listing.limit + 1,
                since=since,
                until=until,
                live=principal.live,
            )
        return listing.page(rows, conversion_view, _position)

    def get(self, id: str) -> Reply:
        """One conversion and its timeline."""
        principal = self._door.caller(Scope.CONVERSIONS_READ)
        conversions = self._door.services.conversions
        known, asking, live = checked_id(id), principal.partner, principal.live
        with self._door.reading(principal) as work:
            found = conversions.get(work, known, client_partner=asking, live=live)
            moments = conversions.timeline(work, known, client_partner=asking, live=live)
        return self._door.shown({**conversion_view(found), "timeline": timeline_view(moments)})

    def cancel(self, id: str) -> Reply:
        """Take back a conversion that has not been sent yet."""
        principal = self._door.for_partner(Scope.CONVERSIONS_WRITE)
        body = loaded(_NOTHING, json_body())
        cancellation = Cancellation(checked_id(id), principal.partner, principal.live)
        asked = self._door.asked(principal, "conversions.cancel", cancellation, body)
        return self._door.answer(self._door.writing.cancel(asked))

    def reverse(self, id: str) -> Reply:
        """Convert back all or part of a posted conversion."""
        principal = self._door.for_partner(Scope.CONVERSIONS_WRITE)
        body = loaded(_REVERSAL, json_body())
        amount = body.get("amount")
        assert amount is None or isinstance(amount, int)
        under = self._door.asked(principal, "conversions.reversals", "", body)
        wanted = ReversalRequest(under.key, checked_id(id), amount, principal.partner, principal.live, trace())
        return self._door.answer(self._door.writing.reverse(under.carrying(wanted)))

    def _shown(self, item: object, outcome: Answer | HubError) -> str:
        """One line of a batch's answer; the inner body is JSON already."""
        if isinstance(outcome, HubError):
            problem = problem_of(outcome, public_url=self._door.services.public_url, request_id=request_id())
            outcome = Answer(problem.status, problem.body)
        key = item.get("idempotency_key") if isinstance(item, Mapping) else None
        head = {
            "idempotency_key": key if isinstance(key, str) else None,
            "status": outcome.status,
            "replayed": outcome.replayed,
        }
        name = "conversion" if outcome.status < 400 else "problem"
        return f'{compact(head)[:-1]},"{name}":{outcome.body}}}'


def _acceptance(under: Asked[str], body: Mapping[str, object], principal: Principal) -> Asked[Acceptance]:
    quote, member = str(body["quote"]), str(body["member"])
    return under.carrying(Acceptance(under.key, quote, member, principal.partner, principal.live, trace()))


def _item(item: object, principal: Principal) -> Asked[Acceptance]:
    """One item of a batch, under its own key. Raises: ValidationFailed."""
    body = dict(item) if shapes.is_conversion_item(item) else loaded(_ITEM, item)
    key = scoped_key(principal.scope_of_keys, _ROUTE, str(body.pop("idempotency_key")))
    under = Asked(key, fingerprint_of("/v1/conversions", body), request_id(), "", acting())
    return _acceptance(under, body, principal)


def _position(row: Conversion) -> tuple[str, ...]:
    return (rfc3339(row.created_at), row.id)
