"""`/v1/members` and `/v1/links`: members of the client's partner, and the memberships tied to them."""

from collections.abc import Mapping
from datetime import datetime

from flask import Flask

from hub.access.scopes import Scope
from hub.access.types import Principal
from hub.agreements.reading import is_live
from hub.agreements.refusals import PartnerMissing
from hub.gateway.door import Door
from hub.gateway.idempotency import Answer
from hub.gateway.moving import Move, Moves, Step
from hub.gateway.parsing import checked_id, chosen, json_body, loaded
from hub.gateway.refusals import ConsentForeign
from hub.gateway.rendering import compact, link_view, member_view
from hub.gateway.replies import Reply
from hub.members.errors import LinkMissing, MemberMissing
from hub.members.private import keep_name
from hub.members.service import (
    add_member,
    close_link,
    get_link,
    get_member,
    list_links,
    list_members,
    open_link,
    partner_of,
    record_consent,
)
from hub.members.states import LinkState
from hub.members.types import Link, Member, NewLink
from hub.storage import Work
from schemas.members import ConsentRequest, LinkRequest, MemberRequest
from schemas.moves import ReasonRequest

_MEMBER = MemberRequest()
_LINK = LinkRequest()
_CONSENT = ConsentRequest()
_REASON = ReasonRequest()


class LinkRoutes:
    """A link is recorded here and proven by the worker, which asks the partner."""

    def __init__(self, door: Door) -> None:
        self._door = door

    def register(self, app: Flask) -> None:
        """Add the routes."""
        for path, method, view in (
            ("/v1/members", "GET", self.list_members),
            ("/v1/members", "POST", self.add_member),
            ("/v1/members/<id>", "GET", self.get_member),
            ("/v1/links", "GET", self.list_links),
            ("/v1/links", "POST", self.add_link),
            ("/v1/links/<id>", "GET", self.get_link),
        ):
            app.add_url_rule(path, f"links.{view.__name__}", view, methods=[method], provide_automatic_options=False)
        moves = Moves(self._door, "/v1/links", read=_seen, check=checked_id)
        scope = Scope.MEMBERS_WRITE
        moves.register(
            app,
            "links",
            (
                Move("close", scope, _REASON, _close, by_partner=True),
                Move("consent", scope, _CONSENT, _consent, by_partner=True, edits=True),
            ),
        )

    def list_members(self) -> Reply:
        """Members of the client's partner, in the order in which they were added."""
        principal = self._door.caller(Scope.MEMBERS_READ)
        listing = self._door.listing(("reference",))
        with self._door.reading(principal) as work:
            rows = list_members(
                work,
                reference=listing.get("reference"),
                live=principal.live,
                after=listing.last,
                limit=listing.limit + 1,
            )
        return listing.page(rows, member_view, _id_of)

    def get_member(self, id: str) -> Reply:
        """One member of the client's partner."""
        principal = self._door.caller(Scope.MEMBERS_READ)
        with self._door.reading(principal) as work:
            member = get_member(work, checked_id(id))
            kind = is_live(work, partner=member.partner)
        if principal.partner not in ("", member.partner) or kind not in (None, principal.live):
            raise MemberMissing("There is no such member.")
        return self._door.shown(member_view(member))

    def list_links(self) -> Reply:
        """Links that the client recorded or whose memberships are its partner's."""
        principal = self._door.caller(Scope.MEMBERS_READ)
        listing = self._door.listing(("member", "partner", "state"))
        state = chosen(listing.filters, "state", LinkState)
        with self._door.reading(principal) as work:
            rows = list_links(
                work,
                partner=listing.get("partner"),
                member=listing.get("member"),
                state=state,
                live=principal.live,
                after=listing.last,
                limit=listing.limit + 1,
            )
        return listing.page([row for row in rows if _may_see(principal, row)], link_view, _id_of)

    def add_member(self) -> Reply:
        """The hub's id of a member, added if new."""
        principal = self._door.for_partner(Scope.MEMBERS_WRITE)
        body = loaded(_MEMBER, json_body())

        def effect(work: Work, now: datetime) -> Answer:
            reference = str(body["reference"])
            id = add_member(work, reference=reference, partner=principal.partner, now=now)
            name = body.get("name")
            if name is not None:
                keep_name(work, self._door.services.vault, id, str(name), actor=principal.actor, now=now)
            return Answer(201, compact(member_view(get_member(work, id))))

        return self._door.answer(self._door.writing.perform(self._door.asked(principal, "members", effect, body)))

    def add_link(self) -> Reply:
        """Record a link; it is pending until the partner has said that the membership exists."""
        principal = self._door.for_partner(Scope.MEMBERS_WRITE)
        body = loaded(_LINK, json_body())
        new = self._new_link(body, principal)

        def effect(work: Work, now: datetime) -> Answer:
            if partner_of(work, new.member) != principal.partner:
                raise MemberMissing("There is no such member.", pointer="#/member")
            link = open_link(work, new, now=now)
            return Answer(202, compact(link_view(link)), f"/v1/links/{link.id}")

        return self._door.answer(self._door.writing.perform(self._door.asked(principal, "links", effect, body)))

    def get_link(self, id: str) -> Reply:
        """One link, for whoever recorded it and for the partner whose membership it is."""
        principal = self._door.caller(Scope.MEMBERS_READ)
        with self._door.reading(principal) as work:
            return self._door.shown(_seen(work, checked_id(id), principal))

    def _new_link(self, body: dict[str, object], principal: Principal) -> NewLink:
        """Raises: PartnerMissing, ConsentForeign."""
        partner, debit_by = str(body["partner"]), body.get("debit_by", [])
        assert isinstance(debit_by, list)
        services, known = self._door.services, self._door.catalogue().roster.partners
        if partner not in known or known[partner].live != principal.live:
            raise PartnerMissing("There is no such partner.", pointer="#/partner")
        if debit_by and principal.partner != partner:
            raise ConsentForeign(
                "Only the partner of a membership records who else may debit it.", pointer="#/debit_by"
            )
        return NewLink(
            member=str(body["member"]),
            partner=partner,
            membership=str(body["membership"]),
            number_pattern=services.number_pattern(partner),
            recorded_by=principal.scope_of_keys,
            debit_by=tuple(sorted({str(one) for one in debit_by})),
            check_digit=services.check_digit(partner),
        )


def _seen(work: Work, id: str, principal: Principal) -> Mapping[str, object]:
    """A link for whoever recorded it and for the partner whose membership it is. Raises: LinkMissing."""
    link = get_link(work, id)
    if not _may_see(principal, link) or is_live(work, partner=link.partner) != principal.live:
        raise LinkMissing("There is no such link.")
    return link_view(link)


def _close(work: Work, id: str, step: Step) -> None:
    close_link(work, id, reason=step.text("reason"), now=step.now)


def _consent(work: Work, id: str, step: Step) -> None:
    """Raises: ConsentForeign, for whoever is not the membership's own partner."""
    if get_link(work, id).partner != step.principal.partner:
        raise ConsentForeign("Only the partner of a membership records who else may debit it.", pointer="#/debit_by")
    debit_by = step.body["debit_by"]
    assert isinstance(debit_by, list)
    record_consent(work, id, debit_by=debit_by, actor=step.actor, now=step.now)


def _id_of(row: Link | Member) -> tuple[str, ...]:
    return (row.id,)


def _may_see(principal: Principal, link: Link) -> bool:
    return principal.partner in ("", link.partner) or link.recorded_by == principal.scope_of_keys
