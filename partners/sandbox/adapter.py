"""Sandbox (every imported test partner): REST and JSON in the hub's own words.

Source: `PlainFace` in face.py is the whole interface. Movements are POSTed to one address; the same address with the
key behind it tells what became of one.
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

# The sandbox's word -> ours: here they are the same. A word that is not here is not proof of anything.
REASONS = {str(reason): reason for reason in Reason if reason is not Reason.KEY_REUSED}


class SandboxAdapter(BrandAdapter):
    """Whole smallest units of whatever unit the instruction names; keys are remembered for 30 days."""

    def validate_member(self, member: Member) -> MemberValidation:
        """Ask with the number in the body: paths end up in logs."""
        body = {"membership": member.membership, "name": member.name}
        reply = self.session.post_json("/v1/members/validate", body)
        if isinstance(reply, Unknown):
            return MemberValidation(reply)
        document = json_of(reply)
        if reply.status != 200 or document is None or text_at(document, "membership") != member.membership:
            return MemberValidation(no_proof(reply))
        if text_at(document, "status") == "active":
            done = Done(member.membership, self.surviving(text_at(document, "surviving_membership")))
            return MemberValidation(done, label_of(text_at(document, "name")), label_of(text_at(document, "tier")))
        return MemberValidation(_refusal(reply, text_at(document, "status"), text_at(document, "reason")))

    def balance(self, membership: str) -> MemberBalance:
        """Ask for the balance of the one unit that the partner has."""
        reply = self.session.get(f"/v1/members/{quote(membership, safe='')}/balance")
        if isinstance(reply, Unknown):
            return MemberBalance(reply)
        document = json_of(reply)
        if reply.status != 200 or document is None or text_at(document, "membership") != membership:
            return MemberBalance(no_proof(reply))
        amount = whole_at(document, "balance")
        if amount is None:
            return MemberBalance(_refusal(reply, text_at(document, "status"), text_at(document, "reason")))
        return MemberBalance(Done(reference=membership), amount)

    def debit(self, instruction: Instruction) -> Outcome:
        """Take points from a member."""
        return self._move("debit", instruction)

    def credit(self, instruction: Instruction) -> Outcome:
        """Give points to a member, bonus included."""
        return self._move("credit", instruction)

    def reverse(self, instruction: Instruction) -> Outcome:
        """Undo a debit or a credit, whole or in part."""
        return self._move("reverse", instruction)

    def inquire(self, key: str) -> Outcome:
        """Ask what became of a key: 200 with what was answered, or 404 with `key_not_found`."""
        reply = self.session.get(f"/v1/movements/{quote(key, safe='')}")
        if isinstance(reply, Unknown):
            return reply
        document = json_of(reply)
        if document is None or text_at(document, "key") != key:
            return no_proof(reply)
        if reply.status == 404 and text_at(document, "error") == "key_not_found":
            return Unknown("key not found", not_found=True)
        return self._judged(reply, document, refused_status=200)

    def _move(self, direction: str, instruction: Instruction) -> Outcome:
        body = {
            "key": instruction.key,
            "direction": direction,
            "membership": instruction.membership,
            "unit": instruction.unit,
            "amount": instruction.amount,
            "bonus": instruction.bonus,
            "original_key": instruction.original_key,
        }
        reply = self.session.post_json("/v1/movements", body, trace=instruction.trace)
        if isinstance(reply, Unknown):
            return reply
        document = json_of(reply)
        if document is None:
            return unreadable(reply)
        echo = wrong_echo(
            instruction,
            key=text_at(document, "key"),
            membership=text_at(document, "membership"),
            amount=whole_at(document, "amount"),
        )
        judged = self._judged(reply, document, refused_status=422)
        return judged if isinstance(judged, Unknown) or echo is None else echo

    def _judged(self, reply: Reply, document: Mapping[str, object], *, refused_status: int) -> Outcome:
        """Only `done` is a yes, and only a known reason is a no; each with its own status."""
        status, reference = text_at(document, "status"), reference_of(text_at(document, "reference"))
        if reply.status == 200 and status in ("done", "already_done") and reference:
            return Done(
                reference=reference,
                membership=self.surviving(text_at(document, "surviving_membership")),
                balance=whole_at(document, "balance"),
                amount=whole_at(document, "amount"),
            )
        if reply.status == refused_status:
            return _refusal(reply, status, text_at(document, "reason"))
        if reply.status == 200:
            return unfamiliar(reply, status)
        return no_proof(reply, text_at(document, "error") or status)


def _refusal(reply: Reply, status: str, said: str) -> Outcome:
    if status == "refused" and said in REASONS:
        return Refused(REASONS[said], said)
    return unfamiliar(reply, said or status)
