"""Members and links: recorded, proven by the partner, followed when memberships merge, closed."""

from dataclasses import replace
from datetime import timedelta

import pytest

from hub.kernel.clock import ManualClock
from hub.members.errors import (
    LinkMissing,
    MemberInvalid,
    MemberLinked,
    MemberMissing,
    MembershipLinked,
    MembershipMalformed,
)
from hub.members.service import (
    add_member,
    close_link,
    follow_merges,
    get_link,
    links,
    links_of,
    open_link,
    partner_of,
    record_consent,
    record_validation,
)
from hub.members.states import LinkState
from hub.members.types import Link, Merge, NewLink
from hub.storage import Database, Work
from partners.base import Done, MemberValidation, Reason, Refused, Unknown, Verb
from partners.check_digits import CheckDigit
from tests.conversion.world import World
from tests.legs.fakes import ALL_VERBS, profile

YES = MemberValidation(Done("seen"))


def _member(work: Work, clock: ManualClock, reference: str = "m1") -> str:
    return add_member(work, reference=reference, partner="aerojet", now=clock.now())


def _link(
    work: Work, clock: ManualClock, member: str, *, number: str = "ae1", partner: str = "aerojet", proven: bool = False
) -> Link:
    link = open_link(work, NewLink(member, partner, number, "[a-z]{2}[0-9]+", "client"), now=clock.now())
    return record_validation(work, link.id, YES, now=clock.now()) if proven else link


def test_a_member_is_added_once(database: Database, clock: ManualClock) -> None:
    with database.work() as work:
        first, again, other = _member(work, clock), _member(work, clock), _member(work, clock, "m2")

        assert first == again != other
        assert partner_of(work, first) == "aerojet"
        with pytest.raises(MemberMissing):
            partner_of(work, "mbr_0")
        with pytest.raises(MemberInvalid):
            _member(work, clock, "with space")


def test_a_link_waits_until_the_partner_said_yes(database: Database, clock: ManualClock) -> None:
    with database.work() as work:
        member = _member(work, clock)
        link = _link(work, clock, member)
        assert link.state is LinkState.PENDING
        assert _link(work, clock, member) == link
        assert record_validation(work, link.id, MemberValidation(Unknown("no answer")), now=clock.now()) == link

        proven = record_validation(work, link.id, YES, now=clock.now())

        assert (proven.state, proven.proof, proven.proven_at) == ("active", "validate_member seen", clock.now())
        assert links(work, [(member, "aerojet"), (member, "staywell")]) == {(member, "aerojet"): proven}
        assert _link(work, clock, member) == proven


def test_a_no_of_the_partner_is_final_and_says_why(database: Database, clock: ManualClock) -> None:
    with database.work() as work:
        link = _link(work, clock, _member(work, clock))
        no = MemberValidation(Refused(Reason.MEMBER_CLOSED))

        refused = record_validation(work, link.id, no, now=clock.now())

        assert (refused.state, refused.reason) == (LinkState.REFUSED, "member_closed")
        assert record_validation(work, link.id, YES, now=clock.now()) == refused


def test_links_that_contradict_an_active_one_are_refused(database: Database, clock: ManualClock) -> None:
    with database.work() as work:
        member, other = _member(work, clock), _member(work, clock, "m2")
        _link(work, clock, member, proven=True)

        with pytest.raises(MembershipLinked):
            _link(work, clock, other)
        with pytest.raises(MemberLinked):
            _link(work, clock, member, number="ae2")
        with pytest.raises(MembershipMalformed):
            _link(work, clock, member, number="1 OR 1=1")
        with pytest.raises(MemberMissing):
            _link(work, clock, "mbr_0", number="ae9")
        with pytest.raises(LinkMissing):
            get_link(work, "lnk_0")


def test_a_number_with_a_slip_of_the_pen_is_refused_before_the_partner_is_asked(
    database: Database, clock: ManualClock
) -> None:
    with database.work() as work:
        member = _member(work, clock)
        right = NewLink(member, "aerojet", "79927398713", "[0-9]{11}", "operator", check_digit=CheckDigit.LUHN)

        with pytest.raises(MembershipMalformed):
            open_link(work, replace(right, membership="79927398710"), now=clock.now())
        assert open_link(work, right, now=clock.now()).state is LinkState.PENDING


