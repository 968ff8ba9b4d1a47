"""Staywell (hotel nights, in halves, and hotel points).

Source: Staywell SOAP Gateway 2.1, chapters 3 (Transaction), 4 (Cancel), 5 (Lookup), 6 (Guest, Statement), 7 (Faults);
the link is `docs_url` in profile.toml. A refusal is a fault of the client with a code in its detail; a fault of the
server proves nothing.
"""

from hub.kernel.amounts import decimal_text
from partners.adapter import BrandAdapter
from partners.base import Done, Instruction, Member, MemberBalance, MemberValidation, Outcome, Reason, Refused, Unknown
from partners.replies import amount_of, label_of, no_proof, reference_of, unfamiliar, wrong_echo
from partners.soap import SoapAnswer, SoapService

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
GATEWAY = SoapService(path="/soap", namespace="urn:staywell:gateway:2.1")


class StaywellAdapter(BrandAdapter):
    """Nights in tenths, multiples of 5, told as decimals; points whole. References are remembered for 7 days."""

    def validate_member(self, member: Member) -> MemberValidation:
        """Chapter 6, Guest."""
        answer = GATEWAY.call(self.session, "Guest", {"Guest": member.membership, "Name": member.name})
        if isinstance(answer, Unknown):
            return MemberValidation(answer)
        if answer.text("Guest") != member.membership:
            return MemberValidation(no_proof(answer.reply, answer.text("Code")))
        if not answer.fault and answer.text("Status") == "ACTIVE":
            done = Done(member.membership, self.surviving(answer.text("NowGuest")))
            return MemberValidation(done, label_of(answer.text("Name")), label_of(answer.text("Level")))
        return MemberValidation(_declined(answer))

    def balance(self, membership: str) -> MemberBalance:
        """Chapter 6, Statement, in the profile's first unit."""
        unit = self.profile.units[0]
        parts = {"Guest": membership, "Currency": CURRENCIES[unit.code]}
        answer = GATEWAY.call(self.session, "Statement", parts)
        if isinstance(answer, Unknown):
            return MemberBalance(answer)
        if answer.text("Guest") != membership:
            return MemberBalance(no_proof(answer.reply, answer.text("Code")))
        amount = amount_of(answer.text("Balance"), unit.scale)
        if not answer.fault and answer.text("Currency") == parts["Currency"] and amount is not None:
            return MemberBalance(Done(membership), amount)
        return MemberBalance(_declined(answer))

    def debit(self, instruction: Instruction) -> Outcome:
        """Chapter 3, REDEEM."""
        return self._move("Transaction", {"Kind": "REDEEM"}, instruction)

    def credit(self, instruction: Instruction) -> Outcome:
        """Chapter 3, AWARD; BonusQuantity is a part of Quantity."""
        bonus = decimal_text(instruction.bonus, instruction.scale)
        return self._move("Transaction", {"Kind": "AWARD", "BonusQuantity": bonus}, instruction)

    def reverse(self, instruction: Instruction) -> Outcome:
        """Chapter 4: cancels a transaction, whole or in part."""
        return self._move("Cancel", {"Cancels": instruction.original_key}, instruction)

    def inquire(self, key: str) -> Outcome:
        """Chapter 5."""
        answer = GATEWAY.call(self.session, "Lookup", {"Reference": key})
        if isinstance(answer, Unknown):
            return answer
        if answer.text("Reference") != key:
            return no_proof(answer.reply, answer.text("Code"))
        if not answer.fault and answer.text("Status") == "NOTFOUND":
            return Unknown("reference not found", not_found=True)
        if not answer.fault and answer.text("Status") == "DECLINED" and answer.text("Code") in REASONS:
            return Refused(REASONS[answer.text("Code")], answer.text("Code"))
        return self._judged(answer)

    def _move(self, operation: str, parts: dict[str, str], instruction: Instruction) -> Outcome:
        if not self.profile.amounts_of(instruction.unit).allow(instruction.amount):
            return Refused(Reason.AMOUNT_NOT_ALLOWED)  # never sent: quarters of nights do not exist
        currency = CURRENCIES.get(instruction.unit, "")
        parts |= {
            "Reference": instruction.key,
            "Guest": instruction.membership,
            "Currency": currency,
            "Quantity": decimal_text(instruction.amount, instruction.scale),
        }
        answer = GATEWAY.call(self.session, operation, parts, trace=instruction.trace)
        if isinstance(answer, Unknown):
            return answer
        judged = self._judged(answer)
        if isinstance(judged, Unknown):
            return judged
        quantity = amount_of(answer.text("Quantity"), instruction.scale)
        key, guest = answer.text("Reference"), answer.text("Guest")
        echo = wrong_echo(instruction, key=key, membership=guest, amount=quantity)
        wrong = echo or (Unknown("wrong echo: currency") if answer.text("Currency") != currency else None)
        return wrong or judged

    def _judged(self, answer: SoapAnswer) -> Outcome:
        """BOOKED, or REPEATED of what is booked, with a confirmation and a currency that is known, is a yes."""
        confirmation, named = reference_of(answer.text("Confirmation")), answer.text("Currency")
        unit = next((unit for unit in self.profile.units if CURRENCIES[unit.code] == named), None)
        if not answer.fault and answer.text("Status") in ("BOOKED", "REPEATED") and confirmation and unit is not None:
            quantity, balance = (amount_of(answer.text(name), unit.scale) for name in ("Quantity", "Balance"))
            return Done(confirmation, self.surviving(answer.text("NowGuest")), balance, quantity)
        return _declined(answer)


def _declined(answer: SoapAnswer) -> Outcome:
    """A fault of the client with a known code is a no."""
    code = answer.text("Code")
    if answer.fault == "Client" and code in REASONS:
        return Refused(REASONS[code], code)
    if code == REFERENCE_REUSED:
        return Unknown("reference was used for something else")
    return unfamiliar(answer.reply, code or answer.text("Status") or answer.fault)
