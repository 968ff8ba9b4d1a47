"""Aerojet (airline miles).

Source: Aerojet Partner API v3, sections 4.1 (movements), 4.4 (lookup) and 5 (members); the link is `docs_url` in
profile.toml. Aerojet has no reversal call: the hub undoes a debit with a REINSTATE movement under a new id.
"""

from collections.abc import Mapping
from urllib.parse import quote

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
)
from partners.replies import (
    json_of,
    label_of,
    no_proof,
    reference_of,
    text_at,
    unfamiliar,
    unreadable,
    whole_at,
    wrong_echo,
)
from partners.session import Reply

# Aerojet's word -> ours. A word that is not here is not proof of anything.
REASONS = {
    "INSUFFICIENT_MILES": Reason.INSUFFICIENT_POINTS,
    "NO_SUCH_MEMBER": Reason.MEMBER_UNKNOWN,
    "ACCOUNT_CLOSED": Reason.MEMBER_CLOSED,
    "ACCOUNT_LOCKED": Reason.MEMBER_BLOCKED,
    "MEMBER_DECEASED": Reason.MEMBER_DECEASED,
    "NOT_ELIGIBLE": Reason.MEMBER_INELIGIBLE,
    "NAME_DIFFERS": Reason.NAME_MISMATCH,
    "MILES_OUT_OF_RANGE": Reason.AMOUNT_NOT_ALLOWED,
    "ANNUAL_CAP": Reason.LIMIT_REACHED,
    "NOT_REINSTATABLE": Reason.NOT_REVERSIBLE,
    "FRAUD_HOLD": Reason.FRAUD_SUSPECTED,
}


class AerojetAdapter(BrandAdapter):
    """Whole miles; one movement per movementId; ids are remembered for 30 days."""

    def validate_member(self, member: Member) -> MemberValidation:
        """Section 5.2: 200 with `accountState`, or 404 with NO_SUCH_MEMBER."""
        reply = self.session.post_json("/v3/members:match", {"membershipNo": member.membership, "name": member.name})
        if isinstance(reply, Unknown):
            return MemberValidation(reply)
        document = json_of(reply)
        if document is None or text_at(document, "membershipNo") != member.membership:
            return MemberValidation(no_proof(reply))
        if reply.status == 200 and text_at(document, "accountState") == "OPEN":
            done = Done(member.membership, self.surviving(text_at(document, "mergedInto")))
            name, tier = text_at(document, "displayName"), text_at(document, "tierLevel")
            return MemberValidation(done, label_of(name), label_of(tier))
        return MemberValidation(_rejection(reply, document, statuses=(404, 422)))

    def balance(self, membership: str) -> MemberBalance:
        """Section 5.3."""
        reply = self.session.get(f"/v3/members/{quote(membership, safe='')}/miles")
        if isinstance(reply, Unknown):
            return MemberBalance(reply)
        document = json_of(reply)
        if document is None or text_at(document, "membershipNo") != membership:
            return MemberBalance(no_proof(reply))
        miles = whole_at(document, "miles")
        if reply.status == 200 and miles is not None:
            return MemberBalance(Done(membership), miles)
        return MemberBalance(_rejection(reply, document, statuses=(404, 422)))

    def debit(self, instruction: Instruction) -> Outcome:
        """Section 4.1, BURN."""
        return self._move("BURN", instruction)

    def credit(self, instruction: Instruction) -> Outcome:
        """Section 4.1, EARN; the bonus is shown apart and counted within."""
        return self._move("EARN", instruction)

    def reverse(self, instruction: Instruction) -> Outcome:
        """Section 4.1, REINSTATE: gives back miles of a BURN; an EARN cannot be undone."""
        return self._move("REINSTATE", instruction)

    def inquire(self, key: str) -> Outcome:
        """Section 4.4. The lookup lags up to two seconds behind the movements."""
        reply = self.session.get(f"/v3/movements/{quote(key, safe='')}")
        if isinstance(reply, Unknown):
            return reply
        document = json_of(reply)
        if document is None or text_at(document, "movementId") != key:
            return no_proof(reply)
        if reply.status == 404 and text_at(document, "errorCode") == "MOVEMENT_NOT_FOUND":
            return Unknown("movement not found", not_found=True)
        return self._judged(reply, document, booked=(200,), rejected=(200,))

    def _move(self, kind: str, instruction: Instruction) -> Outcome:
        body = {
            "movementId": instruction.key,
            "membershipNo": instruction.membership,
            "type": kind,
            "miles": instruction.amount,
            "ofWhichBonus": instruction.bonus,
            "reinstates": instruction.original_key,
        }
        reply = self.session.post_json("/v3/movements", body, trace=instruction.trace)
        if isinstance(reply, Unknown):
            return reply
        document = json_of(reply)
        if document is None:
            return unreadable(reply)
        judged = self._judged(reply, document, booked=(200, 201), rejected=(422,))
        number, miles = text_at(document, "membershipNo"), whole_at(document, "miles")
        echo = wrong_echo(instruction, key=text_at(document, "movementId"), membership=number, amount=miles)
        return judged if isinstance(judged, Unknown) or echo is None else echo

    def _judged(
        self, reply: Reply, document: Mapping[str, object], *, booked: tuple[int, ...], rejected: tuple[int, ...]
    ) -> Outcome:
        """BOOKED, or DUPLICATE of what is booked, with a locator is a yes."""
        locator = reference_of(text_at(document, "recordLocator"))
        if reply.status in booked and text_at(document, "state") in ("BOOKED", "DUPLICATE") and locator:
            merged, left = self.surviving(text_at(document, "mergedInto")), whole_at(document, "milesAfter")
            return Done(locator, merged, balance=left, amount=whole_at(document, "miles"))
        return _rejection(reply, document, statuses=rejected)


def _rejection(reply: Reply, document: Mapping[str, object], *, statuses: tuple[int, ...]) -> Outcome:
    """REJECTED with a known errorCode is a no."""
    said = text_at(document, "errorCode")
    if reply.status not in statuses and not 200 <= reply.status < 300:
        return no_proof(reply, said)
    if reply.status in statuses and text_at(document, "state") == "REJECTED" and said in REASONS:
        return Refused(REASONS[said], said)
    return unfamiliar(reply, said or text_at(document, "state"))
