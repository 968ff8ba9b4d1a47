"""Claims for missing points: a member says what was bought, and is told what became of it, and why.

Matched by the bank's transaction id where it is known, else by card, amount and about the day: a purchase is booked up
to a few days after it was made. Knows what was received, refused and paid out. Decides nothing about points: what the
bank never sent is for the bank to send.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from hub.earning import store
from hub.earning.accruals import Accrual, find_accrual
from hub.earning.desk import Desk
from hub.earning.refusals import ITEM_CODES, AccrualMissing, ClaimMissing
from hub.earning.tokens import get_token
from hub.kernel.ids import new_id
from hub.storage import Work

# Days by which the day that a member remembers and the day that the bank sent may differ.
_DAYS_APART = 5
_COLUMNS = "id, bank, token, day, amount, transaction, merchant, answer, detail, points, made_at"


class ClaimAnswer(StrEnum):
    """What a claim is answered with."""

    CREDITED = "credited"  # it was received, and earned points
    EARNED_NOTHING = "earned_nothing"  # it was received, and no rule gives points for it
    REFUNDED = "refunded"  # it was received, and given back since
    STOPPED = "stopped"  # it was received; its points come when the bank is funded
    REFUSED = "refused"  # it was received and refused
    NOT_RECEIVED = "not_received"  # the bank has not sent it
    TOO_OLD = "too_old"  # it is longer ago than the bank's rules allow


@dataclass(frozen=True, slots=True)
class NewClaim:
    """What a member says. amount: smallest units of the bank's currency, > 0. transaction, merchant: may be empty."""

    token: str
    day: date
    amount: int
    transaction: str = ""
    merchant: str = ""


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim and its answer. token: the hub's number. points: what the transaction moved; None without one."""

    id: str
    bank: str
    token: int
    day: date
    amount: int
    transaction: str
    merchant: str
    answer: ClaimAnswer
    detail: str
    points: int | None
    made_at: datetime


def make_claim(work: Work, desk: Desk, new: NewClaim) -> Claim:
    """Answer a claim, and keep it. Raises: TokenMissing."""
    token = get_token(work, new.token, bank=desk.bank)
    answer, detail, points = _answer(work, desk, new, token.member)
    claim = Claim(
        id=new_id("clm", desk.now),
        bank=desk.bank,
        token=token.number,
        day=new.day,
        amount=new.amount,
        transaction=new.transaction,
        merchant=new.merchant,
        answer=answer,
        detail=detail,
        points=points,
        made_at=desk.now,
    )
    work.run(
        f"INSERT INTO earn_claim ({_COLUMNS}) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",  # noqa: S608
        (
            claim.id, claim.bank, claim.token, claim.day, claim.amount, claim.transaction, claim.merchant,
            claim.answer.value, claim.detail, claim.points, claim.made_at,
        ),
    )  # fmt: skip
    return claim


def get_claim(work: Work, id: str, *, bank: str) -> Claim:
    """One claim. bank: whose; empty for any. Raises: ClaimMissing."""
    rows = work.fetch(
        f"SELECT {_COLUMNS} FROM earn_claim WHERE id = %s AND (%s = '' OR bank = %s)",  # noqa: S608 - fixed
        (id, bank, bank),
    )
    if not rows:
        raise ClaimMissing("There is no such claim.")
    return _read(rows)[0]


def list_claims(work: Work, *, bank: str, live: bool, after: str, limit: int) -> list[Claim]:
    """Claims in the order in which they were made. bank: empty for every bank of this kind. after: the last seen."""
    rows = work.fetch(
        f"SELECT {_COLUMNS} FROM earn_claim WHERE id > %s AND (%s = '' OR bank = %s) "  # noqa: S608 - fixed
        "AND %s = (SELECT partner.live FROM partner WHERE partner.code = earn_claim.bank) ORDER BY id LIMIT %s",
        (after, bank, bank, live, limit),
    )
    return _read(rows)


def _answer(work: Work, desk: Desk, new: NewClaim, member: str) -> tuple[ClaimAnswer, str, int | None]:
    days = desk.rulesets[-1].claim_days
    if new.day < desk.now.astimezone(desk.zone).date() - timedelta(days=days):
        return ClaimAnswer.TOO_OLD, f"Claims are taken for {days} days.", None
    found = _received(work, desk.bank, new, member)
    if found is not None:
        return _of_accrual(work, found)
    code = store.refused_code(work, desk.bank, new.transaction) if new.transaction else ""
    if code:
        return ClaimAnswer.REFUSED, f"It was received and refused as {code}: {ITEM_CODES[code]}", None
    return ClaimAnswer.NOT_RECEIVED, "The bank has not sent such a transaction of this member.", None


def _received(work: Work, bank: str, new: NewClaim, member: str) -> Accrual | None:
    """What was received of this member: by its id, else the likeliest of about that day and just that amount."""
    if new.transaction:
        try:
            found = find_accrual(work, new.transaction, bank=bank)
        except AccrualMissing:
            return None
        return found if found.member == member and found.kind == "purchase" else None
    rows = work.fetch(
        "SELECT id, day, merchant FROM card_transaction WHERE bank = %s AND kind = 'purchase' AND amount = %s "
        "AND token IN (SELECT number FROM card_token WHERE member = %s) AND day BETWEEN %s AND %s",
        (bank, new.amount, member, new.day - timedelta(days=_DAYS_APART), new.day + timedelta(days=_DAYS_APART)),
    )
    said = new.merchant.casefold()
    near = sorted(rows, key=lambda row: (said not in row[2].casefold(), abs(row[1] - new.day), row[0]))
    return find_accrual(work, near[0][0], bank=bank) if near else None


def _of_accrual(work: Work, found: Accrual) -> tuple[ClaimAnswer, str, int]:
    points = found.points + found.later
    name = f"Transaction {found.transaction} of {found.day}"
    if found.refunded >= found.amount:
        return ClaimAnswer.REFUNDED, f"{name} was given back since.", points
    if points == 0:
        why = "no rule gives points for it" if not found.chain.parts else "too small, or beyond a cap or minimum"
        return ClaimAnswer.EARNED_NOTHING, f"{name}: {why}.", 0
    if found.state == "stopped":
        return ClaimAnswer.STOPPED, f"{name} earned {points} {found.unit}, which come when the bank is funded.", points
    return ClaimAnswer.CREDITED, f"{name} earned {points} {found.unit}; {_whereabouts(work, found)}.", points


def _whereabouts(work: Work, found: Accrual) -> str:
    """Where the points of a posted chunk are by now."""
    rows = work.fetch(
        "SELECT p.state, p.reason FROM earn_payout p JOIN earn_chunk c ON c.run = p.run AND c.number = %s "
        "WHERE p.member = %s AND p.unit = %s ORDER BY p.id LIMIT 1",
        (found.chunk, found.member, found.unit),
    )
    state, reason = rows[0] if rows else ("", "")
    return {
        "": "they go to the partner with the next payout",
        "waiting": "they wait for a membership at the partner",
        "sent": "they are on their way to the partner",
        "paid": "they have arrived at the partner",
        "merged": "they were set off against what was taken back",
        "returned": f"the partner refused them ({reason})",
        "by_hand": "a person finds out what became of them at the partner",
    }[state]


def _read(rows: Sequence[Sequence[object]]) -> list[Claim]:
    return [Claim(*(*row[:7], ClaimAnswer(str(row[7])), *row[8:])) for row in rows]  # type: ignore[arg-type]
