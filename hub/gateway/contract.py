"""What the hub says about itself: the contract, pages to read it, and a page for every code of a refusal.

Knows files of the checkout. Nothing here loads anything from outside.
"""

from functools import lru_cache
from pathlib import Path

import yaml
from flask import Flask

import hub
from hub.gateway.browsing import POLICY, page_of
from hub.gateway.door import Door
from hub.gateway.problems import page_of as problem_page_of
from hub.gateway.refusals import NotFound
from hub.gateway.replies import Reply

CONTRACT = Path(hub.__file__).resolve().parents[1] / "openapi.yaml"

_CACHED = "public, max-age=300"


class ContractRoutes:
    """`/openapi.yaml`, `/docs`, `/problems/<code>`."""

    def __init__(self, door: Door) -> None:
        self._door = door

    def register(self, app: Flask) -> None:
        """Add the routes."""
        for path, view in (
            ("/openapi.yaml", self.contract),
            ("/docs", self.docs),
            ("/problems/<code>", self.problem),
        ):
            app.add_url_rule(path, f"contract.{view.__name__}", view, methods=["GET"], provide_automatic_options=False)

    def contract(self) -> Reply:
        """The contract as it is kept."""
        if not CONTRACT.exists():
            raise NotFound("The contract was not installed with this hub.")
        return _kept(CONTRACT.read_text(encoding="utf-8"), "application/yaml")

    def docs(self) -> Reply:
        """The contract as one page to read."""
        if not CONTRACT.exists():
            raise NotFound("The contract was not installed with this hub.")
        return _kept(_page(CONTRACT), "text/html")

    def problem(self, code: str) -> Reply:
        """What a code means and what to do."""
        text = problem_page_of(code)
        if text is None:
            raise NotFound("The hub has no such code.")
        return _kept(text, "text/markdown")


def _kept(text: str, kind: str) -> Reply:
    response = Reply(text.encode(), 200, f"{kind}; charset=utf-8")
    response.add("Cache-Control", _CACHED)
    response.add("Content-Security-Policy", POLICY)
    return response


@lru_cache(maxsize=1)
def _page(path: Path) -> str:
    return page_of(yaml.safe_load(path.read_text(encoding="utf-8")))
