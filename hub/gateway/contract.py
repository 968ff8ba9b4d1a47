"""What the hub says about itself: the contract, pages to read it, and a page for every code of a refusal.

Knows files of the checkout. Nothing here loads anything from outside.
"""

import html
from functools import lru_cache
from pathlib import Path

import yaml
from flask import Flask

import hub
from hub.gateway.door import Door
from hub.gateway.problems import page_of
from hub.gateway.refusals import NotFound
from hub.gateway.replies import Reply

CONTRACT = Path(hub.__file__).resolve().parents[1] / "openapi.yaml"

_CACHED = "public, max-age=300"
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1b1f24}"
    "pre{background:#f4f5f7;padding:.8rem;overflow:auto}h2{border-top:1px solid #d5d9de;padding-top:1rem}"
    "code{background:#f4f5f7}.m{font-weight:700;text-transform:uppercase}"
)


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
        text = page_of(code)
        if text is None:
            raise NotFound("The hub has no such code.")
        return _kept(text, "text/markdown")


def _kept(text: str, kind: str) -> Reply:
    response = Reply(text.encode(), 200, f"{kind}; charset=utf-8")
    response.add("Cache-Control", _CACHED)
    response.add("Content-Security-Policy", _POLICY)
    return response


@lru_cache(maxsize=1)
def _page(path: Path) -> str:
    contract = yaml.safe_load(path.read_text(encoding="utf-8"))
    parts = [f"<h1>{_text(contract['info']['title'])}</h1><p>{_text(contract['info'].get('description', ''))}</p>"]
    for route, methods in contract["paths"].items():
        for method, operation in methods.items():
            if method == "parameters":
                continue
            parts.append(f"<h2><span class=m>{_text(method)}</span> <code>{_text(route)}</code></h2>")
            parts.append(
                f"<p>{_text(operation.get('summary', ''))}</p><p>{_text(operation.get('description', ''))}</p>"
            )
            parts.append(f"<details><summary>Details</summary><pre>{_text(_as_yaml(operation))}</pre></details>")
    parts.append("<h2>Shapes</h2>")
    for name, schema in contract["components"]["schemas"].items():
        parts.append(f"<h3 id='{_text(name)}'>{_text(name)}</h3><pre>{_text(_as_yaml(schema))}</pre>")
    head = f"<title>{_text(contract['info']['title'])}</title><style>{_STYLE}</style>"
    return f"<!doctype html><html lang=en><head><meta charset=utf-8>{head}</head><body>{''.join(parts)}</body></html>"


def _as_yaml(value: object) -> str:
    return str(yaml.safe_dump(value, sort_keys=False, allow_unicode=True))


def _text(value: object) -> str:
    return html.escape(str(value))
