"""What is refused at the front door for notifications, and of whoever looks after them."""

from hub.kernel.errors import HubError


class SignatureMissing(HubError):
    """A notification without the signature that its partner agreed to send."""

    code = "signature_missing"


class NotificationHeadersInvalid(HubError):
    """Headers of a notification that stand twice or have another form than the convention says."""

    code = "notification_headers_invalid"


class NotificationIdReused(HubError):
    """An id that this partner has used before, for another notification."""

    code = "notification_id_reused"


class NotificationMissing(HubError):
    """There is no notification with this id."""

    code = "notification_missing"


class NotificationStateWrong(HubError):
    """Only a notification in quarantine can be tried again or dismissed."""

    code = "notification_state_wrong"


class SenderKeyInvalid(HubError):
    """A secret or key that cannot prove a partner's notifications."""

    code = "sender_key_invalid"


class SenderKeyMissing(HubError):
    """The partner has no such key for its notifications."""

    code = "sender_key_missing"
