"""Record members and links, and what partners say about the memberships; many at once where conversions ask."""

import re
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

from hub import outbox
from hub.agreements.roster import liveness
from hub.audit.service import record as audit
from hub.kernel.ids import new_id
from hub.members.errors import (
    LinkAttemptsExceeded,
    LinkMissing,
    MemberInvalid,
    MemberLinked,
    MemberMissing,
    MembershipLinked,
    MembershipMalformed,
)
from hub.members.names import NameMatch
from hub.members.states import MOVES, LinkState
from hub.members.types import Link, Member, Merge, NamesCompared, NewLink
from hub.outbox import Message
from hub.outbox.events import Event, announce_events
from hub.storage import Coming, Work
from partners.base import Done, MemberValidation, Outcome, Refused
from partners.check_digits import check_holds
from partners.names import NameDifference

# What links that members record themselves are recorded by, before the member's id.
BY_MEMBER = "member:"
# Why a link was refused although the membership exists.
NAME_MISMATCH = "name_mismatch"
NAME_UNCONFIRMED = "name_unconfirmed"

# Refused links of one member in a day; who tries more numbers is looking for somebody else's.
_ATTEMPTS_MAX = 5
_ATTEMPTS_WITHIN = timedelta(days=1)

_REFERENCE = re.compile(r"[\x21-\x7e]{1,128}")

_LINK = (
    "id, member, partner, membership, state, proof, reason, recorded_by, debit_by, created_at, proven_at, tier, "
    "name_score, name_differences"
)


def add_member(work: Work, *, reference: str, partner: str, now: datetime) -> str:
    """The id of the member that this partner's client calls `reference`, added if new. Raises: MemberInvalid."""
    if not _REFERENCE.fullmatch(reference):
        raise MemberInvalid("A member's reference is 1 to 128 printable ASCII characters without spaces.")
    rows = work.fetch(
        "INSERT INTO member (id, partner, reference, created_at) VALUES (%s, %s, %s, %s) "
        "ON CONFLICT (partner, reference) DO UPDATE SET reference = excluded.reference RETURNING id",
        (new_id("mbr", now), partner, reference, now),
    )
    return str(rows[0][0])


def add_members(work: Work, references: Sequence[str], *, partner: str, now: datetime) -> dict[str, str]:
    """Ids of the members that this partner's clients call so, by reference; added where new. One statement.

    Raises: MemberInvalid.
    """
    wanted = sorted(set(references))
    if not all(_REFERENCE.fullmatch(one) for one in wanted):
        raise MemberInvalid("A member's reference is 1 to 128 printable ASCII characters without spaces.")
    rows = work.fetch(
        "INSERT INTO member (id, partner, reference, created_at) SELECT new.id, %s, new.reference, %s "
        "FROM unnest(%s::text[], %s::text[]) AS new (id, reference) "
        "ON CONFLICT (partner, reference) DO UPDATE SET reference = excluded.reference RETURNING reference, id",
        (partner, now, [new_id("mbr", now) for _ in wanted], wanted),
    )
    return dict(rows)


def partner_of(work: Work, member: str) -> str:
    """Whose member this is. Raises: MemberMissing."""
    rows = work.fetch("SELECT partner FROM member WHERE id = %s", (member,))
    if not rows:
        raise MemberMissing("There is no such member.", pointer="/member")
    return str(rows[0][0])


def knows_member(work: Work, member: str, *, partner: str) -> bool:
    """Whether this partner has to do with a member: as its own, by a membership, or by the member's consent."""
    rows = work.fetch(
        "SELECT 1 FROM member WHERE id = %s AND partner = %s UNION ALL SELECT 1 FROM member_link WHERE member = %s "
        "AND (partner = %s OR recorded_by = 'partner:' || %s OR %s = ANY(debit_by)) LIMIT 1",
        (member, partner, member, partner, partner, partner),
    )
    return bool(rows)