def test_of_two_that_wait_for_one_membership_the_first_proven_has_it(database: Database, clock: ManualClock) -> None:
    with database.work() as work:
        first, second = (_link(work, clock, _member(work, clock, name)) for name in ("m1", "m2"))
        record_validation(work, first.id, YES, now=clock.now())

        lost = record_validation(work, second.id, YES, now=clock.now())

        assert (lost.state, lost.reason) == (LinkState.REFUSED, "membership_linked")


def test_a_closed_link_makes_room_for_a_new_one(database: Database, clock: ManualClock) -> None:
    with database.work() as work:
        member = _member(work, clock)
        link = _link(work, clock, member, proven=True)

        closed = close_link(work, link.id, reason="asked to", now=clock.now())
        clock.advance(timedelta(seconds=1))
        fresh = _link(work, clock, member, number="ae2", proven=True)

        assert (closed.state, closed.reason) == (LinkState.CLOSED, "asked to")
        assert close_link(work, link.id, reason="again", now=clock.now()) == closed
        assert links(work, [(member, "aerojet")]) == {(member, "aerojet"): fresh}
        assert [one.id for one in links_of(work, member)] == [fresh.id, link.id]


def test_an_active_link_follows_a_merged_membership_unless_it_is_taken(database: Database, clock: ManualClock) -> None:
    with database.work() as work:
        member, other = _member(work, clock), _member(work, clock, "m2")
        link = _link(work, clock, member, proven=True)
        taken = _link(work, clock, other, number="ae2", proven=True)

        follow_merges(work, [Merge("aerojet", "ae1", "ae9"), Merge("aerojet", "ae2", "ae9")])
        follow_merges(work, [Merge("aerojet", taken.membership, "ae9")])

        numbers = {get_link(work, one.id).membership for one in (link, taken)}
        assert "ae9" in numbers
        assert len(numbers) == 2


def test_a_consent_is_recorded_and_can_be_taken_back(database: Database, clock: ManualClock) -> None:
    with database.work() as work:
        link = _link(work, clock, _member(work, clock), proven=True)
        now = clock.now()

        given = record_consent(work, link.id, debit_by=["staywell"], actor="client", now=now)
        taken = record_consent(work, link.id, debit_by=[], actor="client", now=now)

        assert (given.debit_by, taken.debit_by) == (("staywell",), ())
        assert work.fetch("SELECT count(*) FROM audit_entry WHERE action = 'link.consent'") == [(2,)]
        with pytest.raises(LinkMissing):
            record_consent(work, "lnk_0", debit_by=[], actor="client", now=now)


def test_the_worker_asks_the_partner_again_until_it_answers(database: Database, clock: ManualClock) -> None:
    world = World(database, clock)
    world.partners["aerojet"].then("silent", "silent")
    with database.work() as work:
        link = _link(work, clock, _member(work, clock))

    world.run()
    with database.read() as work:
        assert get_link(work, link.id).state is LinkState.PENDING
    world.run(hours=1)

    with database.read() as work:
        assert get_link(work, link.id).state is LinkState.ACTIVE


def test_the_worker_keeps_a_partners_no(database: Database, clock: ManualClock) -> None:
    world = World(database, clock)
    world.partners["aerojet"].known_members["ae1"] = Refused(Reason.MEMBER_UNKNOWN)
    with database.work() as work:
        link = _link(work, clock, _member(work, clock))

    world.run()

    with database.read() as work:
        assert get_link(work, link.id).reason == "member_unknown"


def test_a_partner_that_cannot_validate_links_nobody(database: Database, clock: ManualClock) -> None:
    rules = profile(verbs=ALL_VERBS - {Verb.VALIDATE_MEMBER})
    world = World(database, clock, profiles={"aerojet": rules})
    with database.work() as work:
        link = _link(work, clock, _member(work, clock))

    world.run()

    with database.read() as work:
        assert get_link(work, link.id).state is LinkState.REFUSED
