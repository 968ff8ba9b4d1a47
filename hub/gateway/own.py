"""`/v1/me`: what a member sees and does about itself: links, apps it allowed, what is known of it, and its end.

Everything here is of the member whose token it is and of nobody else: no route takes a member's id.
"""

from datetime import datetime

from flask import Flask

from hub.access.grants import allowed_by, withdraw
from hub.access.people import forget_person
from hub.access.scopes import Scope
from hub.access.types import Principal
from hub.agreements.reading import is_live
from hub.agreements.refusals import PartnerMissing
from hub.audit.service import record
from hub.gateway.door import Door
from hub.gateway.idempotency import Answer
from hub.gateway.own_views import consent_view, export_view, me_view, own_link_view
from hub.gateway.parsing import checked_id, json_body, loaded
from hub.gateway.refusals import ConsentMissing
from hub.gateway.rendering import compact
from hub.gateway.replies import Reply, json_reply
from hub.kernel.limits import EXPORT_CONVERSIONS_MAX
from hub.members.errors import ErasureWaits, LinkMissing
from hub.members.private import destroy, name_of
from hub.members.service import (
    BY_MEMBER,
    close_link,
    erase_member,
    get_link,
    get_member,
    links_of,
    lock_members,
    open_link,
    record_consent,
)
from hub.members.types import Link, NewLink
from hub.storage import Work
from schemas.members import ConsentRequest, OwnLinkRequest

_LINK = OwnLinkRequest()
_CONSENT = ConsentRequest()


