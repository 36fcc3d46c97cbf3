"""Reader of posted messages: redacts and analyses them, and writes the analyses as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from prometheus_client.registry import Collector

from connectors.events import TextEvent, Transcript
from models.taxonomy.classifier import Taxonomy
from stream.monitor.records import TrainingMix
from stream.store.preview import analysis_of, preview
from stream.triage.judgement import Judge, Judgement

Read = Callable[[Sequence[TextEvent]], list[str]]  # the JSON of an analysis for each


class Model(NamedTuple):
    """The model as the web server uses it."""

    read: Read
    taxonomy: Taxonomy
    training_mix: TrainingMix | None = None  # for the monitor; None where unknown
    concurrency: int = 1  # calls of `read` at the same time, from threads
    collectors: Sequence[Collector] = ()  # of its metrics


def weight(event: TextEvent) -> int:
    """Texts that the model reads for it: of a call, its turns."""
    return len(event.turns) if isinstance(event, Transcript) else 1


def reader(judge: Judge, version: str) -> Read:
    """The function that runs for each batch: judge as a worker does, answer in JSON.

    version: of the model. Nothing in it waits. A text that cannot be read comes back as abstained.
    """

    def read(events: Sequence[TextEvent]) -> list[str]:
        return [_json(judgement, version) for judgement in judge(events)]

    return read


def _json(judgement: Judgement, version: str) -> str:
    analysis = analysis_of(judgement, version)
    fields: dict[str, Any] = analysis.as_json() | {"ticket": preview(judgement)}
    if analysis.call is not None:
        fields["call"] = analysis.call.as_json()
    return json.dumps(fields, separators=(",", ":"))
