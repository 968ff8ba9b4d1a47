"""What belongs to card spend as JSON for the world: plain dictionaries, integers beside their units."""

from collections.abc import Sequence

from hub.earning.accruals import Accrual, Explained
from hub.earning.claims import Claim
from hub.earning.codec import token_id
from hub.earning.funding import Block
from hub.earning.payouts import Payout
from hub.earning.settling import BankState
from hub.earning.simulation import Line, Side, Simulation
from hub.earning.types import Choice, ItemResult, RulesetRecord, Token
from hub.gateway.rendering import Shown
from hub.kernel.amounts import decimal_text, fraction_text
from hub.kernel.clock import rfc3339


def item_view(item: ItemResult) -> Shown:
    """What became of one transaction."""
    return {
        "id": item.transaction or None,
        "code": item.code,
        "points": item.points,
        "unit": item.unit or None,
        "accrual": item.accrual or None,
        "posted": item.posted,
        "detail": item.detail or None,
    }


def token_view(token: Token) -> Shown:
    """A token, for the bank whose it is."""
    return {
        "id": token_id(token.number),
        "token": token.token,
        "member": token.member,
        "product": token.product or None,
        "tier": token.tier or None,
        "removed_at": rfc3339(token.removed_at) if token.removed_at else None,
    }


def target_view(choice: Choice) -> Shown:
    """A choice. since: null for one that always held."""
    return {
        "member": choice.member,
        "unit": choice.unit,
        "since": None if choice.always else choice.since.isoformat(),
    }


def rules_view(record: RulesetRecord, approved_by: Sequence[str], *, to_partner: bool) -> Shown:
    """A set of earn rules. to_partner: for partners, who are not told the names of the hub's operators."""
    ruleset = record.ruleset
    return {
        "id": ruleset.id,
        "bank": ruleset.bank,
        "code": ruleset.code,
        "state": ruleset.state,
        "currency": ruleset.currency,
        "target": ruleset.target,
        "effective_from": ruleset.since.isoformat(),
        "effective_until": ruleset.until.isoformat() if ruleset.until else None,
        "document": dict(ruleset.document),
        "approved_by": list(approved_by),
        "proposed_at": rfc3339(record.proposed_at),
        "proposed_by": None if to_partner else record.proposed_by,
        "activated_by": None if to_partner else record.activated_by or None,
    }


def accrual_view(accrual: Accrual) -> Shown:
    """An accrual, for the bank whose transaction it is."""
    return {
        "id": accrual.id,
        "bank": accrual.bank,
        "transaction": accrual.transaction,
        "kind": accrual.kind,
        "token": token_id(accrual.token),
        "member": accrual.member,
        "at": rfc3339(accrual.at),
        "day": accrual.day.isoformat(),
        "amount": accrual.amount,
        "currency": accrual.currency,
        "category": accrual.category,
        "merchant": accrual.merchant or None,
        "product": accrual.product or None,
        "tier": accrual.tier or None,
        "original": accrual.original or None,
        "refunded": accrual.refunded,
        "unit": accrual.unit,
        "points": accrual.points + accrual.later,
        "rules": accrual.ruleset,
        "state": accrual.state,
    }


def explained_view(step: Explained) -> Shown:
    """One step of an explanation."""
    points = None if step.points is None else fraction_text(step.points)
    return {"what": step.what, "detail": step.detail, "points": points}


def simulation_view(found: Simulation) -> Shown:
    """What rules would have changed."""
    return {
        "from": found.since.isoformat(),
        "to": found.until.isoformat(),
        "transactions": found.transactions,
        "members": {"gaining": found.gaining, "losing": found.losing, "unchanged": found.unchanged},
        "units": [_side_view(one) for one in found.units],
        "by_category": [_line_view(one) for one in found.categories],
        "by_product": [_line_view(one) for one in found.products],
        "by_member": [_line_view(one) for one in found.members],
    }


def _side_view(side: Side) -> Shown:
    return {
        "unit": side.unit,
        "points_now": side.points_now,
        "points_then": side.points_then,
        "currency": side.currency or None,
        "cost_now": _cost(side.cost_now, side),
        "cost_then": _cost(side.cost_then, side),
    }


def _cost(cost: int | None, side: Side) -> str | None:
    return None if cost is None else decimal_text(cost, side.currency_scale)


def _line_view(line: Line) -> Shown:
    return {"name": line.name, "points_now": line.points_now, "points_then": line.points_then}


def claim_view(claim: Claim) -> Shown:
    """A claim and its answer."""
    return {
        "id": claim.id,
        "bank": claim.bank,
        "token": token_id(claim.token),
        "day": claim.day.isoformat(),
        "amount": claim.amount,
        "transaction": claim.transaction or None,
        "merchant": claim.merchant or None,
        "answer": claim.answer,
        "detail": claim.detail,
        "points": claim.points,
        "made_at": rfc3339(claim.made_at),
    }


def payout_view(payout: Payout) -> Shown:
    """A payout, for the bank whose member it is; not the membership's number."""
    return {
        "id": payout.id,
        "bank": payout.bank,
        "partner": payout.partner,
        "member": payout.member,
        "unit": payout.unit,
        "points": payout.points,
        "state": payout.state,
        "reason": payout.reason or None,
    }


def block_view(bank: str, block: Block) -> Shown:
    """What a bank paid in advance, and what is left of it."""
    return {
        "id": block.id,
        "bank": bank,
        "kind": block.kind,
        "unit": block.unit,
        "amount": block.amount,
        "left": block.left,
        "reorder_at": block.reorder_at,
        "reserve": block.reserve,
    }


def state_view(bank: str, state: BankState) -> Shown:
    """Whether a bank's accruals go on. waiting: parts that are kept and not posted."""
    return {"bank": bank, "state": state.state, "reason": state.reason or None, "waiting": state.waiting}
