"""The contract as one HTML page to read: no script, nothing loaded from anywhere, every name a link within the page.

Knows OpenAPI 3.1's shape as `openapi.yaml` uses it. Does not know any resource.
"""

import base64
import hashlib
import html
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_STYLE = """
body{font:16px/1.5 system-ui,sans-serif;max-width:70rem;margin:0 auto;padding:1rem;color:#1b1f24;background:#fff}
a{color:#0a58ca}code,pre{background:#f4f5f7}pre{padding:.8rem;overflow:auto}
h2{border-bottom:2px solid #1b1f24;margin-top:3rem}h3{border-top:1px solid #d5d9de;padding-top:1rem}
table{border-collapse:collapse;width:100%;margin:.5rem 0}
th,td{text-align:left;vertical-align:top;border:1px solid #d5d9de;padding:.3rem .5rem}
summary{cursor:pointer}nav ul{columns:20rem}.method{text-transform:uppercase;font-weight:700}
@media (prefers-color-scheme:dark){body{background:#14171a;color:#e6e8ea}code,pre{background:#22272c}a{color:#7ab0ff}
h2{border-color:#e6e8ea}}
"""

_DIGEST = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()

# The one style of the page is known by its hash; nothing else may be loaded, run, framed or sent anywhere.
POLICY = (
    f"default-src 'none'; style-src 'sha256-{_DIGEST}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

_CODE = re.compile(r"`([^`]+)`")
_METHODS = ("get", "post", "put", "patch", "delete")


def page_of(contract: Mapping[str, Any]) -> str:
    """The whole page."""
    return _Page(contract).html()


class _Page:
    def __init__(self, contract: Mapping[str, Any]) -> None:
        self._contract = contract

    def html(self) -> str:
        info = self._contract["info"]
        operations = list(self._operations())
        tags = self._contract["tags"]
        listed, sections = "", ""
        for tag in tags:
            mine = [one for one in operations if tag["name"] in one[2]["tags"]]
            name, what = _text(tag["name"]), _prose(tag["description"])
            listed += f"<h4>{name}</h4><ul>{''.join(_entry(*one) for one in mine)}</ul>"
            sections += f"<section><h2>{name}</h2>{what}{''.join(self._operation(*one) for one in mine)}</section>"
        shapes = "".join(self._shape(name, one) for name, one in self._contract["components"]["schemas"].items())
        title, itself = _text(f"{info['title']} {info['version']}"), "<p><a href='openapi.yaml'>openapi.yaml</a></p>"
        head = f"<meta charset=utf-8><meta name=viewport content='width=device-width'><title>{title}</title>"
        header = f"<header><h1>{title}</h1>{_prose(info['description'])}{itself}</header>"
        main = f"<main>{sections}<section><h2>Shapes</h2>{shapes}</section></main>"
        return (
            f"<!doctype html><html lang=en><head>{head}<style>{_STYLE}</style></head>"
            f"<body>{header}<nav>{listed}</nav>{main}</body></html>"
        )

    def _operations(self) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
        for path, item in self._contract["paths"].items():
            for method in _METHODS:
                if method in item:
                    shared = item.get("parameters", [])
                    operation = {**item[method], "parameters": [*shared, *item[method].get("parameters", [])]}
                    yield path, method, operation

    def _operation(self, path: str, method: str, operation: Mapping[str, Any]) -> str:
        name = f"<span class=method>{method}</span> <code>{_text(path)}</code>"
        parts = [
            f"<h3 id='{_text(operation['operationId'])}'>{name}</h3>",
            f"<p><strong>{_text(operation['summary'])}</strong></p>{_prose(operation.get('description', ''))}",
            f"<p>Needs: {self._needs(operation)}</p>",
        ]
        parameters = [self._resolved(one) for one in operation["parameters"]]
        if parameters:
            rows = [
                (f"<code>{_text(one['name'])}</code>", one["in"], _required(one), self._kind(one["schema"]), _said(one))
                for one in parameters
            ]
            parts.append(_table(("Parameter", "in", "", "type", "meaning"), rows))
        if "requestBody" in operation:
            parts.append(f"<p>Body</p>{self._content(self._resolved(operation['requestBody']))}")
        answers = []
        for status, answer in operation["responses"].items():
            found = self._resolved(answer)
            answers.append((_text(status), _text(found["description"]), self._content(found)))
        parts.append(_table(("Answer", "when", "content"), answers))
        return "".join(parts)

    def _needs(self, operation: Mapping[str, Any]) -> str:
        ways = operation.get("security", self._contract["security"])
        if not ways or ways == [{}]:
            return "nothing"
        return " or ".join(
            ", ".join(f"{_text(name)} <code>{_text(' '.join(scopes))}</code>" for name, scopes in way.items())
            or "nothing"
            for way in ways
        )

    def _content(self, body: Mapping[str, Any]) -> str:
        parts = []
        for kind, media in body.get("content", {}).items():
            parts.append(f"<p><code>{_text(kind)}</code> {self._kind(media.get('schema', {}))}</p>")
            for name, example in media.get("examples", {}).items():
                shown = f"<pre>{_text(_pretty(example['value']))}</pre>"
                parts.append(f"<details><summary>Example: {_text(name)}</summary>{shown}</details>")
        return "".join(parts)

    def _shape(self, name: str, schema: Mapping[str, Any]) -> str:
        required = schema.get("required", [])
        rows = [
            (f"<code>{_text(field)}</code>", "required" if field in required else "", self._kind(one), _said(one))
            for field, one in schema.get("properties", {}).items()
        ]
        table = _table(("Field", "", "type", "meaning"), rows) if rows else f"<p>{self._kind(schema)}</p>"
        return f"<h3 id='shape-{_text(name)}'>{_text(name)}</h3>{_prose(schema.get('description', ''))}{table}"

    def _kind(self, schema: Mapping[str, Any]) -> str:
        """What sort of value a schema takes, in a few words, with links to the shapes it names."""
        if "$ref" in schema:
            name = schema["$ref"].rpartition("/")[2]
            return f"<a href='#shape-{_text(name)}'>{_text(name)}</a>"
        for word, joint in (("oneOf", " or "), ("anyOf", " or "), ("allOf", " and ")):
            if word in schema:
                return joint.join(self._kind(one) for one in schema[word])
        if "const" in schema or "enum" in schema:
            values = schema.get("enum", [schema.get("const")])
            return " | ".join(f"<code>{_text(json.dumps(one))}</code>" for one in values)
        kinds = schema.get("type", "any")
        kind = _text(" or ".join(kinds) if isinstance(kinds, list) else kinds)
        if "items" in schema:
            kind += f" of {self._kind(schema['items'])}"
        limits = [
            f"{word} {_text(schema[key])}"
            for key, word in _LIMITS.items()
            if key in schema and not isinstance(schema[key], Mapping)
        ]
        return ", ".join([kind, *limits])

    def _resolved(self, node: Mapping[str, Any]) -> Mapping[str, Any]:
        found: Any = node
        while "$ref" in found:
            steps = found["$ref"].removeprefix("#/").split("/")
            found = self._contract
            for step in steps:
                found = found[step]
        resolved: Mapping[str, Any] = found
        return resolved


_LIMITS = {
    "format": "format",
    "pattern": "like",
    "minimum": "at least",
    "maximum": "at most",
    "minLength": "characters at least",
    "maxLength": "characters at most",
    "minItems": "items at least",
    "maxItems": "items at most",
    "default": "default",
}


def _entry(path: str, method: str, operation: Mapping[str, Any]) -> str:
    name = f"<span class=method>{method}</span> <code>{_text(path)}</code>"
    return f"<li><a href='#{_text(operation['operationId'])}'>{name}</a> {_text(operation['summary'])}</li>"


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th>{one}</th>" for one in heads)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _required(parameter: Mapping[str, Any]) -> str:
    return "required" if parameter.get("required") else ""


def _said(one: Mapping[str, Any]) -> str:
    return _prose(one.get("description", ""))


def _prose(text: str) -> str:
    """Paragraphs, and what stands between backticks as code."""
    marked = _CODE.sub(r"<code>\1</code>", _text(text.strip()))
    return "".join(f"<p>{part}</p>" for part in marked.split("\n\n") if part)


def _pretty(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False, default=str)


def _text(value: object) -> str:
    return html.escape(str(value))
