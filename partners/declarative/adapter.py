"""The adapter of every brand that declares its protocol in its profile.

Knows how declared calls are sent and read. Knows no brand: what differs between brands is data.
"""

from collections.abc import Mapping

from partners.adapter import BrandAdapter
from partners.base import (
    Done,
    Instruction,
    Member,
    MemberBalance,
    MemberValidation,
    Outcome,
    Reason,
    Refused,
    Unknown,
    Verb,
)
from partners.declarative.pointers import Pointer, value_at
from partners.declarative.reading import Reading, text_in
from partners.declarative.spec import CallSpec, DeclarativeSpec, Field
from partners.declarative.writing import climbs, request_of, values_of
from partners.profile import Profile, UnitProfile
from partners.replies import json_exact, label_of, unreadable
from partners.session import PartnerSession, Reply

_NO_NUMBER = Refused(Reason.MEMBER_UNKNOWN, "not_a_number_of_this_brand")


class DeclarativeAdapter(BrandAdapter):
    """Does what the profile declares, one call for each verb."""

    def __init__(self, session: PartnerSession, profile: Profile) -> None:
        super().__init__(session, profile)
        assert profile.declared is not None, "this brand has an adapter of its own"
        self._spec: DeclarativeSpec = profile.declared
        scales = {unit.code: unit.scale for unit in profile.units}
        self._reading = Reading(self._spec, scales, self.surviving)

    def validate_member(self, member: Member) -> MemberValidation:
        """Ask about a membership; a number that the brand cannot have issued is asked of nobody."""
        call = self._spec.calls.get(Verb.VALIDATE_MEMBER)
        if call is None:
            return super().validate_member(member)
        if not self.profile.knows_number(member.membership):
            return MemberValidation(_NO_NUMBER)
        answered = self._asked(call, {Field.MEMBERSHIP: member.membership, Field.NAME: member.name})
        if isinstance(answered, Unknown):
            return MemberValidation(answered)
        outcome = self._about(call, *answered, member.membership)
        if not isinstance(outcome, Done):
            return MemberValidation(outcome)
        name, tier = (label_of(text_in(answered[1], place)) for place in (call.answer.name, call.answer.tier))
        return MemberValidation(outcome, name, tier)

    def balance(self, membership: str) -> MemberBalance:
        """Ask for a balance, in the profile's first unit."""
        call = self._spec.calls.get(Verb.BALANCE)
        if call is None:
            return super().balance(membership)
        if not self.profile.knows_number(membership):
            return MemberBalance(_NO_NUMBER)
        answered = self._asked(call, {Field.MEMBERSHIP: membership})
        if isinstance(answered, Unknown):
            return MemberBalance(answered)
        outcome = self._about(call, *answered, membership)
        amount = self._reading.amount(answered[1], call.answer.balance, self.profile.units[0].scale)
        if isinstance(outcome, Done) and amount is None:
            return MemberBalance(unreadable(answered[0]))
        return MemberBalance(outcome, amount if isinstance(outcome, Done) else None)

    def debit(self, instruction: Instruction) -> Outcome:
        """Take points from a member."""
        call = self._spec.calls.get(Verb.DEBIT)
        return super().debit(instruction) if call is None else self._moved(call, instruction)

    def credit(self, instruction: Instruction) -> Outcome:
        """Give points to a member, bonus included."""
        call = self._spec.calls.get(Verb.CREDIT)
        return super().credit(instruction) if call is None else self._moved(call, instruction)

    def reverse(self, instruction: Instruction) -> Outcome:
        """Undo an earlier movement by the partner's own call, or by a credit of what was debited."""
        call = self._spec.calls.get(Verb.REVERSE)
        return super().reverse(instruction) if call is None else self._moved(call, instruction)

    def inquire(self, key: str) -> Outcome:
        """Ask what became of a key."""
        call = self._spec.calls.get(Verb.INQUIRE)
        if call is None:
            return super().inquire(key)
        answered = self._asked(call, {Field.KEY: key})
        return answered if isinstance(answered, Unknown) else self._reading.inquired(call, *answered, key)

    def offers(self, verb: Verb) -> bool:
        """Whether the profile declares this verb."""
        return verb in self._spec.calls

    def _moved(self, call: CallSpec, instruction: Instruction) -> Outcome:
        unit = self._unit(instruction)
        if unit is None:
            return Unknown("no unit of this brand", called=False)
        if not self.profile.knows_number(instruction.membership):
            # No refusal: an earlier call with this key may have gone out when such numbers were still in use.
            return Unknown("no membership number of this brand", called=False)
        values = values_of(instruction, self._spec, unit.currency)
        if any(not values[field] for field in _originals(call)):
            return Unknown("the original is not named", called=False)
        answered = self._asked(call, values, scale=unit.scale, trace=instruction.trace)
        return answered if isinstance(answered, Unknown) else self._reading.moved(call, *answered, instruction)

    def _unit(self, instruction: Instruction) -> UnitProfile | None:
        """The unit that is instructed; a brand's only unit may have another code in the hub, but no other scale."""
        units = self.profile.units
        unit = self.profile.unit(instruction.unit) or (units[0] if len(units) == 1 else None)
        return unit if unit is not None and unit.scale == instruction.scale else None

    def _asked(
        self, call: CallSpec, values: Mapping[Field, str | int], *, scale: int = 0, trace: str = ""
    ) -> tuple[Reply, Mapping[str, object]] | Unknown:
        if climbs(call, values):
            return Unknown("what would stand in the path is no name", called=False)
        request = request_of(call, self._spec, values, scale=scale)
        headers = {**request.headers, **({"traceparent": trace} if trace else {})}
        reply = self.session.send(request.method, request.path, request.body, headers)
        if isinstance(reply, Unknown):
            return reply
        document = json_exact(reply)
        return unreadable(reply) if document is None else (reply, document)

    def _about(self, call: CallSpec, reply: Reply, document: Mapping[str, object], membership: str) -> Outcome:
        """What an answer about a member means; one about another member means nothing."""
        outcome, answer = self._reading.judged(call, reply, document, scale=self.profile.units[0].scale)
        if not isinstance(outcome, Unknown) and not _names(document, answer.membership, membership):
            return Unknown("wrong echo: membership")
        if isinstance(outcome, Done):
            return Done(membership, self.surviving(text_in(document, answer.surviving)))
        return outcome


def _names(document: Mapping[str, object], pointer: Pointer | None, membership: str) -> bool:
    return pointer is None or value_at(document, pointer) == membership


def _originals(call: CallSpec) -> list[Field]:
    wanted = (Field.ORIGINAL_KEY, Field.ORIGINAL_REFERENCE)
    return [field for field in wanted if field in call.request.values() or f"{{{field}}}" in call.path]
