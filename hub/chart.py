"""Chart of accounts: the only file that spells ledger account codes and labels.

Sign of every account: credits minus debits. `position:` above zero means that the hub owes the partner, below zero
that the partner owes the hub. `outside:` mirrors what happened to members' points at a partner: it falls when points
left a member there and rises when points arrived.
"""


def outside(unit: str) -> str:
    """Members' points at the partner that owns `unit`, as far as they moved through the hub."""
    return f"outside:{unit}"


def transit(unit: str) -> str:
    """Points or money under way between the two legs of a conversion; zero when nothing is open."""
    return f"transit:{unit}"


def liquidity(unit: str) -> str:
    """The hub's own account in a partner's unit, between the two halves of a conversion."""
    return f"liquidity:{unit}"


def position(partner: str, currency: str) -> str:
    """What the hub owes a partner (> 0) or is owed by it (< 0) in a clearing currency."""
    return f"position:{partner}:{currency}"


def trading(currency: str) -> str:
    """The spread and the open exchange position of the hub."""
    return f"trading:{currency}"


def fees(unit: str) -> str:
    """Fees earned by the hub, in points of a unit or in money."""
    return f"income:fees:{unit}"


def budget(campaign: str) -> str:
    """What is left of a campaign's budget, in the clearing currency it was funded in; floor 0."""
    return f"budget:{campaign}"


def budget_funding(funder: str, currency: str) -> str:
    """Where a campaign's budget came from: a partner's code, or `hub`."""
    return f"funding:{funder}:{currency}"


def owed(unit: str) -> str:
    """Points of members that neither partner would take back; payable when somebody is found who may have them."""
    return f"owed:{unit}"


def member(membership: str) -> str:
    """A membership of a hosted programme; stands in for `outside` there; floor 0."""
    return f"member:{membership}"


def price_label(kind: str, version: str, counterparty: str) -> str:
    """Label of a money transfer on a position account: settlement groups its lines by it.

    kind: what the line is for (`debit`, `credit`, `fee`, `bonus`, `reversal`); version: the agreement version that
    priced it; counterparty: the partner on the other side.
    """
    return f"{kind}|{version}|{counterparty}"
