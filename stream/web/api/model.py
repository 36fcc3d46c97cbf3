"""From messages as they were posted to what the model is given, and from what it says to JSON."""

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
    """What judges, as the web server uses it."""

    read: Read
    taxonomy: Taxonomy
    training_mix: TrainingMix | None = None  # for the monitor; None where the model does not tell
    at_once: int = 1  # batches that `read` may be given at the same time, from threads


def reader(
    analyze: Callable[..., Sequence[Analysis]], redact: Callable[[str], str], calls: CallReader
) -> Read:
    """What is run for each batch: redact, analyse, tell as JSON. Nothing in it waits."""

    def read(readings: Sequence[Reading]) -> list[str]:
        texts = [reading for reading in readings if reading.call is None]
        heard = [reading for reading in readings if reading.call is not None]
        told = iter(
            analyze([redact(each.text) for each in texts], [each.language for each in texts])
        )
        understood = iter(
            calls([_discreet(each, redact) for each in heard], [each.language for each in heard])
        )
        return [_json(next(told if reading.call is None else understood)) for reading in readings]

    return read


def _discreet(reading: Reading, redact: Callable[[str], str]) -> list[Utterance]:
    return [replace(turn, text=redact(turn.text)) for turn in reading.call or ()]


def _json(analysis: Analysis) -> str:
    told: dict[str, Any] = analysis.as_json()
    if analysis.call is not None:
        told["call"] = analysis.call.as_json()
    return json.dumps(told, separators=(",", ":"))
