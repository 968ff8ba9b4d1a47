"""What the doors and the layers above may do with partners, units and agreements.

Knows where each function lives; holds no logic of its own.
"""

from hub.agreements import tables
from hub.agreements.agreements import activate_agreement, apply_caps, propose_agreement, take_activation_lock
from hub.agreements.approvals import approve, require_approvals, require_second_person
from hub.agreements.partners import (
    add_partner,
    add_unit,
    edit_partner,
    move_partner,
    propose_start,
    start_partner,
    stop_partner,
)
from hub.agreements.reading import get_agreement, is_live, list_agreements
from hub.agreements.roster import Roster, bump, get_partner, roster, version_now

__all__ = [
    "Roster",
    "activate_agreement",
    "add_partner",
    "add_unit",
    "apply_caps",
    "approve",
    "bump",
    "edit_partner",
    "get_agreement",
    "get_partner",
    "is_live",
    "list_agreements",
    "move_partner",
    "propose_agreement",
    "propose_start",
    "require_approvals",
    "require_second_person",
    "roster",
    "start_partner",
    "stop_partner",
    "tables",
    "take_activation_lock",
    "version_now",
]