def list_links(
    work: Work, *, partner: str | None, member: str | None, state: str | None, live: bool, after: str, limit: int
) -> list[Link]:
    """Links in the order in which they were recorded. after: the last one seen. live: at this kind of partner."""
    rows = work.fetch(
        f"SELECT {_LINK} FROM member_link "  # noqa: S608 - fixed column names
        "WHERE id > %s AND (%s::text IS NULL OR partner = %s) AND (%s::text IS NULL OR member = %s) "
        "AND (%s::text IS NULL OR state = %s) "
        "AND %s = (SELECT partner.live FROM partner WHERE partner.code = member_link.partner) "
        "ORDER BY id LIMIT %s",
        (after, partner, partner, member, member, state, state, live, limit),
    )
    return list(map(_link, rows))


def get_member(work: Work, id: str) -> Member:
    """One member. Raises: MemberMissing."""
    rows = work.fetch(
        "SELECT id, partner, reference, created_at FROM member WHERE id = %s AND erased_at IS NULL", (id,)
    )
    if not rows:
        raise MemberMissing("There is no such member.")
    return Member(*rows[0])


def list_members(work: Work, *, reference: str | None, live: bool, after: str, limit: int) -> list[Member]:
    """Members in the order in which they were added. after: the last one seen. live: of this kind of partner."""
    rows = work.fetch(
        "SELECT id, partner, reference, created_at FROM member WHERE id > %s AND erased_at IS NULL "
        "AND (%s::text IS NULL OR reference = %s) "
        "AND %s = coalesce((SELECT partner.live FROM partner WHERE partner.code = member.partner), %s) "
        "ORDER BY id LIMIT %s",
        (after, reference, reference, live, live, limit),
    )
    return [Member(*row) for row in rows]


def lock_members(work: Work, members: Collection[str]) -> None:
    """Lock these members, sorted, so that what is counted per member is counted by one at a time. One statement."""
    work.run("SELECT 1 FROM member WHERE id = ANY(%s::text[]) ORDER BY id FOR UPDATE", (sorted(set(members)),))


def open_link(work: Work, link: NewLink, *, now: datetime) -> Link:
    """Record a link as pending and ask for its validation at the partner; the same again is answered again.

    Raises: MemberMissing, MembershipMalformed, MembershipLinked, MemberLinked, LinkAttemptsExceeded.
    """
    shaped = re.fullmatch(link.number_pattern, link.membership) is not None
    if not shaped or not check_holds(link.check_digit, link.membership):
        raise MembershipMalformed(f"This is no membership number of {link.partner}.", pointer="/membership")
    if not work.fetch("SELECT 1 FROM member WHERE id = %s AND erased_at IS NULL FOR UPDATE", (link.member,)):
        raise MemberMissing("There is no such member.", pointer="/member")
    same = _same_or_refuse(work, link)
    if same is not None:
        return same
    if link.recorded_by.startswith(BY_MEMBER):
        _check_attempts(work, link.member, now=now)
    id_ = new_id("lnk", now)
    row = (id_, link.member, link.partner, link.membership, link.recorded_by, list(link.debit_by), now)
    work.run(
        "INSERT INTO member_link (id, member, partner, membership, state, proof, reason, recorded_by, debit_by, "
        "created_at) VALUES (%s, %s, %s, %s, 'pending', '', '', %s, %s, %s)",
        row,
    )
    message = Message(queue="conversions", kind="link.validate", subject=id_, lane=link.partner)
    outbox.announce(work, [message], now=now)
    return get_link(work, id_)


def _check_attempts(work: Work, member: str, *, now: datetime) -> None:
    """Raises: LinkAttemptsExceeded."""
    tried = work.fetch(
        "SELECT count(*) FROM member_link WHERE member = %s AND recorded_by = %s AND state IN ('refused', 'pending') "
        "AND created_at > %s",
        (member, BY_MEMBER + member, now - _ATTEMPTS_WITHIN),
    )
    if tried[0][0] >= _ATTEMPTS_MAX:
        wait = int(_ATTEMPTS_WITHIN.total_seconds())
        raise LinkAttemptsExceeded("Too many memberships were not confirmed.", retry_after_seconds=wait)


