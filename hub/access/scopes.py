"""What a client may be allowed to do, as words in a token. Knows the words; does not know routes."""

from collections.abc import Collection
from enum import StrEnum

from hub.kernel.errors import HubError


class ScopeUnknown(HubError):
    """A scope that the hub does not have."""

    code = "scope_unknown"


class ScopeNotAllowed(HubError):
    """A scope that only the hub's own operators may have."""

    code = "scope_not_allowed"


class Scope(StrEnum):
    """One permission each, least privilege: reading and writing are apart."""

    CONVERSIONS_READ = "conversions:read"  # see conversions of the own partner
    CONVERSIONS_WRITE = "conversions:write"  # accept quotes, cancel, reverse
    MEMBERS_READ = "members:read"  # see links of the own partner's members
    MEMBERS_WRITE = "members:write"  # add members, record links
    PARTNERS_READ = "partners:read"  # see which brands take part
    QUOTES_READ = "quotes:read"  # ask what a conversion would be
    RATES_READ = "rates:read"  # see rate rules
    RATES_WRITE = "rates:write"  # propose, activate, withdraw rate rules
    UNITS_READ = "units:read"  # see units


OPERATORS_ONLY = frozenset({Scope.RATES_WRITE})
PARTNER_SCOPES = frozenset(Scope) - OPERATORS_ONLY


def checked_scopes(names: Collection[str], *, partner: str) -> tuple[str, ...]:
    """`names` sorted and without repeats. partner: empty for the hub's own operators.

    Raises: ScopeUnknown, ScopeNotAllowed.
    """
    for name in names:
        if name not in list(Scope):
            raise ScopeUnknown(f"There is no scope {name[:64]!r}; choose from {', '.join(sorted(Scope))}.")
        if partner and name in OPERATORS_ONLY:
            raise ScopeNotAllowed(f"The scope {name} is for the hub's own operators, not for a partner's client.")
    return tuple(sorted(set(names)))
