"""What every OAuth endpoint for programs asks of a request's form, before anything in it is believed.

Knows RFC 6749's rules that Authlib does not hold. Does not know any endpoint.
"""

import base64
import binascii

from authlib.integrations.flask_oauth2.requests import FlaskOAuth2Payload, FlaskOAuth2Request
from authlib.oauth2 import OAuth2Request
from authlib.oauth2.rfc6749 import InvalidClientError, InvalidRequestError
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload
from flask import Request

from hub.kernel.limits import BODY_BYTES_MAX

_FORM = "application/x-www-form-urlencoded"

# Every way to authenticate that some client may have; `none` only names itself.
AUTH_METHODS = ("client_secret_basic", "client_secret_post", "private_key_jwt", "none")
CONFIDENTIAL_METHODS = AUTH_METHODS[:-1]


class SentForm(FlaskOAuth2Request):  # type: ignore[misc]
    """A request whose address is the configured one: Host is whatever the sender wrote."""

    def __init__(self, sent: Request, uri: str) -> None:
        OAuth2Request.__init__(self, method=sent.method, uri=uri, headers=sent.headers)
        self._request = sent
        self.payload = FlaskOAuth2Payload(sent)


class AskedParameters(OAuth2Request):  # type: ignore[misc]
    """An authorization request by its parameters, wherever they came from."""

    def __init__(self, parameters: dict[str, str], uri: str) -> None:
        super().__init__("GET", uri)
        self.payload = BasicOAuth2Payload(parameters)


def check_form(sent: Request) -> None:
    """What Authlib lets pass and RFC 6749 §2.3 and §3.2 do not. Raises: InvalidRequestError, InvalidClientError."""
    sent.max_content_length = BODY_BYTES_MAX
    if sent.mimetype != _FORM:
        raise InvalidRequestError(f"Send the parameters as {_FORM}.")
    if sent.query_string:
        raise InvalidRequestError("Send the parameters in the body, not in the query.")
    form = sent.form
    if any(len(values) > 1 for _, values in form.lists()):
        raise InvalidRequestError("A parameter is repeated.")
    header = sent.environ.get("HTTP_AUTHORIZATION")
    if sum((header is not None, "client_secret" in form, "client_assertion" in form)) > 1:
        raise InvalidRequestError("Authenticate in one way only.")
    if header is not None:
        named = _basic_client(str(header))
        if form.get("client_id", named) != named:
            raise InvalidRequestError("client_id is another one than that of the Authorization header.")


def way_of(sent: Request) -> str:
    """How the sender authenticates, by what it sent; exactly one way is left after `check_form`."""
    if "HTTP_AUTHORIZATION" in sent.environ:
        return "client_secret_basic"
    if "client_secret" in sent.form:
        return "client_secret_post"
    return "private_key_jwt" if "client_assertion" in sent.form else "none"


def _basic_client(header: str) -> str:
    """The client id of Basic credentials. Raises: InvalidClientError where they cannot be read."""
    kind, _, token = header.partition(" ")
    if kind.lower() != "basic":
        raise InvalidClientError
    try:
        name, colon, _ = base64.b64decode(token.strip(), validate=True).decode("utf-8").partition(":")
    except (binascii.Error, ValueError) as fault:
        raise InvalidClientError from fault
    if not colon:
        raise InvalidClientError
    return name
