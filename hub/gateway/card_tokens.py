"""`/v1/card-tokens` and `/v1/members/{id}/earn-targets`: whose card earns, and where the points go."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from zoneinfo import ZoneInfo

from flask import Flask

from hub.access.scopes import Scope
from hub.access.types import Principal
from hub.agreements.roster import roster
from hub.earning import service as earning
from hub.earning.refusals import BankNotReady
from hub.earning.types import NewToken, Token
from hub.gateway.door import Door
from hub.gateway.idempotency import Answer
from hub.gateway.moving import Move, Moves, Step
from hub.gateway.parsing import checked_id, json_body, loaded
from hub.gateway.refusals import ValidationFailed
from hub.gateway.rendering import Shown, compact
from hub.gateway.replies import Reply, json_reply
from hub.gateway.spend_rendering import target_view, token_view
from hub.kernel.limits import BODY_BATCH_BYTES_MAX
from hub.members.errors import MemberMissing
from hub.members.service import get_member
from hub.storage import Work
from schemas.base import FieldProblem
from schemas.conversions import NothingRequest
from schemas.spend import CardTokensRequest, EarnTargetRequest

_TOKENS = CardTokensRequest()
_TARGET = EarnTargetRequest()
_ROUTE = "/v1/card-tokens"
_TARGETS = "/v1/members/<id>/earn-targets"


class CardTokenRoutes:
    """A bank sees its own tokens and its own members' choices."""

    def __init__(self, door: Door) -> None:
        self._door = door

    def register(self, app: Flask) -> None:
        """Add the routes."""
        for path, method, view in (
            (_ROUTE, "GET", self.list),
            (_ROUTE, "POST", self.link),
            (f"{_ROUTE}/<id>", "GET", self.get),
            (_TARGETS, "GET", self.list_targets),
            (_TARGETS, "POST", self.set_target),
        ):
            name = f"card_tokens.{view.__name__}"
            app.add_url_rule(path, name, view, methods=[method], provide_automatic_options=False)
        moves = Moves(self._door, _ROUTE, read=_seen, check=checked_id)
        move = Move("remove", Scope.SPEND_WRITE, NothingRequest(), _remove, by_partner=True)
        moves.register(app, "card_tokens", (move,))

    def list(self) -> Reply:
        """Tokens in the order in which they were linked."""
        principal = self._door.caller(Scope.SPEND_READ)
        listing = self._door.listing(("member",))
        with self._door.reading(principal) as work:
            rows = earning.list_tokens(
                work,
                bank=principal.partner,
                member=listing.get("member"),
                live=principal.live,
                after=int(listing.last or 0),
                limit=listing.limit + 1,
            )
        return listing.page(rows, token_view, _position)

    def get(self, id: str) -> Reply:
        """One token."""
        principal = self._door.caller(Scope.SPEND_READ)
        with self._door.reading(principal) as work:
            return self._door.shown(_seen(work, checked_id(id), principal))

    def link(self) -> Reply:
        """Link tokens to members, all of them or none."""
        principal = self._door.for_partner(Scope.SPEND_WRITE)
        body = loaded(_TOKENS, json_body(bytes_max=BODY_BATCH_BYTES_MAX))
        items = body["items"]
        assert isinstance(items, list)
        new = [NewToken(**one) for one in items]

        def effect(work: Work, now: datetime) -> Answer:
            known = roster(work)
            require_kind(known.partners[principal.partner].live, principal)
            linked = earning.link_tokens(work, known, new, bank=principal.partner, actor=principal.actor, now=now)
            return Answer(201, compact(_page([token_view(one) for one in linked])))

        return self._door.perform(principal, "card_tokens", effect, body)

    def list_targets(self, id: str) -> Reply:
        """Every choice of a member of this bank, oldest first."""
        principal = self._door.caller(Scope.SPEND_READ)
        with self._door.reading(principal) as work:
            bank = _bank_of(work, checked_id(id), principal)
            return json_reply(_page([target_view(one) for one in earning.targets_of(work, id, bank=bank)]))

    def set_target(self, id: str) -> Reply:
        """From a day on, a member's points go to another unit."""
        principal = self._door.for_partner(Scope.SPEND_WRITE)
        body = loaded(_TARGET, json_body())
        member = checked_id(id)

        def effect(work: Work, now: datetime) -> Answer:
            bank, known = _bank_of(work, member, principal), roster(work)
            today = now.astimezone(ZoneInfo(known.partners[bank].time_zone)).date()
            earning.set_target(
                work,
                known,
                member,
                unit=str(body["unit"]),
                bank=bank,
                since=_day(body, today),
                actor=principal.actor,
                now=now,
            )
            shown = _page([target_view(one) for one in earning.targets_of(work, member, bank=bank)])
            return Answer(201, compact(shown))

        return self._door.perform(principal, "earn_targets", effect, body)


def require_kind(live: bool, principal: Principal) -> None:
    """Raises: BankNotReady, when the bank is of the other kind, live or test, than the client."""
    if live != principal.live:
        raise BankNotReady("This bank moves points of the other kind, live or test.", bank=principal.partner)


def _page(rows: Sequence[Shown]) -> Mapping[str, object]:
    """What is short enough to be shown at once."""
    return {"data": list(rows)}


def _seen(work: Work, id: str, principal: Principal) -> Shown:
    return token_view(earning.token_by_id(work, id, bank=principal.partner))


def _bank_of(work: Work, member: str, principal: Principal) -> str:
    """The bank whose member this is. Raises: MemberMissing, for another partner's."""
    bank = get_member(work, member).partner
    if principal.partner not in ("", bank):
        raise MemberMissing("There is no such member.")
    return bank


def _remove(work: Work, id: str, step: Step) -> None:
    earning.remove_token(work, id, bank=step.principal.partner, actor=step.actor, now=step.now)


def _day(body: Mapping[str, object], today: date) -> date:
    try:
        return date.fromisoformat(str(body["since"])) if "since" in body else today
    except ValueError:
        raise ValidationFailed([FieldProblem("#/since", "invalid_time", "A day such as 2026-11-22.")]) from None


def _position(token: Token) -> tuple[str, ...]:
    return (str(token.number),)
