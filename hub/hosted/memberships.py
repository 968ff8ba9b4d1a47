"""Enrolling, finding, blocking and closing memberships of hosted programmes.

Knows numbers, references and states. Does not know points, but that only an empty membership can be closed.
"""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime

from hub import chart, ledger
from hub.audit.service import record as audit
from hub.hosted.errors import MembershipMissing, MembershipNotEmpty, MembershipTaken, NumberInvalid
from hub.hosted.states import MOVES, MembershipState
from hub.hosted.store import MEMBERSHIP, add_memberships, lock_memberships, membership_of
from hub.hosted.types import Enrolment, HostedProgramme, Membership, Place, ProgrammePort
from hub.kernel.errors import HubError
from hub.kernel.ids import new_id
from hub.ledger import Account
from hub.storage import KeyRaced, Work

# Numbers drawn for each new member: even in a programme that is half full, ten are all taken once in a thousand times,
# and then the batch is repeated with others.
_DRAWS = 10

Draw = Callable[[int], int]


def enrol(
    work: Work, programmes: ProgrammePort, requests: Sequence[Enrolment], *, draw: Draw, now: datetime
) -> list[Membership | HubError]:
    """New memberships, each with its account in the ledger; one answer each, in order.

    draw: a whole number below the one it is given, by chance. Answers with: ProgrammeMissing, NumberInvalid,
    MembershipTaken.
    """
    found = [_programme(programmes, request.unit) for request in requests]
    wanted = [
        _numbers(programme, request, draw) if isinstance(programme, HostedProgramme) else programme
        for programme, request in zip(found, requests, strict=True)
    ]
    numbers = {
        (request.unit, number)
        for request, each in zip(requests, wanted, strict=True)
        if not isinstance(each, HubError)
        for number in each
    }
    taken = _taken(work, numbers, {(request.unit, request.reference) for request in requests if request.reference})
    answers: list[Membership | HubError] = []
    for request, programme, each in zip(requests, found, wanted, strict=True):
        if isinstance(each, HubError) or isinstance(programme, HubError):
            answers.append(each if isinstance(each, HubError) else MembershipMissing("There is no such programme."))
            continue
        answers.append(_enrolled(request, programme, each, taken, now))
    members = [one for one in answers if isinstance(one, Membership)]
    add_memberships(work, sorted(members, key=lambda one: one.place))
    ledger.open_accounts(work, [Account(chart.member(*one.place), one.unit, 0) for one in members], now=now)
    return answers


def find(work: Work, unit: str, id: str) -> Membership:
    """The membership with this id or number. Raises: MembershipMissing."""
    found = find_many(work, {(unit, id)})
    if (unit, id) not in found:
        raise MembershipMissing("The programme has no such membership.", unit=unit)
    return found[unit, id]


def find_many(work: Work, wanted: Collection[tuple[str, str]]) -> dict[tuple[str, str], Membership]:
    """Memberships by (unit, id or number), as they were asked for; missing ones are left out. One statement."""
    pairs = sorted(wanted)
    rows = work.fetch(
        f"SELECT wanted.named, {MEMBERSHIP} FROM unnest(%s::text[], %s::text[]) "  # noqa: S608 - fixed column names
        "AS wanted (unit, named) JOIN hosted_membership m ON m.id = ANY(ARRAY(SELECT one.id FROM hosted_membership one "
        "WHERE one.unit = wanted.unit AND one.number = wanted.named UNION SELECT one.id FROM hosted_membership one "
        "WHERE one.id = wanted.named AND one.unit = wanted.unit))",
        ([unit for unit, _ in pairs], [named for _, named in pairs]),
    )
    return {(row[2], row[0]): membership_of(row[1:]) for row in rows}


def page(
    work: Work, unit: str, *, state: MembershipState | None, after: tuple[datetime, str] | None, limit: int
) -> list[Membership]:
    """Memberships of a programme, newest first. after: (enrolled_at, id) of the last one seen."""
    after_at, after_id = after if after else (None, None)
    rows = work.fetch(
        f"SELECT {MEMBERSHIP} FROM hosted_membership m WHERE m.unit = %s "  # noqa: S608 - fixed column names
        "AND (%s::text IS NULL OR m.state = %s) "
        "AND (%s::timestamptz IS NULL OR (m.enrolled_at, m.id) < (%s, %s::text)) "
        "ORDER BY m.enrolled_at DESC, m.id DESC LIMIT %s",
        (unit, state, state, after_at, after_at, after_id, limit),
    )
    return [membership_of(row) for row in rows]


