"""What every route does before and after its own work: request ids, traces, authorisation, pace, answers.

Knows the WSGI environment of the moment, where it keeps its notes under `hub.*`. Does not know any resource.
"""

import hmac
import os
import re
import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from urllib.parse import quote

from flask import Response, request

from hub.access.proofs import PROOF_ALGORITHMS, ProofInvalid, read_proof, use_proof
from hub.access.scopes import scopes_of
from hub.access.types import CallerKind, Principal
from hub.gateway.accepting import Effect, Writing
from hub.gateway.acting import Acting, acting_of, refuse_acting
from hub.gateway.authorising import authorised
from hub.gateway.etags import expected_tags, is_known, tag_of
from hub.gateway.idempotency import Answer, Asked, Request, fingerprint_of, scoped_key
from hub.gateway.metrics import Metrics
from hub.gateway.pacing import Pace, Pacer
from hub.gateway.paging import Cursors, Listing
from hub.gateway.parsing import idempotency_key, page_limit, query
from hub.gateway.problems import PROBLEM_TYPE, problem_of
from hub.gateway.refusals import ActingInvalid, RateLimited, ScopeMissing, TokenMissing
from hub.gateway.rendering import compact
from hub.gateway.replies import JSON, Reply, json_reply
from hub.gateway.services import Services
from hub.kernel.errors import HubError
from hub.rates.catalogue import Catalogue
from hub.storage import Work

_REQUEST_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_TRACEPARENT = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})")