class OwnRoutes:
    """Who a member is here, and its memberships."""

    def __init__(self, door: Door) -> None:
        self._door = door

    def register(self, app: Flask) -> None:
        """Add the routes."""
        for path, method, view in (
            ("/v1/me", "GET", self.me),
            ("/v1/me", "DELETE", self.erase),
            ("/v1/me/export", "GET", self.export),
            ("/v1/me/links", "GET", self.links),
            ("/v1/me/links", "POST", self.add_link),
            ("/v1/me/links/<id>", "GET", self.link),
            ("/v1/me/links/<id>", "DELETE", self.close_link),
            ("/v1/me/links/<id>/consent", "POST", self.consent),
            ("/v1/me/consents", "GET", self.consents),
            ("/v1/me/consents/<id>", "DELETE", self.withdraw),
        ):
            app.add_url_rule(path, f"own.{view.__name__}", view, methods=[method], provide_automatic_options=False)

    def me(self) -> Reply:
        """The member whose token it is."""
        principal = self._door.member(Scope.MEMBER_READ)
        with self._door.services.database.read() as work:
            return json_reply(self._me(work, principal))

    def links(self) -> Reply:
        """Every membership that was ever tied to it, newest first."""
        principal = self._door.member(Scope.MEMBER_READ)
        with self._door.services.database.read() as work:
            found = _links(work, principal)
        return json_reply({"data": [own_link_view(one) for one in found]})

    def link(self, id: str) -> Reply:
        """One of its links."""
        principal = self._door.member(Scope.MEMBER_READ)
        with self._door.services.database.read() as work:
            return self._door.shown(own_link_view(_own_link(work, checked_id(id), principal)))

    def add_link(self) -> Reply:
        """Tie a membership: pending until its partner has said that it exists and whose it is."""
        principal = self._door.member(Scope.MEMBER_LINKS)
        body = loaded(_LINK, json_body())
        new = self._new_link(str(body["partner"]), str(body["membership"]), principal)

        def effect(work: Work, now: datetime) -> Answer:
            link = open_link(work, new, now=now)
            return Answer(202, compact(own_link_view(link)), f"/v1/me/links/{link.id}")

        return self._door.perform(principal, "me.links", effect, body)

    def close_link(self, id: str) -> Reply:
        """Take a link back; conversions that are under way go on, and the membership may be linked again."""
        principal, known = self._door.member(Scope.MEMBER_LINKS), checked_id(id)

        def effect(work: Work, now: datetime) -> Answer:
            _own_link(work, known, principal)
            close_link(work, known, reason="by the member", now=now)
            record(work, actor=principal.actor, action="link.closed", subject=known, facts={}, now=now)
            return Answer(204, "")

        return self._door.perform(principal, "me.links.close", effect, {})

    def consent(self, id: str) -> Reply:
        """Say which partners' clients may debit a membership from now on; it replaces what was said before."""
        principal, known = self._door.member(Scope.MEMBER_LINKS), checked_id(id)
        body = loaded(_CONSENT, json_body())
        debit_by = body["debit_by"]
        assert isinstance(debit_by, list)

        def effect(work: Work, now: datetime) -> Answer:
            _own_link(work, known, principal)
            link = record_consent(work, known, debit_by=debit_by, actor=principal.actor, now=now)
            return Answer(200, compact(own_link_view(link)))

        return self._door.perform(principal, "me.links.consent", effect, body)

    def consents(self) -> Reply:
        """Apps that it allowed to act for it."""
        principal = self._door.member(Scope.MEMBER_READ)
        services = self._door.services
        with services.database.read() as work:
            found = allowed_by(work, principal.member, now=services.clock.now())
        return json_reply({"data": [consent_view(one) for one in found]})

    def withdraw(self, id: str) -> Reply:
        """Allow an app no more; everything issued to it ends within seconds, be it the one that asks."""
        principal, known = self._door.member(Scope.MEMBER_LINKS), checked_id(id)

        def effect(work: Work, now: datetime) -> Answer:
            if not withdraw(work, known, subject=principal.member, now=now):
                raise ConsentMissing("There is no such consent.")
            return Answer(204, "")

        return self._door.perform(principal, "me.consents.withdraw", effect, {})

    def export(self) -> Reply:
        """Everything that the hub knows of it."""
        principal, services = self._door.member(Scope.MEMBER_READ), self._door.services
        with services.database.read() as work:
            conversions = services.conversions.list(
                work, client_partner="", state=None, partner=None, member=principal.member, after=None,
                limit=EXPORT_CONVERSIONS_MAX + 1, since=None, until=None, live=principal.live,
            )  # fmt: skip
            view = export_view(
                self._me(work, principal),
                _links(work, principal),
                conversions[:EXPORT_CONVERSIONS_MAX],
                allowed_by(work, principal.member, now=services.clock.now()),
                complete=len(conversions) <= EXPORT_CONVERSIONS_MAX,
            )
        return json_reply(view)

    def erase(self) -> Reply:
        """End: its key is destroyed, its links are closed, nobody signs in as it; what was booked stays booked."""
        principal = self._door.member(Scope.MEMBER_LINKS)
        member, conversions = principal.member, self._door.services.conversions

        def effect(work: Work, now: datetime) -> Answer:
            lock_members(work, [member])
            if conversions.has_open(work, member):
                raise ErasureWaits("Points are on their way; ask again when they have arrived.")
            erase_member(work, member, now=now)
            destroy(work, member)
            record(work, actor=principal.actor, action="member.erased", subject=member, facts={}, now=now)
            forget_person(work, member, actor=principal.actor, now=now)
            return Answer(204, "")

        return self._door.perform(principal, "me.erase", effect, {})

    def _me(self, work: Work, principal: Principal) -> dict[str, object]:
        name = name_of(work, self._door.services.vault, principal.member)
        return dict(me_view(get_member(work, principal.member), name))

    def _new_link(self, partner: str, membership: str, principal: Principal) -> NewLink:
        """Raises: PartnerMissing."""
        services, known = self._door.services, self._door.catalogue().roster.partners
        if partner not in known or known[partner].live != principal.live:
            raise PartnerMissing("There is no such partner.", pointer="#/partner")
        return NewLink(
            member=principal.member,
            partner=partner,
            membership=membership,
            number_pattern=services.number_pattern(partner),
            recorded_by=BY_MEMBER + principal.member,
            check_digit=services.check_digit(partner),
        )


def _own_link(work: Work, id: str, principal: Principal) -> Link:
    """Raises: LinkMissing, for one of anybody else as for none."""
    link = get_link(work, id)
    if link.member != principal.member or is_live(work, partner=link.partner) != principal.live:
        raise LinkMissing("There is no such link.")
    return link


def _links(work: Work, principal: Principal) -> list[Link]:
    """Its links of this kind, live or test."""
    return [one for one in links_of(work, principal.member) if is_live(work, partner=one.partner) == principal.live]
