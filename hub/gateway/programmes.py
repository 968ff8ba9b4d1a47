"""`/v1/programmes`: programmes that the hub keeps itself, their memberships, and the points in them."""

import re
from collections.abc import Mapping
from datetime import datetime

from flask import Flask

from hub.access.scopes import Scope
from hub.access.types import Principal
from hub.gateway.door import Door
from hub.gateway.etags import require_match
from hub.gateway.idempotency import Answer, Asked
from hub.gateway.moving import shown_answer
from hub.gateway.parsing import chosen, json_body, loaded
from hub.gateway.programme_views import history_view, membership_view, programme_view, statement_view
from hub.gateway.refusals import ValidationFailed
from hub.gateway.rendering import compact
from hub.gateway.replies import Reply
from hub.hosted.errors import MembershipMissing, ProgrammeMissing
from hub.hosted.states import MembershipState
from hub.hosted.types import Enrolment, HistoryLine, HostedProgramme, Membership, PointsKind, PointsRequest
from hub.kernel.clock import parse_rfc3339, rfc3339
from hub.kernel.errors import HubError
from hub.storage import Work
from schemas import programmes as shapes
from schemas.base import FieldProblem

_ROUTE = "/v1/programmes"
_MEMBERSHIPS = f"{_ROUTE}/<unit>/memberships"
_MEMBERSHIP = shapes.MembershipRequest()
_STATE = shapes.MembershipStateRequest()
_NAMED = re.compile(rf"[a-z]{{1,16}}_[0-9a-z]{{26}}|{shapes.NUMBER}")
_POINTS = shapes.PointsRequest()

# What each kind of request says besides membership, amount and reference: fields that it needs and may have.
_NEEDS: Mapping[PointsKind, tuple[frozenset[str], frozenset[str]]] = {
    PointsKind.EARN: (frozenset({"amount"}), frozenset({"earned_at"})),
    PointsKind.SPEND: (frozenset({"amount"}), frozenset()),
    PointsKind.ADJUST_UP: (frozenset({"amount"}), frozenset({"earned_at"})),
    PointsKind.ADJUST_DOWN: (frozenset({"amount"}), frozenset()),
    PointsKind.TRANSFER: (frozenset({"amount", "to"}), frozenset()),
    PointsKind.REVERSE: (frozenset({"of"}), frozenset({"amount"})),
}
_ALWAYS = frozenset({"kind", "membership", "reference"})