def _same_or_refuse(work: Work, link: NewLink) -> Link | None:
    """The link that says the same already, if it is pending or active; refuses what would contradict an active one."""
    rows = work.fetch(
        f"SELECT {_LINK} FROM member_link WHERE state IN ('pending', 'active') "  # noqa: S608 - fixed column names
        "AND ((member = %s AND partner = %s) OR (partner = %s AND membership = %s AND state = 'active')) "
        "ORDER BY state, created_at",
        (link.member, link.partner, link.partner, link.membership),
    )
    for found in map(_link, rows):
        if (found.member, found.membership) == (link.member, link.membership):
            return found
        if found.state is LinkState.ACTIVE and found.member == link.member:
            raise MemberLinked("The member has another membership of this partner linked.", partner=link.partner)
        if found.state is LinkState.ACTIVE:
            raise MembershipLinked("The membership is linked to another member.", partner=link.partner)
    return None


def record_validation(
    work: Work, link_id: str, validation: MemberValidation, *, now: datetime, names: NamesCompared | None = None
) -> Link:
    """Keep what the partner said: a yes makes the link active, a no refuses it, no proof leaves it pending.

    A yes to a membership or member that was linked otherwise meanwhile refuses this one, and so does a yes to somebody
    else's name. names: None where the partner's policy is not to be asked. Raises: LinkMissing.
    """
    link = _locked(work, link_id)
    if link.state is not LinkState.PENDING:
        return link
    if names is not None and names.match is not None:
        work.run(
            "UPDATE member_link SET name_score = %s, name_differences = %s::text[] WHERE id = %s",
            (names.match.score, list(names.match.differences), link.id),
        )
    strange = _strange_name(link, names) if isinstance(validation.outcome, Done) else ""
    if strange:
        judged = _move(work, link, LinkState.REFUSED, reason=strange, now=now)
    else:
        judged = _judged(work, link, validation.outcome, now=now)
    if validation.tier and judged.state is LinkState.ACTIVE:
        record_tier(work, partner=judged.partner, membership=judged.membership, tier=validation.tier, at=now)
        judged = get_link(work, link_id)
    if judged.state is not LinkState.PENDING:
        _announce(work, judged, now=now)
    return judged


def _strange_name(link: Link, names: NamesCompared | None) -> str:
    """Why the name speaks against the link; empty if it does not."""
    if names is not None and names.match is not None:
        return "" if names.match.meets(names.policy) else NAME_MISMATCH
    # Whoever knows a number is not its owner: what a member records alone needs the name of the membership as well.
    alone = link.recorded_by.startswith(BY_MEMBER)
    return NAME_UNCONFIRMED if alone or (names is not None and names.policy.required) else ""


def _judged(work: Work, link: Link, outcome: Outcome, *, now: datetime) -> Link:
    if isinstance(outcome, Refused):
        return _move(work, link, LinkState.REFUSED, reason=outcome.reason.value, now=now)
    if not isinstance(outcome, Done):
        return link
    number = outcome.membership or link.membership
    # Two links may have waited for the same membership; the first one that is proven has it. Two at the very same
    # moment meet in the unique index, and the batch of the later one is repeated.
    taken = work.fetch(
        "SELECT 1 FROM member_link WHERE state = 'active' AND partner = %s AND (membership = %s OR member = %s)",
        (link.partner, number, link.member),
    )
    if taken:
        return _move(work, link, LinkState.REFUSED, reason=MembershipLinked.code, now=now)
    work.run(
        "UPDATE member_link SET state = 'active', membership = %s, proof = %s, proven_at = %s WHERE id = %s",
        (number, f"validate_member {outcome.reference}".strip(), now, link.id),
    )
    return get_link(work, link.id)


