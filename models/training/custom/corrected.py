"""Heads that learn from what people corrected, on the encoder of a model, which stays as it is.

To the logits of a head a linear function of what it reads is added: as small a one as puts the
corrections right, held to nothing on the examples that come with earshot.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.artifact import MODEL, Artifact, sha256
from models.encoder import Encoder, Outputs
from models.evaluation.labelled_file import Table, read_labelled
from models.examples.kernel import read_examples
from models.text import normalize
from models.training.corpus.data import file_hash
from models.training.custom.addition import Addition, Reading, learn_addition
from models.training.custom.linear import Linear, graft, severity_features
from models.training.errors import TrainingError
from models.training.release import remedies
from models.training.release.gate import Check, enforce
from models.training.release.successor import Lesson, release_successor, successor_of

Labels = NDArray[np.int64]
Print = Callable[[str], None]

# Severity reads what the sentiment was before anything was added to it: so that one comes last.
TASKS = ("topic", "problem", "severity", "sentiment")
SEVERITIES = ("0", "1", "2", "3", "4")
FEWEST = 10  # corrections of a field that a head is taught by
ANCHORS = 400  # examples that hold a head in place
MOST_CHANGED = 0.05  # share of the examples that may get another label


class CorrectionsError(TrainingError):
    """The corrections cannot be learnt from."""


@dataclass(frozen=True)
class Corrected:
    """The corrections of one field: rows of the texts, and the class of each."""

    rows: Labels
    labels: Labels


def train_corrected(table: Path, start: Artifact, out: Path, say: Print = print) -> dict[str, Any]:
    """Teach the heads of `start` the corrections in `table`, write the model directory `out`.

    table: CSV `text` and any of TASKS; an empty cell is no correction. Every
    other head stays as it is. Returns the model's story. Raises CorrectionsError for a table that
    cannot be used, GateError where a head is no better on corrections that were held out.
    """
    texts, corrections = read_corrections(table, start, say)
    encoder = Encoder(start.model, start.tokenizer, max_tokens=start.max_tokens, threads=1)
    outputs = encoder([normalize(text) for text in texts])
    calm = encoder(anchors())
    additions: dict[str, Addition] = {}
    heads: dict[str, Linear] = {}
    checks: list[Check] = []
    learned: dict[str, dict[str, float]] = {}
    for task, corrected in corrections.items():
        scale = start.temperatures.get(task, 1.0)
        every, steady = _reading(task, outputs, scale), _reading(task, calm, scale)
        reading = Reading(every.features[corrected.rows], every.logits[corrected.rows])
        own_texts = [texts[row] for row in corrected.rows]
        addition = learn_addition(reading, corrected.labels, own_texts, steady)
        changed = float((steady.logits.argmax(-1) != addition.of(steady).argmax(-1)).mean())
        heads[task] = _linear(addition, scale, corrected.rows)
        additions[task] = addition
        learned[task] = addition.figures() | {"changed": changed}
        checks += [
            addition.check(task),
            Check(
                f"{task}, examples with another label",
                changed,
                MOST_CHANGED,
                remedy=remedies.NEIGHBOURS,
            ),
        ]
        say(
            f"{task}: {len(corrected.rows)} corrections, right {learned[task]['right before']:.2f}"
            f" before, {learned[task]['right, held out']:.2f} now"
        )
    enforce(checks)
    with successor_of(start, out) as model:
        graft(start.model, model / MODEL, heads, beside=True)
        facts = {"corrections": {"file": {table.name: file_hash(table)}, "learned": learned}}
        rows = {f"corrections.{task}": added.same_rows() for task, added in additions.items()}
        subject = f"{', '.join(heads)} by what people corrected"
        lesson = Lesson("corrected", sha256(model / MODEL), subject, checks, rows, facts)
        return release_successor(start, model, lesson)


def anchors() -> list[str]:
    """Messages of our own writing, evenly over all kinds."""
    examples = [normalize(example.text) for example in read_examples()]
    return examples[:: max(1, len(examples) // ANCHORS)]


def read_corrections(
    table: Path, start: Artifact, say: Print = print
) -> tuple[list[str], dict[str, Corrected]]:
    """The texts, and the corrections of each field that has FEWEST. Raises CorrectionsError."""
    rows = read_labelled(table, ["text"], any_of=TASKS, error=CorrectionsError)
    texts = [row.cells["text"] for row in rows.rows]
    usable: dict[str, Corrected] = {}
    for task in TASKS:
        if task in rows.columns:
            places, labels, unknown = _labels_of(rows, task, start)
            if unknown:
                say(f"{task}: {len(unknown)} left out, the model has no {', '.join(unknown[:5])}")
            if len(places) >= FEWEST:
                usable[task] = Corrected(np.array(places), np.array(labels))
            elif places:
                say(f"{task}: it takes {FEWEST} corrections, and there are {len(places)}: left out")
    if not usable:
        raise CorrectionsError(
            f"{table}: no field has {FEWEST} corrections that the model can learn"
        )
    return texts, usable


def _labels_of(table: Table, task: str, start: Artifact) -> tuple[list[int], list[int], list[str]]:
    """Rows and classes of a field's corrections, and labels that the model does not have."""
    names = SEVERITIES if task == "severity" else start.labels.get(task, ())
    classes = {name.casefold(): number for number, name in enumerate(names)}
    places, labels, unknown = [], [], []
    for place, row in enumerate(table.rows):
        label = row[task].casefold()
        if label in classes:
            places.append(place)
            labels.append(classes[label])
        elif label:
            unknown.append(row[task])
    return places, labels, unknown


def _reading(task: str, outputs: Outputs, scale: float) -> Reading:
    features = severity_features(outputs) if task == "severity" else outputs.embedding
    return Reading(features, getattr(outputs, task) / scale)


def _linear(addition: Addition, scale: float, rows: Labels) -> Linear:
    """The addition as the graph has it, whose logits are not calibrated yet."""
    weight, bias = addition.weight * scale, addition.bias * scale
    return Linear(weight, bias, addition.penalty, addition.held_out, rows)
