"""Taxonomy file of a user: checked TOML, so that a mistake in it is one clear line."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from models.errors import TaxonomyError
from models.taxonomy.classifier import OTHER, Taxonomy, read_taxonomy

_FORM = "the form is [[topic]] name, examples, trades and the same in [[topic.problem]]"


def load_taxonomy(path: Path) -> Taxonomy:
    """The topics and problems of a user's file. Raises TaxonomyError that names the wrong entry."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise TaxonomyError(f"{path}: there is no such file (EARSHOT_TAXONOMY)") from None
    except OSError as error:
        raise TaxonomyError(f"{path}: it cannot be read ({error.strerror})") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise TaxonomyError(f"{path}: it is no TOML ({error})") from None
    for mistake in _mistakes(table):
        raise TaxonomyError(f"{path}: {mistake}; {_FORM}")
    return read_taxonomy(path)


def _mistakes(table: dict[str, Any]) -> Iterator[str]:
    topics = table.get("topic")
    if not topics or not _are_tables(topics):
        yield "it has no [[topic]]"
        return
    unknown = [key for key in table if key != "topic"]
    if unknown:
        yield f"{unknown[0]!r} is not known"
    seen: dict[str, set[str]] = {"topic": set(), "problem": set()}
    for topic in topics:
        yield from _topic_mistakes(topic, seen)


def _topic_mistakes(topic: dict[str, Any], seen: dict[str, set[str]]) -> Iterator[str]:
    yield from _entry_mistakes(topic, "topic", ("name", "examples", "trades", "problem"), seen)
    problems = topic.get("problem", [])
    if not _are_tables(problems):
        yield f"the problems of topic {topic.get('name')!r} are no [[topic.problem]]"
        return
    for problem in problems:
        yield from _entry_mistakes(problem, "problem", ("name", "examples", "trades"), seen)
    if not problems and not topic.get("examples"):
        yield f"topic {topic.get('name')!r} has neither examples nor problems"


def _entry_mistakes(
    entry: dict[str, Any], kind: str, keys: tuple[str, ...], seen: dict[str, set[str]]
) -> Iterator[str]:
    name = entry.get("name")
    if not isinstance(name, str) or not name.strip():
        yield f"a {kind} has no name"
        return
    if name.casefold() == OTHER:
        yield f"a {kind} is named {OTHER!r}, which is what fits none is called"
    if name.casefold() in seen[kind]:
        yield f"there are two {kind}s {name!r}"
    seen[kind].add(name.casefold())
    if unknown := [key for key in entry if key not in keys]:
        yield f"{kind} {name!r}: {unknown[0]!r} is not known"
    if not _are_phrases(entry.get("examples")):
        yield f"{kind} {name!r}: examples is a list of phrases"
    if not _are_phrases(entry.get("trades", [])):
        yield f"{kind} {name!r}: trades is a list of names"


def _are_tables(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(row, dict) for row in value)


def _are_phrases(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(row, str) and row.strip() for row in value)
