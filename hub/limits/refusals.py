"""What limits refuse."""

from hub.kernel.errors import HubError


class LimitReached(HubError):
    """More than a limit allows in its time; the facts say what is left and when more is."""

    code = "limit_reached"


class LimitMissing(HubError):
    """A limit the hub does not know."""

    code = "limit_missing"


class LimitsFileInvalid(HubError):
    """A file of limits with broken rows; nothing of it was written."""

    code = "limits_file_invalid"
