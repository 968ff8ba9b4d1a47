"""The ready adapter of brands that speak files: nobody is called, the next file carries the instruction.

Every order is answered with `Unknown`, pending: it goes out when the file room cuts its next file, and an inquiry says
what that room knows. Knows layouts and the shape of membership numbers; does not know files' state.
"""

from collections.abc import Sequence
from typing import Protocol

from partners.adapter import BrandAdapter
from partners.base import Done, Instruction, Member, MemberValidation, Outcome, Reason, Refused, Unknown
from partners.files.codes import FieldUnfit
from partners.files.declaration import OPERATIONS
from partners.files.fields import Value
from partners.files.layout import FieldKind
from partners.files.records import to_lines
from partners.profile import Profile
from partners.session import PartnerSession

WAITS = Unknown("goes out in the next file", pending=True)


class FileDesk(Protocol):
    """Port: what the file room knows about a key. Never asked inside a transaction."""

    def known(self, key: str) -> Outcome:
        """What the partner has answered so far; `Unknown`, pending, before."""


class FileAdapter(BrandAdapter):
    """A brand that speaks files, by its profile alone."""

    def __init__(self, session: PartnerSession, profile: Profile, desk: FileDesk) -> None:
        super().__init__(session, profile)
        assert profile.files is not None, "the brand speaks files"
        self._layout = profile.files.instructions
        self._desk = desk

    def validate_member(self, member: Member) -> MemberValidation:
        """Whether the number is one of this brand: all that can be known without asking."""
        if not self.profile.knows_number(member.membership):
            return MemberValidation(Refused(Reason.MEMBER_UNKNOWN, "not a number of this brand"))
        return MemberValidation(Done("number"))

    def debit(self, instruction: Instruction) -> Outcome:
        """Take points, in the next file."""
        return self._queued("debit", instruction)

    def credit(self, instruction: Instruction) -> Outcome:
        """Give points, in the next file."""
        return self._queued("credit", instruction)

    def credit_many(self, instructions: Sequence[Instruction]) -> list[Outcome]:
        """Give points to many, in the next file."""
        return [self.credit(instruction) for instruction in instructions]

    def reverse(self, instruction: Instruction) -> Outcome:
        """Undo, in the next file."""
        return self._queued("reverse", instruction)

    def inquire(self, key: str) -> Outcome:
        """What the file room knows."""
        return self._desk.known(key)

    def _queued(self, operation: str, instruction: Instruction) -> Outcome:
        """Refuse what no file of this brand could carry: once lines are cut it would hold up all the others."""
        assert operation in OPERATIONS, "a layout knows three operations"
        if not self.profile.amounts_of(instruction.unit).allow(instruction.amount):
            return Refused(Reason.AMOUNT_NOT_ALLOWED, "beyond the limits of the profile")
        values: dict[str, Value] = {
            "key": instruction.key,
            "operation": operation,
            "membership": instruction.membership,
            "unit": instruction.unit,
            "amount": instruction.amount,
            "bonus": instruction.bonus,
            "original_key": instruction.original_key,
        }
        detail = self._layout.detail
        columns = {field.name: [values.get(field.name)] for field in detail.valued if field.kind is not FieldKind.LINE}
        try:
            to_lines(self._layout, detail, columns, first=1, size=1)
        except FieldUnfit as unfit:
            return Refused(Reason.AMOUNT_NOT_ALLOWED, f"no file can carry its {_field_of(unfit)}")
        return WAITS


def _field_of(unfit: FieldUnfit) -> str:
    """The field that a value does not fit into, for people; never the value."""
    return str(unfit).split(":", 1)[0]
