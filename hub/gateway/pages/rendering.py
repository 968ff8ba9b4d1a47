"""HTML with everything escaped, and the headers that keep it ours: no frames, no outside loads, nothing kept.

Knows Jinja and the security headers of browsers. Does not know what a page is for.
"""

import re
from collections.abc import Callable
from urllib.parse import urlsplit

from flask import request
from jinja2 import Environment, PackageLoader, StrictUndefined

from hub.gateway.problems import status_of, title_of
from hub.gateway.replies import Reply
from hub.kernel.errors import HubError

_HTML = "text/html; charset=utf-8"
_PLAIN_ORIGIN = re.compile(r"https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?")
_SCHEME = re.compile(r"[a-z][a-z0-9.+-]*")

_templates = Environment(
    loader=PackageLoader("hub.gateway.pages"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def page(template: str, *, status: int = 200, leads_to: str = "", **shown: object) -> Reply:
    """The page of this template. leads_to: address of an app that a form of it ends at; empty for none."""
    body = _templates.get_template(f"{template}.html").render(**shown)
    return guarded(Reply(body.encode("utf-8", "replace"), status, _HTML), leads_to=leads_to)


def error_page(refusal: HubError) -> Reply:
    """A refusal in words, for a person."""
    environ = request.environ
    wait = refusal.facts.get("retry_after_seconds")
    reply = page(
        "error",
        status=status_of(refusal),
        title=title_of(type(refusal)),
        detail=refusal.detail,
        wait=wait,
        request_id=environ["hub.request_id"],
    )
    if isinstance(wait, int):
        reply.add("Retry-After", str(wait))
    return reply


def on_a_page(view: Callable[..., Reply]) -> Callable[..., Reply]:
    """`view`, whose refusals are told on a page; what is our fault goes on."""

    def answered(**named: str) -> Reply:
        try:
            return view(**named)
        except HubError as refusal:
            if status_of(refusal) >= 500:
                raise
            return error_page(refusal)

    return answered


def sent_to(place: str) -> Reply:
    """The browser goes on to `place` with a GET, whatever it came with (FAPI 2.0: 303, never 307)."""
    reply = Reply(b"", 303, _HTML)
    reply.add("Location", place)
    return guarded(reply)


def guarded(reply: Reply, *, leads_to: str = "") -> Reply:
    """`reply` with what tells a browser to load, frame, send and keep nothing that is not ours."""
    reply.add(
        "Content-Security-Policy",
        "default-src 'none'; style-src 'self'; script-src 'self'; base-uri 'none'; frame-ancestors 'none'; "
        f"form-action 'self'{_source(leads_to)}",
    )
    reply.add("X-Frame-Options", "DENY")
    reply.add("Referrer-Policy", "no-referrer")
    reply.add("Cache-Control", "no-store")
    return reply


def _source(address: str) -> str:
    """`address` as a source of a policy: browsers hold a form to it through redirects as well. Source: CSP 3 §6.4."""
    if not address:
        return ""
    parts = urlsplit(address)
    origin = f"{parts.scheme}://{parts.netloc}"
    if _PLAIN_ORIGIN.fullmatch(origin):
        return f" {origin}"
    # An IPv6 address cannot be written as a source, nor can an app's own scheme name a host.
    return f" {parts.scheme}:" if _SCHEME.fullmatch(parts.scheme) else ""
