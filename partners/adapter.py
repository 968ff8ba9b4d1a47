"""What all adapters of brands have in common: how they are made, and what they answer before they are taught.

A brand's adapter subclasses `BrandAdapter`, overrides the verbs that its profile states and nothing else. Does not know
any protocol.
"""

from collections.abc import Sequence

from partners.base import Instruction, Member, MemberBalance, MemberValidation, Notification, Outcome, Unknown
from partners.notifications import read_notifications
from partners.profile import Profile
from partners.session import PartnerSession

_NOT_OFFERED = Unknown("not offered by this partner", called=False)


class BrandAdapter:
    """An adapter without a voice. session: the way to the partner. profile: what is declared about its brand."""

    def __init__(self, session: PartnerSession, profile: Profile) -> None:
        self.session = session
        self.profile = profile

    def surviving(self, said: str) -> str:
        """The number that a merged membership goes on under, if what the partner said is a number of this brand."""
        return said if self.profile.knows_number(said) else ""

    def validate_member(self, member: Member) -> MemberValidation:
        """Ask whether this membership exists and may take part."""
        del member
        return MemberValidation(_NOT_OFFERED)

    def balance(self, membership: str) -> MemberBalance:
        """Ask for a balance."""
        del membership
        return MemberBalance(_NOT_OFFERED)

    def debit(self, instruction: Instruction) -> Outcome:
        """Take points from a member."""
        del instruction
        return _NOT_OFFERED

    def credit(self, instruction: Instruction) -> Outcome:
        """Give points to a member."""
        del instruction
        return _NOT_OFFERED

    def credit_many(self, instructions: Sequence[Instruction]) -> list[Outcome]:
        """Give points to many members."""
        return [_NOT_OFFERED for _ in instructions]

    def reverse(self, instruction: Instruction) -> Outcome:
        """Undo an earlier debit or credit, whole or in part."""
        del instruction
        return _NOT_OFFERED

    def inquire(self, key: str) -> Outcome:
        """Ask what became of the instruction with this key."""
        del key
        return _NOT_OFFERED

    def notifications(self, body: bytes) -> tuple[Notification, ...]:
        """What a notification says, in the hub's own format. Raises: NotificationUnreadable."""
        return read_notifications(body, self.surviving)
