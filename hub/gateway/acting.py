"""An operator who does what is a partner's to do: for whom, and why, in two headers; never without an audit entry.

Knows the headers. That the entry is written with the effect is `hub.gateway.idempotency`'s business.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from hub.gateway.refusals import ActingInvalid, ActingMissing, ActingNotAllowed

FOR = "HTTP_HUB_ACTING_FOR"
REASON = "HTTP_HUB_ACTING_REASON"

_PARTNER = re.compile(r"[a-z][a-z0-9_]{0,62}")
_REASON = re.compile(r"[\x20-\x7e]{3,200}")


@dataclass(frozen=True, slots=True)
class Acting:
    """actor: the operator's client. partner: for whom. reason: why, as the operator says. address: path asked."""

    actor: str
    partner: str
    reason: str
    address: str


def acting_of(environ: Mapping[str, object], actor: str) -> Acting:
    """What an operator says about acting for a partner. Raises: ActingMissing, ActingInvalid."""
    partner, reason = str(environ.get(FOR, "")), str(environ.get(REASON, "")).strip()
    if not partner or not reason:
        raise ActingMissing("Say for which partner and why: Hub-Acting-For and Hub-Acting-Reason.")
    if not _PARTNER.fullmatch(partner) or not _REASON.fullmatch(reason):
        raise ActingInvalid("Hub-Acting-For is a partner's code, Hub-Acting-Reason 3 to 200 visible ASCII characters.")
    return Acting(actor, partner, reason, str(environ["PATH_INFO"]))


def refuse_acting(environ: Mapping[str, object]) -> None:
    """Raises: ActingNotAllowed, when a partner's client says it acts for somebody."""
    if FOR in environ or REASON in environ:
        raise ActingNotAllowed("Only the hub's own operators act for a partner; leave these headers out.")
