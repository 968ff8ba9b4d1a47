"""What every route does before and after its own work: request ids, traces, authorisation, pace, answers.

Knows Flask's request of the moment. Does not know any resource.
"""

import re
import secrets
import time
from collections.abc import Mapping, Sequence

from flask import Response, g, request

from hub.access.types import Principal
from hub.gateway.accepting import Writing
from hub.gateway.authorising import RateLimiter, authorised
from hub.gateway.idempotency import Answer, Asked, Request, fingerprint_of, scoped_key
from hub.gateway.metrics import Metrics
from hub.gateway.paging import Cursors
from hub.gateway.parsing import idempotency_key
from hub.gateway.problems import PROBLEM_TYPE, problem_of
from hub.gateway.refusals import ScopeMissing
from hub.gateway.rendering import compact
from hub.gateway.services import Services
from hub.kernel.errors import HubError
from hub.kernel.ids import new_id

_REQUEST_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_TRACEPARENT = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})")


class Door:
    """Shared by all resources of one application."""

    def __init__(self, services: Services, metrics: Metrics) -> None:
        self.services = services
        self.metrics = metrics
        self.writing = Writing(services)
        self.limiter = RateLimiter(services.requests_per_minute)
        self.cursors = Cursors(services.database, services.vault, services.clock)

    def begin(self) -> None:
        """Before anything else: when it came, and what it is called."""
        g.started = time.perf_counter_ns()
        sent = request.environ.get("HTTP_X_REQUEST_ID", "")
        g.request_id = sent if _REQUEST_ID.fullmatch(sent) else new_id("req", self.services.clock.now())

    def caller(self, scope: str, *, cost: int = 1) -> Principal:
        """Who is calling. Raises: TokenMissing, TokenInvalid, ScopeMissing, RateLimited."""
        principal = authorised(self.services.guard, scope)
        g.pace = self.limiter.take(principal.client_id, cost=cost)
        return principal

    def operator(self, scope: str) -> Principal:
        """One of the hub's own people. Raises: what `caller` raises; ScopeMissing for a partner's client."""
        principal = self.caller(scope)
        if principal.partner:
            raise ScopeMissing("This is for the hub's own operators.", scope=scope)
        return principal

    def asked(self, principal: Principal, route: str, request_of_core: Request, content: object) -> Asked[Request]:
        """The request under its Idempotency-Key. Raises: IdempotencyKeyMissing, IdempotencyKeyInvalid."""
        key = scoped_key(principal.scope_of_keys, route, idempotency_key())
        return Asked(key, fingerprint_of(request.path, content), g.request_id, request_of_core)

    def answer(self, outcome: Answer | HubError) -> Response:
        """What was decided, as a response. Raises: the refusal, if it is one that was not kept."""
        if isinstance(outcome, HubError):
            raise outcome
        kind = "application/json" if outcome.status < 400 else PROBLEM_TYPE
        response = Response(outcome.body, outcome.status, mimetype=kind)
        if outcome.location:
            response.headers["Location"] = self.services.public_url + outcome.location
        if outcome.replayed:
            response.headers["Idempotency-Replayed"] = "true"
        return response

    def page(self, rows: Sequence[Mapping[str, object]], next_cursor: str | None) -> Response:
        """One page of a list."""
        return json_response({"data": rows, "next_cursor": next_cursor})

    def refuse(self, refusal: HubError) -> Response:
        """A refusal as problem+json."""
        problem = problem_of(refusal, public_url=self.services.public_url, request_id=g.request_id)
        response = Response(problem.body, problem.status, mimetype=PROBLEM_TYPE)
        if problem.retry_after_seconds:
            response.headers["Retry-After"] = str(problem.retry_after_seconds)
        if problem.status == 401:
            error = ' error="invalid_token"' if refusal.code == "token_invalid" else ""
            response.headers["WWW-Authenticate"] = f"Bearer{error}"
        elif problem.status == 403:
            wanted = refusal.facts.get("scope", "")
            response.headers["WWW-Authenticate"] = f'Bearer error="insufficient_scope", scope="{wanted}"'
        return response

    def finish(self, response: Response) -> Response:
        """After everything else: names, pace, no caching of what concerns one client, measures."""
        headers = response.headers
        headers["X-Request-Id"] = g.request_id
        if "trace" in g:
            headers["traceparent"] = g.trace
        if "pace" in g:
            headers["RateLimit-Policy"] = self.limiter.policy
            headers["RateLimit"] = f'"default";r={g.pace.left};t={g.pace.reset_seconds}'
        if "Cache-Control" not in headers:
            headers["Cache-Control"] = "no-store"
        headers["X-Content-Type-Options"] = "nosniff"
        route = request.url_rule.rule if request.url_rule is not None else "other"
        self.metrics.observe(request.method, route, response.status_code, time.perf_counter_ns() - g.started)
        return response


def trace() -> str:
    """This request's `traceparent`: our span in the caller's trace, or in a new one. Source: W3C Trace Context."""
    if "trace" not in g:
        found = _TRACEPARENT.fullmatch(request.environ.get("HTTP_TRACEPARENT", ""))
        name, flags = (found[1], found[2]) if found else (secrets.token_hex(16), "01")
        g.trace = f"00-{name}-{secrets.token_hex(8)}-{flags}"
    return str(g.trace)


def json_response(value: object, status: int = 200) -> Response:
    """`value` as JSON."""
    return Response(compact(value), status, mimetype="application/json")
