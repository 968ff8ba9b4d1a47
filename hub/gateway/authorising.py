"""Who is calling, and whether they may.

Knows bearer tokens and scopes. Does not know what is asked for.
"""

from collections.abc import Callable

from hub.access.guard import Guard
from hub.access.tokens import TokenInvalid
from hub.access.types import Principal
from hub.gateway.refusals import ScopeMissing, TokenMissing


def authorised(guard: Guard, header: str, scope: str, prove: Callable[[Principal, str], None]) -> Principal:
    """Who is calling, if the token of this Authorization header allows `scope`.

    prove: called with a caller whose token is bound to a key, and that token; raises unless the key is shown.

    Raises: TokenMissing, TokenInvalid, ScopeMissing, and what `prove` raises.
    """
    kind, _, sent = header.partition(" ")
    token = sent.strip()
    bound = kind.lower() == "dpop"
    if not token or not (bound or kind.lower() == "bearer"):
        raise TokenMissing("Send an access token as Authorization: Bearer; get one at /oauth/token.")
    principal = guard.check(token)
    if bound != bool(principal.bound_to):
        # Taken as a bearer token, a stolen one that is bound would be good without its key (RFC 9449 §7.2).
        raise TokenInvalid("A token bound to a key is sent as Authorization: DPoP with a proof, any other as Bearer.")
    if bound:
        prove(principal, token)
    if scope not in principal.scopes:
        raise ScopeMissing(f"This token lacks the scope {scope}.", scope=scope)
    return principal
