"""Aerojet (airline miles).

Source: Aerojet Partner API v3, sections 4.1 (movements), 4.3 (many movements), 4.4 (lookup) and 5 (members); the link
is `docs_url` in profile.toml. Aerojet has no reversal call: a debit is undone by a REINSTATE movement under a new id.
"""

from collections.abc import Sequence
from urllib.parse import quote

from partners.adapter import BrandAdapter
from partners.aerojet.movements import body_of, echoed, judged, rejection, sorted_out
from partners.base import Done, Instruction, Member, MemberBalance, MemberValidation, Outcome, Unknown
from partners.replies import json_answered, label_of, no_proof, text_at, whole_at

# Movements that one call takes (section 4.3).
MOVEMENTS_MAX = 100


class AerojetAdapter(BrandAdapter):
    """Whole miles; one movement per movementId; ids are remembered for 30 days."""

    def validate_member(self, member: Member) -> MemberValidation:
        """Section 5.2: 200 with `accountState`, or 404 with NO_SUCH_MEMBER."""
        asked = {"membershipNo": member.membership, "name": member.name}
        answer = json_answered(self.session.post_json("/v3/members:match", asked))
        if isinstance(answer, Unknown):
            return MemberValidation(answer)
        reply, document = answer
        if text_at(document, "membershipNo") != member.membership:
            return MemberValidation(no_proof(reply))
        if reply.status == 200 and text_at(document, "accountState") == "OPEN":
            done = Done(member.membership, self.surviving(text_at(document, "mergedInto")))
            name, tier = text_at(document, "displayName"), text_at(document, "tierLevel")
            return MemberValidation(done, label_of(name), label_of(tier))
        return MemberValidation(rejection(reply, document, statuses=(404, 422)))

    def balance(self, membership: str) -> MemberBalance:
        """Section 5.3."""
        answer = json_answered(self.session.get(f"/v3/members/{quote(membership, safe='')}/miles"))
        if isinstance(answer, Unknown):
            return MemberBalance(answer)
        reply, document = answer
        if text_at(document, "membershipNo") != membership:
            return MemberBalance(no_proof(reply))
        miles = whole_at(document, "miles")
        if reply.status == 200 and miles is not None:
            return MemberBalance(Done(membership), miles)
        return MemberBalance(rejection(reply, document, statuses=(404, 422)))

    def debit(self, instruction: Instruction) -> Outcome:
        """Section 4.1, BURN."""
        return self._move("BURN", instruction)

    def credit(self, instruction: Instruction) -> Outcome:
        """Section 4.1, EARN; the bonus is shown apart and counted within."""
        return self._move("EARN", instruction)

    def credit_many(self, instructions: Sequence[Instruction]) -> list[Outcome]:
        """Section 4.3: up to 100 EARN movements in one call, each booked or rejected by itself."""
        outcomes: list[Outcome] = []
        for start in range(0, len(instructions), MOVEMENTS_MAX):
            outcomes += self._earn_many(instructions[start : start + MOVEMENTS_MAX])
        return outcomes

    def reverse(self, instruction: Instruction) -> Outcome:
        """Section 4.1, REINSTATE: gives back miles of a BURN; an EARN cannot be undone."""
        return self._move("REINSTATE", instruction)

    def inquire(self, key: str) -> Outcome:
        """Section 4.4. The lookup lags up to two seconds behind the movements."""
        answer = json_answered(self.session.get(f"/v3/movements/{quote(key, safe='')}"))
        if isinstance(answer, Unknown):
            return answer
        reply, document = answer
        if text_at(document, "movementId") != key:
            return no_proof(reply)
        if reply.status == 404 and text_at(document, "errorCode") == "MOVEMENT_NOT_FOUND":
            return Unknown("movement not found", not_found=True)
        return judged(reply, document, self.surviving, booked=(200,), rejected=(200,))

    def _move(self, kind: str, instruction: Instruction) -> Outcome:
        body = body_of(kind, instruction)
        answer = json_answered(self.session.post_json("/v3/movements", body, trace=instruction.trace))
        if isinstance(answer, Unknown):
            return answer
        reply, document = answer
        outcome = judged(reply, document, self.surviving, booked=(200, 201), rejected=(422,))
        return echoed(instruction, document, outcome)

    def _earn_many(self, instructions: Sequence[Instruction]) -> list[Outcome]:
        assert len({one.key for one in instructions}) == len(instructions), "each movement has a key of its own"
        body = {"movements": [body_of("EARN", one) for one in instructions]}
        answer = json_answered(self.session.post_json("/v3/movements:batch", body, trace=instructions[0].trace))
        if isinstance(answer, Unknown):
            return [answer for _ in instructions]
        return sorted_out(*answer, instructions, self.surviving)
