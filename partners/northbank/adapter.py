"""Northbank (bank cashback, in money).

Source: Northbank Cashback API v1, "Orders", "Refunds" and "Accounts"; the link is `docs_url` in profile.toml. An order
is accepted with 202 and settled later, so a first answer is seldom a yes; refusals that need no work come at once, as
422.
"""

from collections.abc import Mapping
from urllib.parse import quote

from hub.kernel.amounts import decimal_text
from partners.adapter import BrandAdapter
from partners.base import Done, Instruction, Member, MemberBalance, MemberValidation, Outcome, Reason, Refused, Unknown
from partners.replies import (
    amount_of,
    json_of,
    label_of,
    no_proof,
    reference_of,
    text_at,
    unfamiliar,
    unreadable,
    wrong_echo,
)
from partners.session import Reply

# Northbank's decline code, or the last piece of a problem's type -> ours. Others are not proof of anything.
REASONS = {
    "insufficient-funds": Reason.INSUFFICIENT_POINTS,
    "account-not-found": Reason.MEMBER_UNKNOWN,
    "account-closed": Reason.MEMBER_CLOSED,
    "account-frozen": Reason.MEMBER_BLOCKED,
    "customer-deceased": Reason.MEMBER_DECEASED,
    "not-enrolled": Reason.MEMBER_INELIGIBLE,
    "holder-mismatch": Reason.NAME_MISMATCH,
    "amount-not-supported": Reason.AMOUNT_NOT_ALLOWED,
    "limit-exceeded": Reason.LIMIT_REACHED,
    "not-refundable": Reason.NOT_REVERSIBLE,
    "suspected-fraud": Reason.FRAUD_SUSPECTED,
}
_PROBLEMS = "https://api.northbank.example/problems/"
_ORDERS = "/cashback/v1/orders"


class NorthbankAdapter(BrandAdapter):
    """Cents; one order per Idempotency-Key; keys are remembered for 24 hours."""

    def validate_member(self, member: Member) -> MemberValidation:
        """Accounts: verify."""
        body = {"accountId": member.membership, "holder": member.name}
        reply = self.session.post_json("/cashback/v1/accounts/verify", body)
        if isinstance(reply, Unknown):
            return MemberValidation(reply)
        document = json_of(reply)
        if document is None or text_at(document, "accountId") != member.membership:
            return MemberValidation(no_proof(reply))
        if reply.status == 200 and text_at(document, "verification") == "VERIFIED":
            done = Done(member.membership, self.surviving(text_at(document, "replacedBy")))
            holder, segment = text_at(document, "holder"), text_at(document, "segment")
            return MemberValidation(done, label_of(holder), label_of(segment))
        return MemberValidation(_problem(reply, document))

    def balance(self, membership: str) -> MemberBalance:
        """Accounts: balance."""
        reply = self.session.get(f"/cashback/v1/accounts/{quote(membership, safe='')}/balance")
        if isinstance(reply, Unknown):
            return MemberBalance(reply)
        document = json_of(reply)
        if document is None or text_at(document, "accountId") != membership:
            return MemberBalance(no_proof(reply))
        amount = self._money(document, "available")
        if reply.status == 200 and amount is not None:
            return MemberBalance(Done(membership), amount)
        return MemberBalance(_problem(reply, document))

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
        reply = self.session.get(f"{_ORDERS}/{quote(key, safe='')}")
        if isinstance(reply, Unknown):
            return reply
        document = json_of(reply)
        if document is None or text_at(document, "idempotencyKey") != key:
            return no_proof(reply)
        if reply.status == 404 and text_at(document, "type") == _PROBLEMS + "order-not-found":
            return Unknown("order not found", not_found=True)
        return self._judged(reply, document)

    def _order(self, path: str, parts: Mapping[str, object], instruction: Instruction) -> Outcome:
        currency = self.profile.units[0].currency
        value = decimal_text(instruction.amount, instruction.scale)
        amount = {"value": value, "currency": currency}
        body = {"accountId": instruction.membership, "amount": amount, **parts}
        keyed = {"idempotency-key": instruction.key}
        reply = self.session.post_json(path, body, trace=instruction.trace, headers=keyed)
        if isinstance(reply, Unknown):
            return reply
        document = json_of(reply)
        if document is None:
            return unreadable(reply)
        judged = self._judged(reply, document)
        if isinstance(judged, Unknown) and not judged.pending:
            return judged
        key, account = text_at(document, "idempotencyKey"), text_at(document, "accountId")
        echo = wrong_echo(instruction, key=key, membership=account, amount=self._money(document, "amount"))
        return echo or judged

    def _judged(self, reply: Reply, document: Mapping[str, object]) -> Outcome:
        """SETTLED is a yes, DECLINED with a known code a no, RECEIVED and PROCESSING are neither yet."""
        status, order = text_at(document, "status"), reference_of(text_at(document, "orderId"))
        if reply.status not in (200, 202):
            return _problem(reply, document)
        if status in ("RECEIVED", "PROCESSING") and order:
            return Unknown(f"{status.lower()} by the partner", pending=True)
        if reply.status == 200 and status == "SETTLED" and order:
            balance, amount = self._money(document, "available"), self._money(document, "amount")
            return Done(order, self.surviving(text_at(document, "replacedBy")), balance, amount)
        said = text_at(document, "declineCode")
        if reply.status == 200 and status == "DECLINED" and said in REASONS:
            return Refused(REASONS[said], said)
        return unfamiliar(reply, said or status)

    def _money(self, document: Mapping[str, object], name: str) -> int | None:
        """Cents of `{"value": "12.50", "currency": "USD"}`; None in another currency."""
        unit = self.profile.units[0]
        if text_at(document, name, "currency") != unit.currency:
            return None
        return amount_of(text_at(document, name, "value"), unit.scale)


def _problem(reply: Reply, document: Mapping[str, object]) -> Outcome:
    """422 with a known type (RFC 9457) is a no."""
    kind = text_at(document, "type")
    said = kind.removeprefix(_PROBLEMS)
    if reply.status == 422 and kind.startswith(_PROBLEMS) and said in REASONS:
        return Refused(REASONS[said], said)
    return no_proof(reply, said)
