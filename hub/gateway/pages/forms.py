"""The cookie that a browser holds, and the proof in every form that it was filled in on a page of ours.

The cookie is a random text. Signed in, its hash is a visit; before that it only ties forms to one browser, and it is
never the one that is used afterwards. Knows cookies and forms; does not know what they are for.
"""

import base64
import hmac
import re
import secrets

from flask import request
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import RequestEntityTooLarge

from hub.gateway.refusals import BodyTooLarge
from hub.gateway.replies import Reply
from hub.kernel.errors import HubError
from hub.kernel.limits import BODY_BYTES_MAX

_FORM = "application/x-www-form-urlencoded"
_COOKIE = re.compile(r"[A-Za-z0-9_-]{43}")


class FormInvalid(HubError):
    """A form that is too old, or was not sent from a page of the hub's own in this browser."""

    code = "form_invalid"


class Forms:
    """Cookies and proofs of one hub. secret: keys the proofs. secure: whether pages are served over https."""

    def __init__(self, secret: bytes, *, secure: bool) -> None:
        self._secret = secret
        self._name = "__Host-hub" if secure else "hub"
        self._secure = secure

    def cookie(self) -> str:
        """What this browser holds; empty for nothing that could be ours."""
        sent = request.cookies.get(self._name, "")
        return sent if _COOKIE.fullmatch(sent) else ""

    def fresh(self) -> str:
        """A cookie for a browser in which nobody is signed in."""
        return secrets.token_urlsafe(32)

    def keep(self, reply: Reply, cookie: str) -> Reply:
        """`reply`, after which the browser holds this cookie until it is closed."""
        secure = "; Secure" if self._secure else ""
        reply.add("Set-Cookie", f"{self._name}={cookie}; Path=/; HttpOnly; SameSite=Lax{secure}")
        return reply

    def proof(self, form: str, cookie: str, carried: str) -> str:
        """What a form of this name has to send along, in this browser and about what it carries."""
        text = "\n".join((form, cookie, carried)).encode("utf-8", "surrogatepass")
        digest = hmac.digest(self._secret, b"form:" + text, "sha256")
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()

    def sent(self, form: str) -> "MultiDict[str, str]":
        """The fields of this form, if this browser was shown it. Raises: FormInvalid, BodyTooLarge."""
        request.max_content_length = BODY_BYTES_MAX
        if request.mimetype != _FORM:
            raise FormInvalid("Fill in the form in a browser.")
        try:
            fields, cookie = request.form, self.cookie()
        except RequestEntityTooLarge as fault:
            raise BodyTooLarge(f"A form here may have {BODY_BYTES_MAX} bytes.") from fault
        # A browser that says where a form was sent from is believed when it says elsewhere.
        site = request.headers.get("Sec-Fetch-Site", "same-origin")
        shown = fields.get("proof", "").encode("utf-8", "surrogatepass")
        expected = self.proof(form, cookie, fields.get("request", "")).encode()
        if not cookie or site != "same-origin" or not hmac.compare_digest(shown, expected):
            raise FormInvalid("This form is too old, or this browser keeps no cookies. Start again in the app.")
        return fields