class Door:
    """Shared by all resources of one application."""

    def __init__(self, services: Services, metrics: Metrics) -> None:
        self.services = services
        self.metrics = metrics
        self.writing = Writing(services)
        self.limiter = Pacer(services.database, services.clock, services.requests_per_minute)
        self.cursors = Cursors(services.database, services.vault, services.clock, _caller)

    def begin(self) -> None:
        """Before anything else: when it came, and what it is called."""
        environ = request.environ
        environ["hub.started"] = time.perf_counter_ns()
        sent = environ.get("HTTP_X_REQUEST_ID", "")
        environ["hub.request_id"] = sent if _REQUEST_ID.fullmatch(sent) else f"req_{os.urandom(13).hex()}"

    def caller(self, scope: str, *, cost: int = 1) -> Principal:
        """Who is calling. Raises: TokenMissing, TokenInvalid, ProofInvalid, ScopeMissing, RateLimited."""
        environ = request.environ
        if "access_token=" in environ["QUERY_STRING"]:
            # Addresses are logged, kept and passed on; a token that was in one is as good as published.
            raise TokenMissing("Send the access token in the Authorization header, never in the address.")
        principal = authorised(self.services.guard, environ.get("HTTP_AUTHORIZATION", ""), scope, self._prove)
        if scope not in scopes_of(principal.kind):
            raise ScopeMissing("No token of this kind of caller allows this, whatever it says.", scope=scope)
        environ["hub.client"] = f"{principal.client_id} {principal.subject}"
        self.pace(principal, cost)
        return principal

    def _prove(self, principal: Principal, token: str) -> None:
        """The sender holds the key that its token is bound to. Raises: ProofInvalid."""
        services, environ = self.services, request.environ
        proof = read_proof(
            environ.get("HTTP_DPOP", ""),
            method=environ["REQUEST_METHOD"],
            url=services.public_url + quote(environ["PATH_INFO"]),
            token=token,
            now=services.clock.now(),
        )
        if not hmac.compare_digest(proof.key, principal.bound_to):
            raise ProofInvalid("The DPoP proof was made with another key than the token is bound to.")
        with services.database.work() as work:
            use_proof(work, proof)

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
        """One of the hub's own people. Raises: what `caller` raises; ScopeMissing for anybody else."""
        principal = self.caller(scope)
        if principal.kind is not CallerKind.OPERATOR:
            raise ScopeMissing("This is for the hub's own operators.", scope=scope)
        return principal

    def for_partner(self, scope: str) -> Principal:
        """Who does what is a partner's to do: a client of the partner, or an operator who says for whom and why.

        The operator then counts as that partner's client, and what it brings about is written into the audit log.
        Raises: what `caller` raises; ActingMissing, ActingInvalid, ActingNotAllowed.
        """
        principal = self.caller(scope)
        environ = request.environ
        if principal.kind is not CallerKind.OPERATOR:
            refuse_acting(environ)
            return principal
        acting = acting_of(environ, principal.actor)
        partner = self.catalogue().roster.partners.get(acting.partner)
        if partner is None or partner.live != principal.live:
            raise ActingInvalid("There is no such partner to act for.")
        environ["hub.acting"] = acting
        return replace(principal, partner=acting.partner)

    def member(self, scope: str) -> Principal:
        """A member by an app that it signed in to; `member` of the answer says which. Raises: what `caller` raises."""
        principal = self.caller(scope)
        assert principal.member, "scopes of members are for members alone"
        return principal

    def reading(self, principal: Principal) -> AbstractContextManager[Work]:
        """A reading that sees what this caller may see, whatever is asked."""
        assert principal.partner or principal.kind is CallerKind.OPERATOR, "only operators have the whole view"
        return self.services.database.read(as_partner=principal.partner)

    def catalogue(self) -> Catalogue:
        """The hub's own snapshot of partners, units and rates; what of it is shown, the caller of this decides."""
        with self.services.database.read() as work:
            return self.services.catalogues.get(work)

    def listing(self, filters: Collection[str] = ()) -> Listing:
        """What is asked of a list that takes these filters. Raises: ValidationFailed, CursorInvalid, CursorExpired."""
        found, route = query((*filters, "limit", "cursor")), str(request.environ["PATH_INFO"])
        after = self.cursors.open(found.get("cursor"), route=route, filters=found)
        return Listing(route, page_limit(found), after, found, self.cursors)

    def shown(self, view: Mapping[str, object]) -> Reply:
        """One thing, with its entity tag; 304 for a caller that has it already."""
        return self.shown_as_kept(compact(view).encode())

    def shown_as_kept(self, body: bytes) -> Reply:
        """One thing that is JSON already, byte for byte, with its entity tag."""
        tag = tag_of(body.decode())
        known = is_known(request.environ.get("HTTP_IF_NONE_MATCH", ""), tag)
        reply = Reply.without_body(304) if known else Reply(body, 200, JSON)
        reply.add("ETag", tag)
        reply.add("Cache-Control", "private, no-cache")
        return reply

    def expected(self) -> frozenset[str]:
        """What the caller has seen of the thing it changes. Raises: PreconditionMissing, PreconditionInvalid."""
        return expected_tags(request.environ.get("HTTP_IF_MATCH"))

    def asked(self, principal: Principal, route: str, request_of_core: Request, content: object) -> Asked[Request]:
        """The request under its Idempotency-Key. Raises: IdempotencyKeyMissing, IdempotencyKeyInvalid."""
        environ = request.environ
        # What one operator did is never the answer to another: the second person of a decision is somebody else.
        ours = principal.kind is CallerKind.OPERATOR and not principal.partner
        scope = f"hub:{principal.actor}" if ours else principal.scope_of_keys
        key = scoped_key(scope, route, idempotency_key(environ))
        fingerprint = fingerprint_of(environ["PATH_INFO"], content)
        return Asked(key, fingerprint, environ["hub.request_id"], request_of_core, acting())

    def perform(self, principal: Principal, route: str, effect: Effect, content: object) -> Reply:
        """Bring about one effect under the request's Idempotency-Key, and answer. Raises: what refuses it."""
        return self.answer(self.writing.perform(self.asked(principal, route, effect, content)))

    def answer(self, outcome: Answer | HubError) -> Reply:
        """What was decided, as a response. Raises: the refusal, if it is one that was not kept."""
        if isinstance(outcome, HubError):
            raise outcome
        kind = JSON if outcome.status < 400 else PROBLEM_TYPE
        none = outcome.status == 204
        reply = Reply.without_body(204) if none else Reply(outcome.body.encode(), outcome.status, kind)
        if outcome.location:
            reply.add("Location", self.services.public_url + outcome.location)
        if outcome.replayed:
            reply.add("Idempotency-Replayed", "true")
        if outcome.tag:
            reply.add("ETag", outcome.tag)
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
            wrong = ' error="invalid_token"' * (refusal.code == "token_invalid")
            proof = ' error="invalid_dpop_proof",' * (refusal.code == "proof_invalid")
            if refusal.code.startswith("signature_"):
                reply.add("WWW-Authenticate", "Signature")
                return reply
            reply.add("WWW-Authenticate", "Bearer" + wrong)
            reply.add("WWW-Authenticate", f'DPoP{proof} algs="{" ".join(PROOF_ALGORITHMS)}"')
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
        ageing = self.services.ageing.get((environ["REQUEST_METHOD"], route))
        if ageing is not None:
            for name, value in ageing.headers():
                response.add(name, value)
        self.metrics.observe(environ["REQUEST_METHOD"], route, response.status_code, elapsed)
        return response


def _caller() -> str:
    return str(request.environ.get("hub.client", ""))


def acting() -> Acting | None:
    """For which partner an operator acts with this request; None for everybody else."""
    found: Acting | None = request.environ.get("hub.acting")
    return found


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
