"""What a client may be allowed to do, as words in a token. Knows the words; does not know routes."""

from collections.abc import Collection
from enum import StrEnum

from hub.access.types import CallerKind
from hub.kernel.errors import HubError


class ScopeUnknown(HubError):
    """A scope that the hub does not have."""

    code = "scope_unknown"


class ScopeNotAllowed(HubError):
    """A scope that callers of another kind may have, not this one."""

    code = "scope_not_allowed"


class Scope(StrEnum):
    """One permission each, least privilege: reading and writing are apart."""

    AGREEMENTS_READ = "agreements:read"  # see the own partner's agreements
    AGREEMENTS_WRITE = "agreements:write"  # propose and activate agreements
    APPROVALS_WRITE = "approvals:write"  # say yes, for the own partner, to agreements, rate rules and campaigns
    AUDIT_READ = "audit:read"  # see who did what
    CLIENTS_READ = "clients:read"  # see which clients there are
    CLIENTS_WRITE = "clients:write"  # add, rotate, stop and start partners' clients
    CONVERSIONS_READ = "conversions:read"  # see conversions of the own partner
    CONVERSIONS_WRITE = "conversions:write"  # accept quotes, cancel, reverse
    EVENTS_READ = "events:read"  # read the own partner's log of events
    FUNDING_WRITE = "funding:write"  # record what banks have paid in advance
    MEMBER_CONVERT = "member:convert"  # quote and convert the own points, as a member
    MEMBER_LINKS = "member:links"  # tie and untie the own memberships, as a member
    MEMBER_READ = "member:read"  # see the own links and conversions, as a member
    MEMBERS_READ = "members:read"  # see links of the own partner's members
    MEMBERS_WRITE = "members:write"  # add members, record links
    NOTIFICATIONS_READ = "notifications:read"  # see what the own partner sent to the hub, and what became of it
    NOTIFICATIONS_WRITE = "notifications:write"  # have notifications in quarantine tried again, or dismiss them
    PARTNERS_READ = "partners:read"  # see which brands take part
    PARTNERS_WRITE = "partners:write"  # add partners, edit, move, stop and start them
    PROGRAMMES_READ = "programmes:read"  # see the own partner's hosted programmes, their memberships and points
    PROGRAMMES_WRITE = "programmes:write"  # enrol members there, move their points, block and close memberships
    QUOTES_READ = "quotes:read"  # ask what a conversion would be
    RATES_READ = "rates:read"  # see rate rules
    RATES_WRITE = "rates:write"  # propose, activate, withdraw, stop and start rate rules and campaigns
    SETTLEMENTS_READ = "settlements:read"  # see the own partner's statements
    SETTLEMENTS_WRITE = "settlements:write"  # accept the own partner's statements, or object to lines of them
    SPEND_READ = "spend:read"  # see card tokens, accruals, blocks and claims of the own bank
    SPEND_WRITE = "spend:write"  # send card transactions, link tokens, choose targets, claim
    UNITS_READ = "units:read"  # see units
    UNITS_WRITE = "units:write"  # add units
    WEBHOOKS_READ = "webhooks:read"  # see the own partner's endpoints and deliveries
    WEBHOOKS_WRITE = "webhooks:write"  # add, change, test and remove endpoints, replay


# What a person reads before saying yes; as total as the words above.
WORDS: dict[Scope, str] = {
    Scope.AGREEMENTS_READ: "See partners' agreements",
    Scope.AGREEMENTS_WRITE: "Propose and activate agreements",
    Scope.APPROVALS_WRITE: "Say yes, for a partner, to agreements, rates and campaigns",
    Scope.AUDIT_READ: "See who did what",
    Scope.CLIENTS_READ: "See which programs may call the hub",
    Scope.CLIENTS_WRITE: "Add, renew, stop and start partners' programs",
    Scope.CONVERSIONS_READ: "See conversions",
    Scope.CONVERSIONS_WRITE: "Convert points, cancel conversions and convert back",
    Scope.EVENTS_READ: "Read the log of what happened",
    Scope.MEMBER_CONVERT: "Convert your points into points of other brands",
    Scope.MEMBER_LINKS: "Tie your memberships together, and untie them",
    Scope.MEMBER_READ: "See your memberships and your conversions",
    Scope.MEMBERS_READ: "See members' memberships",
    Scope.MEMBERS_WRITE: "Add members and record their memberships",
    Scope.NOTIFICATIONS_READ: "See what partners told of their own accord",
    Scope.NOTIFICATIONS_WRITE: "Decide about what partners told of their own accord",
    Scope.PARTNERS_READ: "See which brands take part",
    Scope.PARTNERS_WRITE: "Add, change, stop and start partners",
    Scope.PROGRAMMES_READ: "See programmes that the hub keeps, their members and their points",
    Scope.PROGRAMMES_WRITE: "Enrol members in programmes that the hub keeps, and move their points",
    Scope.FUNDING_WRITE: "Record what banks have paid in advance",
    Scope.SPEND_READ: "See card tokens, accruals, blocks and claims of the own bank",
    Scope.SPEND_WRITE: "Send card transactions, link tokens, choose targets, claim",
    Scope.WEBHOOKS_READ: "See the own partner's endpoints and deliveries",
    Scope.WEBHOOKS_WRITE: "Add, change, test and remove endpoints, replay",
    Scope.QUOTES_READ: "Ask what a conversion would bring",
    Scope.RATES_READ: "See rates",
    Scope.RATES_WRITE: "Change rates and campaigns",
    Scope.SETTLEMENTS_READ: "See statements of what partners pay and get",
    Scope.SETTLEMENTS_WRITE: "Accept statements, or object to them",
    Scope.UNITS_READ: "See the kinds of points there are",
    Scope.UNITS_WRITE: "Add kinds of points",
}

OPERATORS_ONLY = frozenset(
    {
        Scope.AGREEMENTS_WRITE,
        Scope.AUDIT_READ,
        Scope.CLIENTS_READ,
        Scope.CLIENTS_WRITE,
        Scope.NOTIFICATIONS_WRITE,
        Scope.FUNDING_WRITE,
        Scope.PARTNERS_WRITE,
        Scope.RATES_WRITE,
        Scope.UNITS_WRITE,
    }
)
MEMBER_SCOPES = frozenset({Scope.MEMBER_CONVERT, Scope.MEMBER_LINKS, Scope.MEMBER_READ})
OPERATOR_SCOPES = frozenset(Scope) - MEMBER_SCOPES
PARTNER_SCOPES = OPERATOR_SCOPES - OPERATORS_ONLY

_OF_KIND = {
    CallerKind.MEMBER: MEMBER_SCOPES,
    CallerKind.OPERATOR: OPERATOR_SCOPES,
    CallerKind.PARTNER: PARTNER_SCOPES,
}


def scopes_of(kind: CallerKind) -> frozenset[Scope]:
    """Every scope that a caller of this kind may have; those of members and of all others have nothing in common."""
    return _OF_KIND[kind]


def checked_scopes(names: Collection[str], *, kind: CallerKind) -> tuple[str, ...]:
    """`names` sorted and without repeats, if a caller of this kind may have them.

    Raises: ScopeUnknown, ScopeNotAllowed.
    """
    allowed = scopes_of(kind)
    for name in names:
        if name not in list(Scope):
            raise ScopeUnknown(f"There is no scope {name[:64]!r}; choose from {', '.join(sorted(Scope))}.")
        if name not in allowed:
            raise ScopeNotAllowed(f"The scope {name} is not for a {kind}; choose from {', '.join(sorted(allowed))}.")
    return tuple(sorted(set(names)))
