"""`/v1/members` and `/v1/links`: members of the client's partner, and the memberships tied to them."""

from datetime import datetime

from flask import Flask

from hub.access.scopes import Scope
from hub.access.types import Principal
from hub.agreements.refusals import PartnerMissing
from hub.gateway.door import Door
from hub.gateway.idempotency import Answer
from hub.gateway.parsing import checked_id, json_body, loaded
from hub.gateway.refusals import ConsentForeign
from hub.gateway.rendering import compact, link_view
from hub.gateway.replies import Reply, json_reply
from hub.members.errors import LinkMissing, MemberMissing
from hub.members.service import add_member, get_link, open_link, partner_of
from hub.members.types import Link, NewLink
from hub.storage import Work
from schemas.members import LinkRequest, MemberRequest

_MEMBER = MemberRequest()
_LINK = LinkRequest()


class LinkRoutes:
    """A link is recorded here and proven by the worker, which asks the partner."""

    def __init__(self, door: Door) -> None:
        self._door = door

    def register(self, app: Flask) -> None:
        """Add the routes."""
        for path, method, view in (
            ("/v1/members", "POST", self.add_member),
            ("/v1/links", "POST", self.add_link),
            ("/v1/links/<id>", "GET", self.get_link),
        ):
            app.add_url_rule(path, f"links.{view.__name__}", view, methods=[method], provide_automatic_options=False)

    def add_member(self) -> Reply:
        """The hub's id of a member, added if new."""
        principal = self._door.caller(Scope.MEMBERS_WRITE)
        body = loaded(_MEMBER, json_body())

        def effect(work: Work, now: datetime) -> Answer:
            reference = str(body["reference"])
            id = add_member(work, reference=reference, partner=principal.partner, now=now)
            return Answer(201, compact({"id": id, "reference": reference}))

        return self._door.answer(self._door.writing.perform(self._door.asked(principal, "members", effect, body)))

    def add_link(self) -> Reply:
        """Record a link; it is pending until the partner has said that the membership exists."""
        principal = self._door.caller(Scope.MEMBERS_WRITE)
        body = loaded(_LINK, json_body())
        new = self._new_link(body, principal)

        def effect(work: Work, now: datetime) -> Answer:
            if principal.partner and partner_of(work, new.member) != principal.partner:
                raise MemberMissing("There is no such member.", pointer="#/member")
            link = open_link(work, new, now=now)
            return Answer(202, compact(link_view(link)), f"/v1/links/{link.id}")

        return self._door.answer(self._door.writing.perform(self._door.asked(principal, "links", effect, body)))

    def get_link(self, id: str) -> Reply:
        """One link, for whoever recorded it and for the partner whose membership it is."""
        principal = self._door.caller(Scope.MEMBERS_READ)
        with self._door.services.database.read() as work:
            link = get_link(work, checked_id(id))
        if not _may_see(principal, link):
            raise LinkMissing("There is no such link.")
        return json_reply(link_view(link))

    def _new_link(self, body: dict[str, object], principal: Principal) -> NewLink:
        """Raises: PartnerMissing, ConsentForeign."""
        partner, debit_by = str(body["partner"]), body.get("debit_by", [])
        assert isinstance(debit_by, list)
        services = self._door.services
        with services.database.read() as work:
            known = services.catalogues.get(work).roster.partners
        if partner not in known or known[partner].live != principal.live:
            raise PartnerMissing("There is no such partner.", pointer="#/partner")
        if debit_by and principal.partner not in ("", partner):
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
        )


def _may_see(principal: Principal, link: Link) -> bool:
    return principal.partner in ("", link.partner) or link.recorded_by == principal.scope_of_keys