class ProgrammeRoutes:
    """A programme, its memberships and points are its partner's own; to everybody else they are not there."""

    def __init__(self, door: Door) -> None:
        self._door = door

    def register(self, app: Flask) -> None:
        """Add the routes."""
        for path, method, view in (
            (_ROUTE, "GET", self.list),
            (f"{_ROUTE}/<unit>", "GET", self.get),
            (_MEMBERSHIPS, "GET", self.list_memberships),
            (_MEMBERSHIPS, "POST", self.enrol),
            (f"{_MEMBERSHIPS}/<id>", "GET", self.get_membership),
            (f"{_MEMBERSHIPS}/<id>/history", "GET", self.history),
            (f"{_MEMBERSHIPS}/<id>/state", "POST", self.move),
            (f"{_MEMBERSHIPS}/<id>/statement", "GET", self.statement),
            (f"{_ROUTE}/<unit>/postings", "POST", self.post),
        ):
            name = f"programmes.{view.__name__}"
            app.add_url_rule(path, name, view, methods=[method], provide_automatic_options=False)

    def list(self) -> Reply:
        """Programmes of the client's partner, by unit."""
        principal = self._door.caller(Scope.PROGRAMMES_READ)
        listing = self._door.listing()
        rows = [
            one
            for one in self._door.services.programmes.programmes()
            if one.unit > listing.last and _is_seen(one, principal)
        ]
        return listing.page(rows[: listing.limit + 1], programme_view, lambda one: (one.unit,))

    def get(self, unit: str) -> Reply:
        """One programme and its rules."""
        principal = self._door.caller(Scope.PROGRAMMES_READ)
        return self._door.shown(programme_view(self._programme(unit, principal)))

    def list_memberships(self, unit: str) -> Reply:
        """Memberships of a programme, newest first."""
        principal = self._door.caller(Scope.PROGRAMMES_READ)
        self._programme(unit, principal)
        listing = self._door.listing(("state",))
        after = (parse_rfc3339(listing.after[0]), listing.after[1]) if listing.after else None
        state = chosen(listing.filters, "state", MembershipState)
        with self._door.reading(principal) as work:
            rows = self._door.services.hosted.list(work, unit, state=state, after=after, limit=listing.limit + 1)
        return listing.page(rows, membership_view, _position)

    def get_membership(self, unit: str, id: str) -> Reply:
        """One membership, by its id or number."""
        principal = self._door.caller(Scope.PROGRAMMES_READ)
        self._programme(unit, principal)
        with self._door.reading(principal) as work:
            return self._door.shown(membership_view(self._door.services.hosted.find(work, unit, _named(unit, id))))

    def statement(self, unit: str, id: str) -> Reply:
        """What is in a membership, and what of it lapses when."""
        principal = self._door.caller(Scope.PROGRAMMES_READ)
        programme, services = self._programme(unit, principal), self._door.services
        with self._door.reading(principal) as work:
            found = services.hosted.statement(work, unit, _named(unit, id), now=services.clock.now())
        return self._door.shown(statement_view(found, programme))

    def history(self, unit: str, id: str) -> Reply:
        """What happened to a membership's points, newest first."""
        principal = self._door.caller(Scope.PROGRAMMES_READ)
        self._programme(unit, principal)
        listing = self._door.listing()
        before = int(listing.last) if listing.last else None
        hosted = self._door.services.hosted
        with self._door.reading(principal) as work:
            member = hosted.find(work, unit, _named(unit, id))
        # The ledger's rows are shown to no partner; these are of the membership that the partner was just shown.
        with self._door.services.database.read() as work:
            rows = hosted.history(work, member, before=before, limit=listing.limit + 1)
        return listing.page(rows, history_view, _number)

    def enrol(self, unit: str) -> Reply:
        """A new membership."""
        principal = self._door.for_partner(Scope.PROGRAMMES_WRITE)
        body = loaded(_MEMBERSHIP, json_body())
        self._programme(unit, principal)
        wanted = Enrolment(unit, str(body.get("number", "")), str(body.get("reference", "")))

        def effect(work: Work, now: datetime) -> Answer:
            [made] = self._door.services.hosted.enrol(work, [wanted], now=now)
            if isinstance(made, HubError):
                raise made
            return shown_answer(membership_view(made), f"{_ROUTE}/{unit}/memberships/{made.id}", status=201)

        return self._door.perform(principal, "programmes.enrol", effect, body)

    def move(self, unit: str, id: str) -> Reply:
        """Block a membership, let it be active again, or close it."""
        principal = self._door.for_partner(Scope.PROGRAMMES_WRITE)
        body = loaded(_STATE, json_body())
        expected, known = self._door.expected(), _named(unit, id)
        self._programme(unit, principal)
        hosted, to, reason = self._door.services.hosted, MembershipState(str(body["to"])), str(body["reason"])

        def effect(work: Work, now: datetime) -> Answer:
            require_match(expected, compact(membership_view(hosted.find(work, unit, known))))
            moved = hosted.move(work, unit, known, to, actor=principal.actor, reason=reason, now=now)
            return shown_answer(membership_view(moved), f"{_ROUTE}/{unit}/memberships/{moved.id}")

        return self._door.perform(principal, "programmes.state", effect, body)

    def post(self, unit: str) -> Reply:
        """Move points for the programme: earned, spent, adjusted, given to another member, or an earlier one undone."""
        principal = self._door.for_partner(Scope.PROGRAMMES_WRITE)
        body = loaded(_POINTS, sent := json_body())
        self._programme(unit, principal)
        asked = self._door.asked(principal, "programmes.postings", "", sent)
        return self._door.answer(self._door.writing.post(_points(asked, unit, body)))

    def _programme(self, unit: str, principal: Principal) -> HostedProgramme:
        """Raises: ProgrammeMissing, also for one of others."""
        found = self._door.services.programmes.programme(unit)
        if not _is_seen(found, principal):
            raise ProgrammeMissing("There is no hosted programme with this unit.", unit=unit)
        return found


def _named(unit: str, text: str) -> str:
    """A membership's id or number from a path. Raises: MembershipMissing, since no other text ever names one."""
    if not _NAMED.fullmatch(text):
        raise MembershipMissing("The programme has no such membership.", unit=unit)
    return text


def _is_seen(programme: HostedProgramme, principal: Principal) -> bool:
    return programme.live == principal.live and principal.partner in ("", programme.partner)


def _points(asked: Asked[str], unit: str, body: Mapping[str, object]) -> Asked[PointsRequest]:
    """Raises: ValidationFailed, when the kind needs another field or has no use for one."""
    kind = PointsKind(str(body["kind"]))
    needs, may = _NEEDS[kind]
    missing, unused = needs - set(body), set(body) - needs - may - _ALWAYS
    if missing or unused:
        problems = [FieldProblem(f"#/{name}", "missing", f"`{kind}` needs it.") for name in sorted(missing)]
        problems += [FieldProblem(f"#/{name}", "unused", f"`{kind}` has no use for it.") for name in sorted(unused)]
        raise ValidationFailed(problems)
    amount, earned_at = body.get("amount"), body.get("earned_at")
    assert amount is None or isinstance(amount, int)
    assert earned_at is None or isinstance(earned_at, datetime)
    return asked.carrying(
        PointsRequest(
            key=asked.key,
            unit=unit,
            kind=kind,
            membership=str(body["membership"]),
            amount=amount,
            to=str(body.get("to", "")),
            of=str(body.get("of", "")),
            earned_at=earned_at,
            reference=str(body.get("reference", "")),
        )
    )


def _position(row: Membership) -> tuple[str, ...]:
    return (rfc3339(row.enrolled_at), row.id)


def _number(row: HistoryLine) -> tuple[str, ...]:
    return (str(row.number),)
