"""The reference of the REST interface as one page: made from the OpenAPI document, without a script
or a network.
"""

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
section { border-top: 1px solid color-mix(in srgb, currentColor 20%, transparent); padding: .6rem 0 1rem }
h2 code { font-size: 1.05rem } h2 small { font-weight: 400; opacity: .75 }
pre { background: color-mix(in srgb, currentColor 8%, transparent); border-radius: .5rem; padding: .7rem;
      overflow-x: auto }
table { border-collapse: collapse } td { padding: .1rem .9rem .1rem 0; vertical-align: top }
summary { cursor: pointer }
"""


HERE = "http://127.0.0.1:8080"


@dataclass(frozen=True, slots=True)
class Example:
    """A request that works. address: with its query; body: JSON-able, None where there is none."""

    method: str
    address: str
    headers: dict[str, str]
    body: Any
    summary: str = ""


def docs_page(document: dict[str, Any]) -> str:
    """HTML of an OpenAPI document: every route with its examples as commands, every record with its
    fields.
    """
    routes = "\n".join(
        _route(document, path, method, told)
        for path, methods in document["paths"].items()
        for method, told in methods.items()
    )
    records = "\n".join(
        _record(name, told) for name, told in sorted(document["components"]["schemas"].items())
    )
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>earshot: REST</title><style>{_STYLE}</style></head><body><h1>earshot <small>REST</small></h1>
{_prose(document["info"]["description"])}
<p>The same for programs: <a href="/openapi.json">/openapi.json</a> (OpenAPI {escape(document["openapi"])}).</p>
{routes}<h2 id="records">Records</h2>{records}</body></html>"""


def _route(document: dict[str, Any], path: str, method: str, told: dict[str, Any]) -> str:
    shown = "\n".join(_examples(document, path, method, told))
    answers = "".join(
        f"<tr><td>{escape(status)}</td><td>{escape(answer['description'])} {_links(answer)}</td></tr>"
        for status, answer in sorted(told["responses"].items())
    )
    return (
        f"<section><h2><code>{method.upper()} {escape(path)}</code> <small>{escape(told['summary'])}</small></h2>"
        f"{_prose(told.get('description', ''))}{shown}<details><summary>Answers</summary>"
        f"<table>{answers}</table></details></section>"
    )


def _examples(
    document: dict[str, Any], path: str, method: str, told: dict[str, Any]
) -> Iterator[str]:
    for each in examples(document, path, method, told):
        command = (
            f"curl -s {each.address}"
            if method == "get"
            else f"curl -s -X {method.upper()} {each.address}"
        )
        if told.get("security"):
            command += ' \\\n  -H "Authorization: Bearer $EARSHOT_KEY"'
        command += "".join(f" \\\n  -H '{name}: {value}'" for name, value in each.headers.items())
        if each.body is not None:
            value = json.dumps(each.body, indent=2, ensure_ascii=False).replace("'", "'\\''")
            command += f" \\\n  -H 'Content-Type: application/json' \\\n  -d '{value}'"
        yield f"<p>{escape(each.summary)}</p>" if each.summary else ""
        yield f"<pre>{escape(command)}</pre>"


def examples(
    document: dict[str, Any], path: str, method: str, told: dict[str, Any]
) -> Iterator[Example]:
    """Requests that work, made of the document's own examples: one for each body, or one without."""
    headers, query = {}, []
    for parameter in told.get("parameters", []):
        given = parameter.get("schema", {}).get("examples")
        if not given:
            continue
        if parameter["in"] == "path":
            path = path.replace("{" + parameter["name"] + "}", quote(str(given[0]), safe=""))
        elif parameter["in"] == "header":
            headers[parameter["name"]] = str(given[0])
        else:
            query.append(f"{parameter['name']}={quote(str(given[0]))}")
    address = HERE + path + ("?" + "&".join(query) if query else "")
    body = told.get("requestBody", {}).get("content", {}).get("application/json", {})
    named = [(each["summary"], each["value"]) for each in body.get("examples", {}).values()]
    for summary, value in (
        named or [("", each) for each in _bodies(document, body.get("schema", {}))] or [("", None)]
    ):
        yield Example(method, address, headers, value, summary)


def _bodies(document: dict[str, Any], schema: dict[str, Any]) -> list[Any]:
    """The examples that a record brings along."""
    for one in schema.get("anyOf", [schema]):
        if "$ref" in one:
            found = document["components"]["schemas"][one["$ref"].rpartition("/")[2]].get(
                "examples", []
            )
            return list(found)
    return []


def _record(name: str, told: dict[str, Any]) -> str:
    needed = told.get("required", [])
    rows = "".join(
        f"<tr><td><code>{escape(field)}</code></td><td>{_type(of)}{'' if field in needed else ', optional'}</td>"
        f"<td>{escape(of.get('description', ''))}</td></tr>"
        for field, of in told.get("properties", {}).items()
    )
    return (
        f'<details id="{escape(name)}"><summary><code>{escape(name)}</code></summary>'
        f"{_prose(told.get('description', ''))}<table>{rows}</table></details>"
    )


def _type(of: dict[str, Any]) -> str:
    if "$ref" in of:
        return _link(of["$ref"])
    if "const" in of:
        return f"<code>{escape(json.dumps(of['const']))}</code>"
    if "enum" in of:
        return " | ".join(f"<code>{escape(json.dumps(one))}</code>" for one in of["enum"])
    for several in ("anyOf", "oneOf"):
        if several in of:
            return " | ".join(_type(one) for one in of[several])
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
    marked = [
        f"<code>{part}</code>" if at % 2 else part
        for at, part in enumerate(escape(text).split("`"))
    ]
    return "".join(f"<p>{each}</p>" for each in "".join(marked).split("\n\n") if each.strip())
