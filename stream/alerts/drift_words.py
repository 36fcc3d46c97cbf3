"""Drifts in words: what moved, and what to type, alike in console, terminal and messages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_PLURALS = {"sentiment": "sentiments", "topic": "topics"}


def in_words(evidence: Mapping[str, Any]) -> str:
    """What moved, in one line, with the share before and now of each class."""
    shares = [
        f"{name} {before:.0%} to {now:.0%}"
        for name, (before, now) in evidence.get("moved", {}).items()
    ]
    field = _PLURALS.get(str(evidence.get("of")), "classes")
    return f"the {field} of a week have drifted: {', '.join(shares)}"


def facts(evidence: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The facts of a drift for a person, by name."""
    index, chance = evidence.get("index", 0), evidence.get("chance", 0)
    yield "Model", str(evidence.get("model", ""))
    yield "Stability index", f"{index:.2f}, where chance alone reaches {chance:.2f}"
    yield "Messages", f"{evidence.get('messages', 0):,}"
    yield "Read some, correct them, then", advice(evidence)


def advice(evidence: Mapping[str, Any]) -> str:
    """The commands that teach a model what customers write now, in their order."""
    return "; ".join(evidence.get("commands", ()))
