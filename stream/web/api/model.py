"""From messages as they were posted to what the model is given, and from what it says to JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from connectors.events import TextEvent, Transcript
from models.analysis import Analysis
from models.language import UNDECIDED
from models.taxonomy.classifier import Taxonomy
from stream.monitor.records import Taught
from stream.triage.judgement import Judge, Judgement

Read = Callable[[Sequence[TextEvent]], list[str]]  # the JSON of an analysis for each


class Model(NamedTuple):
    """What judges, as the web server uses it."""

    read: Read
    taxonomy: Taxonomy
    taught: Taught | None = None  # for the monitor; None where the model does not tell
    at_once: int = 1  # batches that `read` may be given at the same time, from threads


def weight(event: TextEvent) -> int:
    """Texts that the model reads for it: of a call, its turns."""
    return len(event.turns) if isinstance(event, Transcript) else 1


def reader(judge: Judge, version: str) -> Read:
    """What is run for each batch: judge as a worker does, tell as JSON. Nothing in it waits.

    version: of the model. What it cannot read comes back as abstained.
    """

    def read(events: Sequence[TextEvent]) -> list[str]:
        return [
            _json(judgement.analysis or _unread(judgement, version)) for judgement in judge(events)
        ]

    return read


def _unread(judgement: Judgement, version: str) -> Analysis:
    return Analysis(judgement.text, UNDECIDED, version, abstained=True)


def _json(analysis: Analysis) -> str:
    told: dict[str, Any] = analysis.as_json()
    if analysis.call is not None:
        told["call"] = analysis.call.as_json()
    return json.dumps(told, separators=(",", ":"))
