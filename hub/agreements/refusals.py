"""What this folder refuses. Knows the codes and their titles; does not know who asks or over what door."""

from hub.kernel.errors import HubError


class PartnerMissing(HubError):
    """A partner the hub does not know."""

    code = "partner_missing"


class PartnerConflict(HubError):
    """A partner that exists already with other particulars."""

    code = "partner_conflict"


class PartnerInvalid(HubError):
    """A partner with a code, time zone or address that cannot be used."""

    code = "partner_invalid"


class PartnerInactive(HubError):
    """A partner that takes part in nothing new: still a draft, winding down or gone."""

    code = "partner_inactive"


class UnitMissing(HubError):
    """A unit the hub does not know."""

    code = "unit_missing"


class UnitConflict(HubError):
    """A unit that exists already with other particulars."""

    code = "unit_conflict"


class UnitInvalid(HubError):
    """A unit with a code, scale, kind or currency that cannot be used."""

    code = "unit_invalid"


class MoveNotAllowed(HubError):
    """A step in a partner's life that its present state does not allow."""

    code = "move_not_allowed"


class TailRunning(HubError):
    """A partner that is winding down and still has to honour claims and reversals."""

    code = "tail_running"


class FourEyes(HubError):
    """A decision that needs a second person, taken by the one who proposed it."""

    code = "four_eyes"


class StartNotProposed(HubError):
    """Something stopped that nobody has proposed to start again."""

    code = "start_not_proposed"


class ApprovalMissing(HubError):
    """A change that a user of every partner it names has to approve first."""

    code = "approval_missing"


class AgreementUnknown(HubError):
    """There is no agreement version with this id."""

    code = "agreement_unknown"


class AgreementMissing(HubError):
    """No agreement of this partner is in force, or it has no price for this unit."""

    code = "agreement_missing"


class AgreementInvalid(HubError):
    """A draft of an agreement that cannot stand: currency, prices, dates or bounds."""

    code = "agreement_invalid"


class PriceNotExact(HubError):
    """A clearing price that is no whole number of ledger units for a single smallest unit."""

    code = "price_not_exact"


class TestLiveMixed(HubError):
    """Something of a test partner together with something of a live one."""

    code = "test_live_mixed"

    # Its name begins like that of a class of tests; collectors of tests look here.
    __test__ = False
