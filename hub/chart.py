"""Chart of accounts: the only file that spells ledger account codes and labels.

Sign of every account: credits minus debits. `position:` above zero means that the hub owes the partner, below zero
that the partner owes the hub. `outside:` mirrors what happened to members' points at a partner: it falls when points
left a member there and rises when points arrived.
"""

POSITIONS = "position:"
"""What the codes of all position accounts begin with."""

PAYMENT = "payment"
"""Kind of a line that pays what earlier lines made due, and is billed to nobody."""

CORRECTION = "correction"
"""Kind of a line that takes back what an objection was right about."""


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
    return f"{POSITIONS}{partner}:{currency}"


def bank(currency: str) -> str:
    """Money of the hub at its settlement bank; below zero by what lies there, since it is the hub's to claim."""
    return f"bank:{currency}"


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


def member(unit: str, membership: str) -> str:
    """A membership of a hosted programme; stands in for `outside` there; floor 0. Numbers are a programme's own."""
    return f"member:{unit}:{membership}"


def issued(unit: str) -> str:
    """Points that a hosted programme gave to its members for what they did; below zero by so many."""
    return f"issued:{unit}"


def redeemed(unit: str) -> str:
    """Points that members of a hosted programme spent on its rewards."""
    return f"redeemed:{unit}"


def adjusted(unit: str) -> str:
    """Points of a hosted programme that were added (below zero) or removed (above) by hand."""
    return f"adjusted:{unit}"


def lapsed(unit: str) -> str:
    """Points of a hosted programme that expired in members' hands: its breakage."""
    return f"lapsed:{unit}"


def accrued(bank: str, unit: str) -> str:
    """Points that a bank granted for card spend and that have not arrived at the partner yet; falls when they do."""
    return f"accrued:{bank}:{unit}"


def prepaid(block: str) -> str:
    """What is left of a block that a bank paid in advance: points of a unit, or money; floor 0."""
    return f"prepaid:{block}"


def price_label(kind: str, version: str, counterparty: str) -> str:
    """Label of a money transfer on a position account: settlement groups its lines by it.

    kind: what the line is for (`debit`, `credit`, `fee`, `bonus`, `reversal`, `accrual`, `clawback`,
    `correction`); version: the
    agreement version that priced it; counterparty: the partner on the other side.
    """
    return f"{kind}|{version}|{counterparty}"


def payment_label(obligation: str) -> str:
    """Label of money that discharges an obligation of a settlement window."""
    return price_label(PAYMENT, obligation, "hub")


def label_parts(label: str) -> tuple[str, str, str]:
    """Kind, version and counterparty of a label on a position account."""
    kind, version, counterparty = label.split("|")
    return kind, version, counterparty
