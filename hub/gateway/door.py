"""What every route does before and after its own work: request ids, traces, authorisation, pace, answers.

Knows the WSGI environment of the moment, where it keeps its notes under `hub.*`. Does not know any resource.
"""

import os
import re
import time
from collections.abc import Mapping, Sequence

from flask import Response, request

from hub.access.types import Principal
from hub.gateway.accepting import Writing
from hub.gateway.authorising import Pace, RateLimiter, authorised
from hub.gateway.idempotency import Answer, Asked, Request, fingerprint_of, scoped_key
from hub.gateway.metrics import Metrics
from hub.gateway.paging import Cursors
from hub.gateway.parsing import idempotency_key
from hub.gateway.problems import PROBLEM_TYPE, problem_of
from hub.gateway.refusals import RateLimited, ScopeMissing
from hub.gateway.replies import JSON, Reply, json_reply
from hub.gateway.services import Services
from hub.kernel.errors import HubError

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
        environ = request.environ
        environ["hub.started"] = time.perf_counter_ns()
        sent = environ.get("HTTP_X_REQUEST_ID", "")
        environ["hub.request_id"] = sent if _REQUEST_ID.fullmatch(sent) else f"req_{os.urandom(13).hex()}"

    def caller(self, scope: str, *, cost: int = 1) -> Principal:
        """Who is calling. Raises: TokenMissing, TokenInvalid, ScopeMissing, RateLimited."""
        environ = request.environ
        principal = authorised(self.services.guard, environ.get("HTTP_AUTHORIZATION", ""), scope)
        self.pace(principal, cost)
        return principal

    def pace(self, principal: Principal, cost: int) -> None:
        """Count this request, or this many more of it. Raises: RateLimited."""
        environ = request.environ
        try:
            environ["hub.pace"] = self.limiter.take(principal.client_id, cost=cost)
        except RateLimited as refusal:
            wait = refusal.facts["retry_after_seconds"]
            assert isinstance(wait, int)
            environ["hub.pace"] = Pace(0, wait)
            raise

    def operator(self, scope: str) -> Principal:
        """One of the hub's own people. Raises: what `caller` raises; ScopeMissing for a partner's client."""
        principal = self.caller(scope)
        if principal.partner:
            raise ScopeMissing("This is for the hub's own operators.", scope=scope)
        return principal

    def asked(self, principal: Principal, route: str, request_of_core: Request, content: object) -> Asked[Request]:
        """The request under its Idempotency-Key. Raises: IdempotencyKeyMissing, IdempotencyKeyInvalid."""
        environ = request.environ
        key = scoped_key(principal.scope_of_keys, route, idempotency_key(environ))
        return Asked(key, fingerprint_of(environ["PATH_INFO"], content), environ["hub.request_id"], request_of_core)

    def answer(self, outcome: Answer | HubError) -> Reply:
        """What was decided, as a response. Raises: the refusal, if it is one that was not kept."""
        if isinstance(outcome, HubError):
            raise outcome
        kind = JSON if outcome.status < 400 else PROBLEM_TYPE
        reply = Reply(outcome.body.encode(), outcome.status, kind)
        if outcome.location:
            reply.add("Location", self.services.public_url + outcome.location)
        if outcome.replayed:
            reply.add("Idempotency-Replayed", "true")
        return reply

    def page(self, rows: Sequence[Mapping[str, object]], next_cursor: str | None) -> Reply:
        """One page of a list."""
        return json_reply({"data": rows, "next_cursor": next_cursor})

    def refuse(self, refusal: HubError) -> Reply:
        """A refusal as problem+json."""
        problem = problem_of(refusal, public_url=self.services.public_url, request_id=request_id())
        reply = Reply(problem.body.encode(), problem.status, PROBLEM_TYPE)
        if problem.retry_after_seconds:
            reply.add("Retry-After", str(problem.retry_after_seconds))
        if problem.status == 401:
            reply.add("WWW-Authenticate", "Bearer" + ' error="invalid_token"' * (refusal.code == "token_invalid"))
        elif problem.status == 403:
            wanted = refusal.facts.get("scope", "")
            reply.add("WWW-Authenticate", f'Bearer error="insufficient_scope", scope="{wanted}"')
        return reply

    def finish(self, response: Response) -> Response:
        """After everything else: names, pace, no caching of what concerns one client, measures."""
        assert isinstance(response, Reply), "every answer of the hub is a Reply"
        sent = request
        environ = sent.environ
        response.add("X-Request-Id", environ["hub.request_id"])
        if "hub.trace" in environ:
            response.add("traceparent", environ["hub.trace"])
        pace: Pace | None = environ.get("hub.pace")
        if pace is not None:
            response.add("RateLimit-Policy", self.limiter.policy)
            response.add("RateLimit", f'"default";r={pace.left};t={pace.reset_seconds}')
        if not response.has("Cache-Control"):
            response.add("Cache-Control", "no-store")
        response.add("X-Content-Type-Options", "nosniff")
        rule = sent.url_rule
        elapsed = time.perf_counter_ns() - environ["hub.started"]
        route = rule.rule if rule is not None else "other"
        self.metrics.observe(environ["REQUEST_METHOD"], route, response.status_code, elapsed)
        return response


def request_id() -> str:
    """What this request is called."""
    return str(request.environ["hub.request_id"])


def trace() -> str:
    """This request's `traceparent`: our span in the caller's trace, or in a new one. Source: W3C Trace Context."""
    environ = request.environ
    if "hub.trace" not in environ:
        found = _TRACEPARENT.fullmatch(environ.get("HTTP_TRACEPARENT", ""))
        fresh = os.urandom(24).hex()
        name, flags = (found[1], found[2]) if found else (fresh[16:], "01")
        environ["hub.trace"] = f"00-{name}-{fresh[:16]}-{flags}"
    return str(environ["hub.trace"])