def _announce(work: Work, link: Link, *, now: datetime) -> None:
    """Tell the partner of the membership, and the partner whose member it is, what became of a link."""
    data = {"link": link.id, "partner": link.partner}
    if link.state is LinkState.REFUSED:
        # Why one is closed is in somebody's own words, for the other partner no more than for the log of events.
        data["reason"] = link.reason
    concerned = tuple({link.partner, partner_of(work, link.member)} - {""})
    live = liveness(work).get(link.partner, False)
    announce_events(work, [Event(f"link.{link.state}", link.id, concerned, data, live)], now=now)


def record_consent(work: Work, link_id: str, *, debit_by: Collection[str], actor: str, now: datetime) -> Link:
    """Record which partners' clients may debit this membership, as the member says now; earlier consents are replaced.

    Raises: LinkMissing.
    """
    _locked(work, link_id)
    partners = sorted(set(debit_by))
    work.run("UPDATE member_link SET debit_by = %s::text[] WHERE id = %s", (partners, link_id))
    facts = {"debit_by": " ".join(partners)}
    audit(work, actor=actor, action="link.consent", subject=link_id, facts=facts, now=now)
    return get_link(work, link_id)


def close_link(work: Work, link_id: str, *, reason: str, now: datetime) -> Link:
    """Take a link back: new conversions may not use it, open ones go on. Raises: LinkMissing."""
    link = _locked(work, link_id)
    if LinkState.CLOSED not in MOVES[link.state]:
        return link
    return _move(work, link, LinkState.CLOSED, reason=reason, now=now)


def erase_member(work: Work, member: str, *, now: datetime) -> None:
    """Leave of a member an id that nobody is behind: links closed and without numbers, a reference that says nothing.

    What the ledger and ended conversions hold stays. Safe to repeat.
    """
    work.run(
        "UPDATE member SET reference = 'erased:' || id, erased_at = %s WHERE id = %s AND erased_at IS NULL",
        (now, member),
    )
    work.run(
        "UPDATE member_link SET state = CASE WHEN state IN ('pending', 'active') THEN 'closed' ELSE state END, "
        "reason = 'erased', membership = '', proof = '', debit_by = '{}', name_score = NULL, name_differences = '{}', "
        "closed_at = coalesce(closed_at, %s) WHERE member = %s",
        (now, member),
    )


def close_membership(work: Work, *, partner: str, membership: str, reason: str, now: datetime) -> list[str]:
    """Close the link of a membership that its partner has ended; ids of what was closed. Open conversions go on."""
    rows = work.fetch(
        "SELECT id FROM member_link WHERE partner = %s AND membership = %s AND state = 'active' ORDER BY id FOR UPDATE",
        (partner, membership),
    )
    return [_move(work, get_link(work, id), LinkState.CLOSED, reason=reason, now=now).id for (id,) in rows]


def record_tier(work: Work, *, partner: str, membership: str, tier: str, at: datetime) -> None:
    """Keep the tier of an active link's membership. at: since when; what was true before the newest is left out."""
    work.run(
        "UPDATE member_link SET tier = %s, tier_at = %s WHERE partner = %s AND membership = %s AND state = 'active' "
        "AND (tier_at IS NULL OR tier_at <= %s)",
        (tier, at, partner, membership, at),
    )


def get_link(work: Work, link_id: str) -> Link:
    """One link. Raises: LinkMissing."""
    rows = work.fetch(f"SELECT {_LINK} FROM member_link WHERE id = %s", (link_id,))  # noqa: S608 - fixed column names
    if not rows:
        raise LinkMissing("There is no such link.")
    return _link(rows[0])


def links(work: Work, pairs: Collection[tuple[str, str]]) -> dict[tuple[str, str], Link]:
    """Of each (member, partner) its active link, else its newest one; pairs without any are left out. One statement."""
    return links_coming(work, pairs)()


