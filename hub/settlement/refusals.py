"""What this folder refuses. Knows the codes and their titles."""

from hub.kernel.errors import HubError


class CalendarMissing(HubError):
    """There is no settlement calendar with this code."""

    code = "calendar_missing"


class CalendarConflict(HubError):
    """A settlement calendar that exists already with other particulars."""

    code = "calendar_conflict"


class CalendarInvalid(HubError):
    """A settlement calendar or a closing day that cannot be used."""

    code = "calendar_invalid"


class WindowMissing(HubError):
    """There is no such settlement window."""

    code = "window_missing"


class WindowStateWrong(HubError):
    """A step of a settlement window that its present state does not allow."""

    code = "window_state_wrong"


class ObligationMissing(HubError):
    """There is no such obligation in this window."""

    code = "obligation_missing"


class ObligationOverpaid(HubError):
    """A payment of more than is still to be paid."""

    code = "obligation_overpaid"


class PaymentReferenceReused(HubError):
    """A payment reference that was used for another amount."""

    code = "payment_reference_reused"


class StatementMissing(HubError):
    """There is no statement for this partner and window."""

    code = "statement_missing"


class HeadroomMissing(HubError):
    """A payout that would take a partner beyond its net debit cap."""

    code = "headroom_missing"


class StatementClosed(HubError):
    """A statement that takes no objection or acknowledgement any more."""

    code = "statement_closed"


class ObjectionMissing(HubError):
    """There is no such objection."""

    code = "objection_missing"


class ObjectionInvalid(HubError):
    """An objection to lines that cannot be disputed."""

    code = "objection_invalid"


class ObjectionStateWrong(HubError):
    """An objection that was decided otherwise already."""

    code = "objection_state_wrong"


class PaymentAccountInvalid(HubError):
    """A bank account, mandate or creditor identifier that cannot be used."""

    code = "payment_account_invalid"


class PaymentAccountMissing(HubError):
    """There is no bank account for somebody that has to pay or is to be paid."""

    code = "payment_account_missing"


class PaymentFileInvalid(HubError):
    """A bank's file that is not read, or is about an account that is not the hub's."""

    code = "payment_file_invalid"
