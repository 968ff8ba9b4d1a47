"""How a hosted programme answers like any partner: about members and balances, from the hub's own books.

Knows programme files and the shape of a profile. Points are never moved through here: the hub moves them itself, in
the transaction of its posting.
"""

from dataclasses import dataclass
from typing import Protocol

from partners.adapter import BrandAdapter
from partners.base import Done, Member, MemberBalance, MemberValidation, Outcome, Reason, Refused, Verb
from partners.hosted.programme import Programme
from partners.profile import (
    AmountLimits,
    AuthKind,
    BonusKind,
    Capabilities,
    HttpProfile,
    MemberProfile,
    NotificationProfile,
    NotificationScheme,
    Profile,
    RetryProfile,
    ReverseKind,
    UnitKind,
    UnitProfile,
)
from partners.session import PartnerSession

_REASONS = {"blocked": Reason.MEMBER_BLOCKED, "closed": Reason.MEMBER_CLOSED}


@dataclass(frozen=True, slots=True)
class KeptMember:
    """A membership in the hub's books. state: `active`, `blocked` or `closed`. available: what may be spent now."""

    id: str
    state: str
    available: int


class KeptBooks(Protocol):
    """Port: the books of hosted programmes. Never asked inside a transaction."""

    def member(self, unit: str, number: str) -> KeptMember | None:
        """The membership with this number; None when there is none."""


class HostedAdapter(BrandAdapter):
    """A programme without a system of its own. unit: the partner's unit that the hub keeps."""

    def __init__(self, session: PartnerSession, profile: Profile, books: KeptBooks, unit: str) -> None:
        super().__init__(session, profile)
        self._books = books
        self._unit = unit

    def validate_member(self, member: Member) -> MemberValidation:
        """Whether this membership exists and may take part. A programme knows no names."""
        return MemberValidation(self._found(member.membership)[0])

    def balance(self, membership: str) -> MemberBalance:
        """What may be spent now."""
        outcome, found = self._found(membership)
        return MemberBalance(outcome, found.available if found is not None and isinstance(outcome, Done) else None)

    def _found(self, number: str) -> tuple[Outcome, KeptMember | None]:
        found = self._books.member(self._unit, number) if self.profile.knows_number(number) else None
        if found is None:
            return Refused(Reason.MEMBER_UNKNOWN), None
        if found.state in _REASONS:
            return Refused(_REASONS[found.state], found.state), found
        return Done(found.id), found


def profile_of(programme: Programme) -> Profile:
    """What a programme file comes to as a profile: nobody is called, so nothing about calls is declared."""
    limits = AmountLimits(1, 1, programme.balance.maximum)
    return Profile(
        code=programme.code,
        name=programme.name,
        kind=programme.kind,
        units=(UnitProfile(programme.unit, programme.scale, UnitKind.POINTS, "", limits),),
        docs_url="",
        adapter="",
        simulator="",
        notes=programme.notes,
        http=HttpProfile("", "", "", AuthKind.NONE, 1, ""),
        capabilities=Capabilities(
            verbs=frozenset({Verb.VALIDATE_MEMBER, Verb.BALANCE}),
            reverse=ReverseKind.NATIVE,
            keys=True,
            key_life_hours=1,
            inquiry_lag_seconds=0,
            bonus=BonusKind.COMBINED,
        ),
        limits=limits,
        concurrency=1,
        retry=RetryProfile(1, 1, 1),
        member=MemberProfile(
            programme.numbers.pattern, programme.numbers.label, programme.numbers.number(1), programme.numbers.check
        ),
        notifications=NotificationProfile(NotificationScheme.NONE),
        files=None,
    )
