"""Last words of a training: where its model lies, what the gate said, and what to type next."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stream.cli.plain import quantity


def released(model: Path, story: Mapping[str, Any]) -> str:
    """Of a model directory of all heads, by its story."""
    return (
        f"{model}: {story['version']} passed the {quantity(len(story['gate']), 'check')} of the"
        f' gate\nnext: EARSHOT_MODEL={model} earshot analyze "..."   or earshot model shadow'
        f" {model}   or earshot model use {model}"
    )
