"""Reader of posted messages: redacts and analyses them, and writes the analyses as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from models.analysis import Analysis
from models.calls.analyzer import CallReader
from models.calls.sides import Utterance
from models.taxonomy.classifier import Taxonomy
from stream.monitor.records import TrainingMix


@dataclass(frozen=True, slots=True)
class Reading:
    """A text, or a call. language: what its source says."""

    text: str
    language: str | None = None
    call: tuple[Utterance, ...] | None = None

    @property
    def weight(self) -> int:
        """Texts that the model reads for it: of a call, its turns."""
        return 1 if self.call is None else len(self.call)


Read = Callable[[Sequence[Reading]], list[str]]  # the JSON of an analysis for each


class Model(NamedTuple):
    """The model as the web server uses it."""

    read: Read
    taxonomy: Taxonomy
    training_mix: TrainingMix | None = None  # for the monitor; None where unknown
    concurrency: int = 1  # calls of `read` at the same time, from threads


def reader(
    analyze: Callable[..., Sequence[Analysis]], redact: Callable[[str], str], calls: CallReader
) -> Read:
    """The function that runs for each batch. Nothing in it waits."""

    def read(readings: Sequence[Reading]) -> list[str]:
        texts = [reading for reading in readings if reading.call is None]
        transcripts = [reading for reading in readings if reading.call is not None]
        of_texts = iter(analyze([redact(text.text) for text in texts], _languages(texts)))
        of_calls = iter(
            calls([_discreet(call, redact) for call in transcripts], _languages(transcripts))
        )
        return [_json(next(of_texts if reading.call is None else of_calls)) for reading in readings]

    return read


def _languages(readings: Sequence[Reading]) -> list[str | None]:
    return [reading.language for reading in readings]


def _discreet(reading: Reading, redact: Callable[[str], str]) -> list[Utterance]:
    return [replace(turn, text=redact(turn.text)) for turn in reading.call or ()]


def _json(analysis: Analysis) -> str:
    fields: dict[str, Any] = analysis.as_json()
    if analysis.call is not None:
        fields["call"] = analysis.call.as_json()
    return json.dumps(fields, separators=(",", ":"))
