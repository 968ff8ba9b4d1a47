"""What a refusal looks like over HTTP: one table from code to status, rendered as RFC 9457.

Knows every code of the hub. Does not know why anything was refused.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import hub
from hub.gateway.refusals import ValidationFailed
from hub.gateway.statuses import STATUS
from hub.kernel.errors import HubError, declared_refusals

PROBLEM_TYPE = "application/problem+json"

PAGES = Path(hub.__file__).resolve().parents[1] / "docs" / "problems"


@dataclass(frozen=True, slots=True)
class Problem:
    """An answer of "no", ready to be sent. retry_after_seconds: 0 for none."""

    status: int
    body: str
    retry_after_seconds: int


def status_of(refusal: HubError) -> int:
    """The HTTP status of a refusal. Every code has one: a code without one is our mistake."""
    return STATUS[refusal.code]


def problem_of(refusal: HubError, *, public_url: str, request_id: str) -> Problem:
    """`refusal` as `application/problem+json`. Source: RFC 9457 §3."""
    status = status_of(refusal)
    members: dict[str, object] = {
        "type": f"{public_url}/problems/{refusal.code}",
        "title": title_of(type(refusal)),
        "status": status,
        "detail": refusal.detail,
        "code": refusal.code,
        "errors": _errors(refusal),
        "request_id": request_id,
    }
    if refusal.facts:
        members["facts"] = refusal.facts
    wait = refusal.facts.get("retry_after_seconds")
    return Problem(status, json.dumps(members, separators=(",", ":")), wait if isinstance(wait, int) else 0)


def title_of(kind: type[HubError]) -> str:
    """The first sentence of its docstring, without the full stop."""
    text = (kind.__doc__ or kind.code).strip().splitlines()[0]
    return text.removesuffix(".")


def page_of(code: str) -> str | None:
    """The documentation page of a code as Markdown; None for a code that the hub does not have.

    Where the pages were not installed, the page is what the code itself says.
    """
    if code not in STATUS:
        return None
    try:
        return (PAGES / f"{code}.md").read_text(encoding="utf-8")
    except OSError:
        known = [kind for kind in declared_refusals() if kind.code == code]
        return f"# {code}\n\n{title_of(known[0]) if known else code}.\n"


def _errors(refusal: HubError) -> Sequence[dict[str, str]]:
    if isinstance(refusal, ValidationFailed):
        return [{"pointer": one.pointer, "code": one.code, "detail": one.detail} for one in refusal.problems]
    if refusal.pointer is not None:
        return [{"pointer": refusal.pointer, "code": refusal.code, "detail": refusal.detail}]
    return []
