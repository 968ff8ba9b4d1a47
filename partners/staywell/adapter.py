"""Staywell (hotel nights, in halves, and hotel points).

Source: Staywell XML Gateway 2.1, chapters 3 (Transaction), 4 (Cancel), 5 (Lookup) and 6 (Guest); the link is `docs_url`
in profile.toml. Every document goes to one address and is answered 200, whatever it says: the proof is in `Result`.
"""

from xml.etree.ElementTree import Element, SubElement, tostring

from hub.kernel.amounts import decimal_text
from partners.adapter import BrandAdapter
from partners.base import Done, Instruction, Member, MemberBalance, MemberValidation, Outcome, Reason, Refused, Unknown
from partners.replies import (
    amount_of,
    child_text,
    label_of,
    no_proof,
    reference_of,
    unfamiliar,
    unreadable,
    wrong_echo,
    xml_of,
)
from partners.session import Reply

# Staywell's code -> our reason. A code that is not here is not proof of anything.
REASONS = {
    "1404": Reason.MEMBER_UNKNOWN,
    "1409": Reason.NAME_MISMATCH,
    "1410": Reason.MEMBER_CLOSED,
    "1423": Reason.MEMBER_BLOCKED,
    "1451": Reason.MEMBER_DECEASED,
    "1460": Reason.MEMBER_INELIGIBLE,
    "1499": Reason.FRAUD_SUSPECTED,
    "2001": Reason.INSUFFICIENT_POINTS,
    "2010": Reason.AMOUNT_NOT_ALLOWED,
    "2030": Reason.LIMIT_REACHED,
    "2044": Reason.NOT_REVERSIBLE,
}
REFERENCE_REUSED = "2099"
CURRENCIES = {"staywell.night": "NIGHT", "staywell.point": "POINT"}


class StaywellAdapter(BrandAdapter):
    """Nights in tenths, multiples of 5; points whole. References are remembered for 7 days."""

    def validate_member(self, member: Member) -> MemberValidation:
        """Chapter 6: GuestRequest."""
        answer = self._ask("GuestRequest", {"Guest": member.membership, "Name": member.name})
        if isinstance(answer, Unknown):
            return MemberValidation(answer)
        reply, found = answer
        if child_text(found, "Guest") != member.membership:
            return MemberValidation(no_proof(reply))
        if child_text(found, "Result") == "OK":
            done = Done(member.membership, self.surviving(child_text(found, "NowGuest")))
            name, level = child_text(found, "Name"), child_text(found, "Level")
            return MemberValidation(done, label_of(name), label_of(level))
        return MemberValidation(_declined(reply, found))

    def balance(self, membership: str) -> MemberBalance:
        """Chapter 6: StatementRequest, in the profile's first unit."""
        unit = self.profile.units[0]
        answer = self._ask("StatementRequest", {"Guest": membership, "Currency": CURRENCIES[unit.code]})
        if isinstance(answer, Unknown):
            return MemberBalance(answer)
        reply, found = answer
        if child_text(found, "Guest") != membership:
            return MemberBalance(no_proof(reply))
        amount = amount_of(child_text(found, "Balance"), unit.scale)
        if child_text(found, "Result") == "OK" and amount is not None:
            return MemberBalance(Done(membership), amount)
        return MemberBalance(_declined(reply, found))

    def debit(self, instruction: Instruction) -> Outcome:
        """Chapter 3, REDEEM."""
        return self._move("TransactionRequest", {"Kind": "REDEEM"}, instruction)

    def credit(self, instruction: Instruction) -> Outcome:
        """Chapter 3, AWARD; BonusQuantity is a part of Quantity."""
        bonus = decimal_text(instruction.bonus, instruction.scale)
        return self._move("TransactionRequest", {"Kind": "AWARD", "BonusQuantity": bonus}, instruction)

    def reverse(self, instruction: Instruction) -> Outcome:
        """Chapter 4: cancels a transaction, whole or in part."""
        return self._move("CancelRequest", {"Cancels": instruction.original_key}, instruction)

    def inquire(self, key: str) -> Outcome:
        """Chapter 5."""
        answer = self._ask("LookupRequest", {"Reference": key})
        if isinstance(answer, Unknown):
            return answer
        reply, found = answer
        if child_text(found, "Reference") != key:
            return no_proof(reply)
        if child_text(found, "Result") == "NOTFOUND":
            return Unknown("reference not found", not_found=True)
        return self._judged(reply, found)

    def _move(self, root: str, parts: dict[str, str], instruction: Instruction) -> Outcome:
        if not self.profile.amounts_of(instruction.unit).allow(instruction.amount):
            return Refused(Reason.AMOUNT_NOT_ALLOWED)  # never sent: quarters of nights do not exist
        parts |= {
            "Reference": instruction.key,
            "Guest": instruction.membership,
            "Currency": CURRENCIES.get(instruction.unit, ""),
            "Quantity": decimal_text(instruction.amount, instruction.scale),
        }
        answer = self._ask(root, parts, instruction.trace)
        if isinstance(answer, Unknown):
            return answer
        reply, found = answer
        if child_text(found, "Currency") != parts["Currency"]:
            return self._unless_proven(self._judged(reply, found), Unknown("wrong echo: currency"))
        echo = wrong_echo(
            instruction,
            key=child_text(found, "Reference"),
            membership=child_text(found, "Guest"),
            amount=amount_of(child_text(found, "Quantity"), instruction.scale),
        )
        return self._unless_proven(self._judged(reply, found), echo)

    def _unless_proven(self, judged: Outcome, echo: Unknown | None) -> Outcome:
        return judged if isinstance(judged, Unknown) or echo is None else echo

    def _judged(self, reply: Reply, found: Element) -> Outcome:
        """OK, or REPEATED of what is booked, with a confirmation is a yes."""
        confirmation = reference_of(child_text(found, "Confirmation"))
        if child_text(found, "Result") in ("OK", "REPEATED") and confirmation:
            currency = child_text(found, "Currency")
            scale = next((unit.scale for unit in self.profile.units if CURRENCIES[unit.code] == currency), 0)
            now_guest = self.surviving(child_text(found, "NowGuest"))
            quantity = amount_of(child_text(found, "Quantity"), scale)
            return Done(confirmation, now_guest, amount_of(child_text(found, "Balance"), scale), quantity)
        return _declined(reply, found)

    def _ask(self, root: str, parts: dict[str, str], trace: str = "") -> tuple[Reply, Element] | Unknown:
        document = Element(root, {"version": "2.1"})
        for name, text in parts.items():
            SubElement(document, name).text = text
        reply = self.session.post_xml("/xml", tostring(document, encoding="utf-8"), trace=trace)
        if isinstance(reply, Unknown):
            return reply
        if reply.status != 200:
            return no_proof(reply)
        found = xml_of(reply, "Response")
        return unreadable(reply) if found is None else (reply, found)


def _declined(reply: Reply, found: Element) -> Outcome:
    """DECLINED with a known code is a no."""
    result, code = child_text(found, "Result"), child_text(found, "Code")
    if result == "DECLINED" and code in REASONS:
        return Refused(REASONS[code], code)
    if code == REFERENCE_REUSED:
        return Unknown("reference was used for something else")
    return unfamiliar(reply, code if result == "DECLINED" else result)