def move(
    work: Work, unit: str, id: str, to: MembershipState, *, actor: str, reason: str = "", now: datetime
) -> Membership:
    """Block a membership, let it be active again, or close it; moving it where it is does nothing.

    Raises: MembershipMissing, MembershipNotEmpty, MembershipTaken for a closed one, whose number is used up.
    """
    place = find(work, unit, id).place
    member = lock_memberships(work, [place])[place]
    if member.state is to:
        return member
    if to not in MOVES[member.state]:
        raise MembershipTaken("A closed membership stays closed; enrol the member again.", unit=unit)
    if to is MembershipState.CLOSED:
        _require_empty(work, member)
    work.run("UPDATE hosted_membership SET state = %s WHERE id = %s", (to.value, member.id))
    facts = {"from": member.state.value, "to": to.value, "reason": reason}
    audit(work, actor=actor, action="membership.moved", subject=member.id, facts=facts, now=now)
    return find(work, unit, member.id)


def _require_empty(work: Work, member: Membership) -> None:
    [left] = work.fetch(
        "SELECT coalesce(sum(remaining), 0) FROM hosted_lot WHERE unit = %s AND number = %s AND remaining > 0",
        member.place,
    )[0]
    if left:
        raise MembershipNotEmpty("Points are left in this membership; let them be spent or remove them first.")


def _programme(programmes: ProgrammePort, unit: str) -> HostedProgramme | HubError:
    try:
        return programmes.programme(unit)
    except HubError as refusal:
        return refusal


def _numbers(programme: HostedProgramme, request: Enrolment, draw: Draw) -> list[str] | HubError:
    """The number asked for, or some by chance to choose from."""
    scheme = programme.rules.numbers
    if not request.number:
        return [scheme.number(draw(10**scheme.digits)) for _ in range(_DRAWS)]
    if not scheme.knows(request.number):
        return NumberInvalid(f"This is no {scheme.label} number.", pointer="/number")
    return [request.number]


def _taken(
    work: Work, numbers: Collection[Place], references: Collection[tuple[str, str]]
) -> set[tuple[str, str, str]]:
    """(`number` or `reference`, unit, text) of those of these that are taken. One statement."""
    pairs, named = sorted(numbers), sorted(references)
    rows = work.fetch(
        "SELECT 'number', m.unit, m.number FROM hosted_membership m JOIN unnest(%s::text[], %s::text[]) "
        "AS wanted (unit, number) ON m.unit = wanted.unit AND m.number = wanted.number UNION ALL "
        "SELECT 'reference', m.unit, m.reference FROM hosted_membership m JOIN unnest(%s::text[], %s::text[]) "
        "AS wanted (unit, reference) ON m.unit = wanted.unit AND m.reference = wanted.reference "
        "AND m.reference <> ''",
        ([unit for unit, _ in pairs], [text for _, text in pairs], [unit for unit, _ in named], [t for _, t in named]),
    )
    return {(what, unit, text) for what, unit, text in rows}


def _enrolled(
    request: Enrolment,
    programme: HostedProgramme,
    numbers: Sequence[str],
    taken: set[tuple[str, str, str]],
    now: datetime,
) -> Membership | HubError:
    """The new membership; `taken` grows by what it takes."""
    unit = request.unit
    if request.reference and ("reference", unit, request.reference) in taken:
        return MembershipTaken("The member with this reference is enrolled already.", pointer="/reference")
    number = next((one for one in numbers if ("number", unit, one) not in taken), None)
    if number is None and request.number:
        return MembershipTaken("This number belongs to another member.", pointer="/number")
    if number is None:
        raise KeyRaced
    taken.add(("number", unit, number))
    if request.reference:
        taken.add(("reference", unit, request.reference))
    return Membership(
        new_id("mbs", now), unit, number, programme.partner, MembershipState.ACTIVE, request.reference, now, now, None
    )
