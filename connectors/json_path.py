r"""Paths into JSON, as field maps write them: `items[0].user\.name`, `answers[ref=why].text`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

_STEP = re.compile(
    r"\[(?:(?P<index>-?\d+)|(?P<every>\*)|(?P<path>[^\[\]=]+)=(?P<value>[^\[\]]*))\]"
    r"|(?P<name>(?:\\.|[^.\\\[]|\[(?!(?:-?\d+|\*|[^\[\]=]+=[^\[\]]*)\]))+)"
)
_DEEPEST = 12  # of rich text
_INNER = ("content", "children", "elements", "blocks", "root", "document", "ops")
_ATTRIBUTES = ("attrs", "data")
_TEXTS = ("text", "insert", "content", "url", "shortName")
_BREAKS = frozenset(("hardbreak", "linebreak", "br"))
_INLINE = frozenset(("mention", "emoji", "inlineCard", "link", "date", "status"))  # Jira's, Slack's


class Where(NamedTuple):
    """A step to the first entry of a list whose value at `path` is `value`."""

    path: tuple[str, ...]
    value: str


class Every(NamedTuple):
    """A step to all entries of a list."""


Step = str | int | Where | Every
Path = tuple[Step, ...]


def path_of(text: str) -> Path:
    """The steps of a path; `.` alone is the whole message."""
    return tuple(map(_step, _STEP.finditer(text))) if text != "." else ()


def _step(match: re.Match[str]) -> Step:
    if match["name"] is not None:
        return match["name"].replace("\\.", ".")
    if match["every"]:
        return Every()
    if match["path"] is not None:
        return Where(tuple(match["path"].split(".")), match["value"])
    return int(match["index"])


def text_of_path(path: Sequence[Step]) -> str:
    """The path in words, for a message."""
    return "".join(map(_written, path)).lstrip(".") or "."


def _written(step: Step) -> str:
    if isinstance(step, Where):
        return f"[{'.'.join(step.path)}={step.value}]"
    return f".{step}" if isinstance(step, str) else f"[{'*' if step == Every() else step}]"


def value_at(document: Any, path: Sequence[Step]) -> Any:
    """The value at a path, with `[*]` the first there; None where there is none."""
    return next((value for value in values_at(document, path) if value is not None), None)


def values_at(document: Any, path: Sequence[Step]) -> Iterator[Any]:
    """The values at a path, which is one but for `[*]`; none where a step leads nowhere."""
    if not path:
        yield document
        return
    step, rest = path[0], path[1:]
    if isinstance(step, Every):
        inner = document if isinstance(document, list) else []
    elif isinstance(step, Where):
        entries = document if isinstance(document, list) else []
        inner = [entry for entry in entries if str(value_at(entry, step.path)) == step.value][:1]
    else:
        inner = _inner(document, step)
    for value in inner:
        yield from values_at(value, rest)


def _inner(document: Any, step: str | int) -> list[Any]:
    try:
        return [document[step]]
    except (KeyError, IndexError, TypeError):
        return []


def plain_text(value: Any, depth: int = 0, *, are_lines: bool = False) -> str:
    """The words of a list of texts, and of rich text that is nested objects with `text` (Jira,
    Slack, editors of pages): a paragraph a line. Empty where there are none. are_lines: whatever
    the entries of a list are.
    """
    if isinstance(value, str):
        return value
    if depth >= _DEEPEST:
        return ""
    if isinstance(value, dict):
        return _text_of_node(value, depth)
    if not isinstance(value, list):
        return ""
    parts = [(plain_text(entry, depth + 1), not are_lines and _is_inline(entry)) for entry in value]
    lines = [f"{part}" if is_inline else f"{part}\n" for part, is_inline in parts if part]
    return "".join(lines).strip("\n")


def _text_of_node(node: dict[str, Any], depth: int) -> str:
    inner = next((name for name in _INNER if isinstance(node.get(name), list | dict)), None)
    if inner:
        return plain_text(node[inner], depth + 1, are_lines=inner == "blocks")
    if _is_break(node):
        return "\n"
    attributes = [node, *(node[name] for name in _ATTRIBUTES if isinstance(node.get(name), dict))]
    texts = (values.get(name) for values in attributes for name in _TEXTS)
    return plain_text(next(filter(None, texts), ""), depth + 1)


def _is_break(node: dict[str, Any]) -> bool:
    return str(node.get("type")).casefold().replace("_", "") in _BREAKS


def _is_inline(entry: Any) -> bool:
    """Does it go on within its line, as words, mentions and breaks do?"""
    if not isinstance(entry, dict) or any(name in entry for name in _INNER):
        return False
    has_text = isinstance(entry.get("text", entry.get("insert")), str)
    return has_text or _is_break(entry) or entry.get("type") in _INLINE