def links_coming(work: Work, pairs: Collection[tuple[str, str]]) -> Coming[dict[tuple[str, str], Link]]:
    """The same, asked for."""
    wanted = sorted(set(pairs))
    asked = work.ask(
        "SELECT DISTINCT ON (l.member, l.partner) l.id, l.member, l.partner, l.membership, l.state, l.proof, l.reason, "
        "l.recorded_by, l.debit_by, l.created_at, l.proven_at, l.tier, l.name_score, l.name_differences "
        "FROM member_link l "
        "JOIN unnest(%s::text[], %s::text[]) AS wanted (member, partner) "
        "ON l.member = wanted.member AND l.partner = wanted.partner "
        "ORDER BY l.member, l.partner, (l.state = 'active') DESC, l.created_at DESC",
        ([member for member, _ in wanted], [partner for _, partner in wanted]),
    )
    return lambda: {(link.member, link.partner): link for link in map(_link, work.answer(asked))}


def links_of(work: Work, member: str) -> list[Link]:
    """Every link of a member, newest first."""
    rows = work.fetch(
        f"SELECT {_LINK} FROM member_link WHERE member = %s ORDER BY created_at DESC, id DESC",  # noqa: S608 - fixed
        (member,),
    )
    return list(map(_link, rows))


def follow_merges(work: Work, merges: Sequence[Merge]) -> None:
    """Let active links follow memberships that a partner merged; one already linked otherwise stays. One statement."""
    ordered = sorted({(merge.partner, merge.old, merge.new) for merge in merges if merge.old != merge.new})
    if not ordered:
        return
    work.run(
        "WITH merge AS (SELECT * FROM unnest(%s::text[], %s::text[], %s::text[]) AS merge (partner, old, new)), "
        # Of two memberships that live on as one, the link that was there first follows.
        "moved AS (SELECT DISTINCT ON (merge.partner, merge.new) l.id, merge.new FROM merge "
        "JOIN member_link l ON l.partner = merge.partner AND l.membership = merge.old AND l.state = 'active' "
        "WHERE NOT EXISTS (SELECT 1 FROM member_link other WHERE other.partner = merge.partner "
        "AND other.membership = merge.new AND other.state = 'active') "
        "ORDER BY merge.partner, merge.new, l.created_at, l.id) "
        "UPDATE member_link l SET membership = moved.new FROM moved WHERE l.id = moved.id",
        tuple(map(list, zip(*ordered, strict=True))),
    )


def _locked(work: Work, link_id: str) -> Link:
    rows = work.fetch(
        f"SELECT {_LINK} FROM member_link WHERE id = %s FOR UPDATE",  # noqa: S608 - fixed column names
        (link_id,),
    )
    if not rows:
        raise LinkMissing("There is no such link.")
    return _link(rows[0])


def _move(work: Work, link: Link, to: LinkState, *, reason: str, now: datetime) -> Link:
    assert to in MOVES[link.state], f"a link cannot go from {link.state} to {to}"
    work.run(
        "UPDATE member_link SET state = %s, reason = %s, closed_at = %s WHERE id = %s", (to.value, reason, now, link.id)
    )
    moved = get_link(work, link.id)
    if to is LinkState.CLOSED:
        _announce(work, moved, now=now)
    return moved


def _link(row: tuple[Any, ...]) -> Link:
    *first, created_at, proven_at, tier, score, differences = row
    id_, member, partner, membership, state, proof, reason, recorded_by, debit_by = first
    return Link(
        id=id_,
        member=member,
        partner=partner,
        membership=membership,
        state=LinkState(state),
        proof=proof,
        reason=reason,
        recorded_by=recorded_by,
        debit_by=tuple(debit_by),
        created_at=created_at,
        proven_at=proven_at,
        tier=tier,
        names=None if score is None else NameMatch(score, tuple(map(NameDifference, differences))),
    )
