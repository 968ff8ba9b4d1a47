"""An objection as the doors show it: without what it puts in dispute at other partners."""

from hub.kernel.amounts import decimal_text
from hub.kernel.clock import rfc3339
from hub.settlement import objections, store
from hub.settlement.reading import money_of, summed
from hub.settlement.types import Objection
from hub.storage import Work


def objection_view(work: Work, one: Objection) -> dict[str, object]:
    """Amounts as exact decimals. held_out: whether the lines left the netting of their window."""
    own = [each for each in objections.disputed(work, one.id) if each.line.partner == one.partner]
    money = money_of(store.agreed(work))
    return {
        "id": one.id,
        "statement": one.statement,
        "window": one.window,
        "partner": one.partner,
        "state": one.state.value,
        "held_out": any(each.held for each in own),
        "lines": [
            {
                "currency": line.currency,
                "kind": line.kind,
                "agreement": line.agreement,
                "counterparty": line.counterparty,
                "count": line.count,
                "debits": decimal_text(line.debits, money[line.currency].scale),
                "credits": decimal_text(line.credits, money[line.currency].scale),
            }
            for line in summed(each.line for each in own)
        ],
        "reason": one.reason,
        "raised_at": rfc3339(one.raised_at),
        "decide_by": one.decide_by.isoformat(),
        "decided_at": rfc3339(one.decided_at) if one.decided_at else None,
        "remark": one.remark or None,
    }
