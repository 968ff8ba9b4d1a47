"""Northbank (bank cashback, in money).

Source: Northbank Cashback API v1, "Orders", "Refunds", "Accounts" and "Events"; the link is `docs_url` in profile.toml.
An order is accepted with 202 and settled later, so a first answer is seldom a yes; the result comes by a signed event,
or to whoever asks. Refusals that need no work come at once, as 422. Every request is signed.
"""

from collections.abc import Mapping
from urllib.parse import quote

from hub.kernel.amounts import decimal_text
from partners.adapter import BrandAdapter
from partners.base import Done, Instruction, Member, MemberBalance, MemberValidation, Notification, Outcome, Unknown
from partners.northbank import orders
from partners.replies import json_answered, label_of, no_proof, text_at, wrong_echo

_ORDERS = "/cashback/v1/orders"


class NorthbankAdapter(BrandAdapter):
    """Cents; one order per Idempotency-Key; keys are remembered for 24 hours."""

    def validate_member(self, member: Member) -> MemberValidation:
        """Accounts: verify."""
        body = {"accountId": member.membership, "holder": member.name}
        answer = json_answered(self.session.post_json("/cashback/v1/accounts/verify", body))
        if isinstance(answer, Unknown):
            return MemberValidation(answer)
        reply, document = answer
        if text_at(document, "accountId") != member.membership:
            return MemberValidation(no_proof(reply))
        if reply.status == 200 and text_at(document, "verification") == "VERIFIED":
            done = Done(member.membership, self.surviving(text_at(document, "replacedBy")))
            holder, segment = text_at(document, "holder"), text_at(document, "segment")
            return MemberValidation(done, label_of(holder), label_of(segment))
        return MemberValidation(orders.problem(reply, document))

    def balance(self, membership: str) -> MemberBalance:
        """Accounts: balance."""
        path = f"/cashback/v1/accounts/{quote(membership, safe='')}/balance"
        answer = json_answered(self.session.get(path))
        if isinstance(answer, Unknown):
            return MemberBalance(answer)
        reply, document = answer
        if text_at(document, "accountId") != membership:
            return MemberBalance(no_proof(reply))
        amount = orders.money(document, "available", self.profile.units[0])
        if reply.status == 200 and amount is not None:
            return MemberBalance(Done(membership), amount)
        return MemberBalance(orders.problem(reply, document))

    def debit(self, instruction: Instruction) -> Outcome:
        """Orders: DEBIT."""
        return self._order(_ORDERS, {"direction": "DEBIT"}, instruction)

    def credit(self, instruction: Instruction) -> Outcome:
        """Orders: CREDIT; `promotional` is a part of the amount."""
        promotional = decimal_text(instruction.bonus, instruction.scale)
        return self._order(_ORDERS, {"direction": "CREDIT", "promotional": promotional}, instruction)

    def reverse(self, instruction: Instruction) -> Outcome:
        """Refunds: of an order, whole or in part."""
        return self._order("/cashback/v1/refunds", {"refundOf": instruction.original_key}, instruction)

    def inquire(self, key: str) -> Outcome:
        """Orders: by key, refunds too."""
        answer = json_answered(self.session.get(f"{_ORDERS}/{quote(key, safe='')}"))
        if isinstance(answer, Unknown):
            return answer
        reply, document = answer
        if text_at(document, "idempotencyKey") != key:
            return no_proof(reply)
        if reply.status == 404 and text_at(document, "type") == orders.PROBLEMS + "order-not-found":
            return Unknown("order not found", not_found=True)
        return orders.answered(reply, document, self.profile.units[0], self.surviving)

    def notifications(self, body: bytes) -> tuple[Notification, ...]:
        """Events: the result of one order each."""
        return (orders.told(body, self.profile.units[0], self.surviving),)

    def _order(self, path: str, parts: Mapping[str, object], instruction: Instruction) -> Outcome:
        unit = self.profile.units[0]
        amount = {"value": decimal_text(instruction.amount, instruction.scale), "currency": unit.currency}
        body = {"accountId": instruction.membership, "amount": amount, **parts}
        keyed = {"idempotency-key": instruction.key}
        answer = json_answered(self.session.post_json(path, body, trace=instruction.trace, headers=keyed))
        if isinstance(answer, Unknown):
            return answer
        reply, document = answer
        outcome = orders.answered(reply, document, unit, self.surviving)
        if isinstance(outcome, Unknown) and not outcome.pending:
            return outcome
        key, account = text_at(document, "idempotencyKey"), text_at(document, "accountId")
        ordered = orders.money(document, "amount", unit)
        return wrong_echo(instruction, key=key, membership=account, amount=ordered) or outcome
