"""A user's own taxonomy: the TOML file checked, so that a mistake in it is one clear line."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from models.errors import TaxonomyError
from models.taxonomy.classifier import OTHER, Taxonomy, read_taxonomy


def load_taxonomy(path: Path) -> Taxonomy:
    """The topics and problems of a user's file. Raises TaxonomyError that says what is wrong, and
    in which entry.
    """
    try:
        told = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise TaxonomyError(f"{path}: there is no such file (EARSHOT_TAXONOMY)") from None
    except OSError as error:
        raise TaxonomyError(f"{path}: it cannot be read ({error.strerror})") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise TaxonomyError(f"{path}: it is no TOML ({error})") from None
    for wrong in _mistakes(told):
        raise TaxonomyError(
            f"{path}: {wrong}; the form is [[topic]] name, examples and [[topic.problem]] name, examples"
        )
    return read_taxonomy(path)


def _mistakes(told: dict[str, Any]) -> Iterator[str]:
    topics = told.get("topic")
    if (
        not isinstance(topics, list)
        or not topics
        or not all(isinstance(topic, dict) for topic in topics)
    ):
        yield "it has no [[topic]]"
        return
    unknown = [key for key in told if key != "topic"]
    if unknown:
        yield f"{unknown[0]!r} is not known"
    seen: dict[str, set[str]] = {"topic": set(), "problem": set()}
    for topic in topics:
        yield from _entry(topic, "topic", ("name", "examples", "problem"), seen)
        problems = topic.get("problem", [])
        if not isinstance(problems, list) or not all(
            isinstance(problem, dict) for problem in problems
        ):
            yield f"the problems of topic {topic.get('name')!r} are no [[topic.problem]]"
            return
        for problem in problems:
            yield from _entry(problem, "problem", ("name", "examples"), seen)
        if not problems and not topic.get("examples"):
            yield f"topic {topic.get('name')!r} has neither examples nor problems"


def _entry(
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
    examples = entry.get("examples")
    if not isinstance(examples, list) or not all(
        isinstance(one, str) and one.strip() for one in examples
    ):
        yield f"{kind} {name!r}: examples is a list of phrases"
