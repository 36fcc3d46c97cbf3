"""Reference of the REST interface as one page, made from the OpenAPI document without a script."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from typing import Any
from urllib.parse import quote

_STYLE = """
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif }
body { margin: 0 auto; max-width: 56rem; padding: 1.2rem }
section { border-top: 1px solid color-mix(in srgb, currentColor 20%, transparent); padding: .6rem \
0 1rem }
h2 code { font-size: 1.05rem } h2 small { font-weight: 400; opacity: .75 }
pre { background: color-mix(in srgb, currentColor 8%, transparent); border-radius: .5rem; padding: \
.7rem;
      overflow-x: auto }
table { border-collapse: collapse } td { padding: .1rem .9rem .1rem 0; vertical-align: top }
summary { cursor: pointer }
"""


SERVER = "http://127.0.0.1:8080"


@dataclass(frozen=True, slots=True)
class Example:
    """A request that works. address: with its query; body: JSON-able, None where there is none."""

    method: str
    address: str
    headers: dict[str, str]
    body: Any
    summary: str = ""


def docs_page(document: dict[str, Any]) -> str:
    """HTML of an OpenAPI document: routes with examples as commands, records with their fields."""
    routes = "\n".join(
        _route(document, path, method, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    )
    schemas = document["components"]["schemas"]
    records = "\n".join(_record(name, schema) for name, schema in sorted(schemas.items()))
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, \
initial-scale=1">
<title>earshot: REST</title><style>{_STYLE}</style></head><body><h1>earshot <small>REST</small></h1>
{_prose(document["info"]["description"])}
<p>The same for programs: <a href="/openapi.json">/openapi.json</a> (OpenAPI \
{escape(document["openapi"])}).</p>
{routes}<h2 id="records">Records</h2>{records}</body></html>"""


def _route(document: dict[str, Any], path: str, method: str, operation: dict[str, Any]) -> str:
    examples_html = "\n".join(_examples(document, path, method, operation))
    answers = "".join(
        f"<tr><td>{escape(status)}</td>"
        f"<td>{escape(answer['description'])} {_links(answer)}</td></tr>"
        for status, answer in sorted(operation["responses"].items())
    )
    return (
        f"<section><h2><code>{method.upper()} {escape(path)}</code> "
        f"<small>{escape(operation['summary'])}</small></h2>"
        f"{_prose(operation.get('description', ''))}{examples_html}"
        f"<details><summary>Answers</summary><table>{answers}</table></details></section>"
    )


def _examples(
    document: dict[str, Any], path: str, method: str, operation: dict[str, Any]
) -> Iterator[str]:
    for example in examples(document, path, method, operation):
        verb = "" if method == "get" else f"-X {method.upper()} "
        command = f"curl -s {verb}{example.address}"
        if operation.get("security"):
            command += ' \\\n  -H "Authorization: Bearer $EARSHOT_KEY"'
        command += "".join(
            f" \\\n  -H '{name}: {value}'" for name, value in example.headers.items()
        )
        if example.body is not None:
            value = json.dumps(example.body, indent=2, ensure_ascii=False).replace("'", "'\\''")
            command += f" \\\n  -H 'Content-Type: application/json' \\\n  -d '{value}'"
        yield f"<p>{escape(example.summary)}</p>" if example.summary else ""
        yield f"<pre>{escape(command)}</pre>"


def examples(
    document: dict[str, Any], path: str, method: str, operation: dict[str, Any]
) -> Iterator[Example]:
    """Requests that work, from the document's own examples: one for each body, or one without."""
    headers, query = {}, []
    for parameter in operation.get("parameters", []):
        values = parameter.get("schema", {}).get("examples")
        if not values:
            continue
        if parameter["in"] == "path":
            path = path.replace("{" + parameter["name"] + "}", quote(str(values[0]), safe=""))
        elif parameter["in"] == "header":
            headers[parameter["name"]] = str(values[0])
        else:
            query.append(f"{parameter['name']}={quote(str(values[0]))}")
    address = SERVER + path + ("?" + "&".join(query) if query else "")
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    for summary, value in _examples_of_body(document, body):
        yield Example(method, address, headers, value, summary)


def _examples_of_body(document: dict[str, Any], body: dict[str, Any]) -> list[tuple[str, Any]]:
    """Summaries and values: the body's own examples, else its record's, else a request without."""
    own = [(entry["summary"], entry["value"]) for entry in body.get("examples", {}).values()]
    if own:
        return own
    values = _bodies(document, body.get("schema", {}))
    return [("", value) for value in values] or [("", None)]


def _bodies(document: dict[str, Any], schema: dict[str, Any]) -> list[Any]:
    """The examples of a record."""
    for part in schema.get("anyOf", [schema]):
        if "$ref" in part:
            name = part["$ref"].rpartition("/")[2]
            return list(document["components"]["schemas"][name].get("examples", []))
    return []


def _record(name: str, record: dict[str, Any]) -> str:
    required = record.get("required", [])
    rows = "".join(
        _field(name, schema, is_required=name in required)
        for name, schema in record.get("properties", {}).items()
    )
    return (
        f'<details id="{escape(name)}"><summary><code>{escape(name)}</code></summary>'
        f"{_prose(record.get('description', ''))}<table>{rows}</table></details>"
    )


def _field(name: str, schema: dict[str, Any], *, is_required: bool) -> str:
    return (
        f"<tr><td><code>{escape(name)}</code></td>"
        f"<td>{_type(schema)}{'' if is_required else ', optional'}</td>"
        f"<td>{escape(schema.get('description', ''))}</td></tr>"
    )


def _type(of: dict[str, Any]) -> str:
    if "$ref" in of:
        return _link(of["$ref"])
    if "const" in of:
        return f"<code>{escape(json.dumps(of['const']))}</code>"
    if "enum" in of:
        return " | ".join(f"<code>{escape(json.dumps(part))}</code>" for part in of["enum"])
    for several in ("anyOf", "oneOf"):
        if several in of:
            return " | ".join(_type(part) for part in of[several])
    if of.get("type") == "array":
        return f"list of {_type(of.get('items', {}))}"
    return escape(str(of.get("format") or of.get("type", "anything")))


def _links(answer: dict[str, Any]) -> str:
    return " ".join(
        f"({_type(content['schema'])})"
        for content in answer.get("content", {}).values()
        if content.get("schema")
    )


def _link(reference: str) -> str:
    name = escape(reference.rpartition("/")[2])
    return f'<a href="#{name}">{name}</a>'


def _prose(text: str) -> str:
    """Paragraphs, with `code` as code."""
    parts = escape(text).split("`")
    marked = "".join(f"<code>{part}</code>" if at % 2 else part for at, part in enumerate(parts))
    paragraphs = [paragraph for paragraph in marked.split("\n\n") if paragraph.strip()]
    return "".join(f"<p>{paragraph}</p>" for paragraph in paragraphs)
