"""Heads that learn from what people corrected, on the encoder of a model, which stays as it is.

To the logits of a head a linear function of what it reads is added: as small a one as puts the
corrections right, held to nothing on the examples that come with earshot.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from models.analyzer import softmax
from models.artifact import MODEL, Artifact, sha256
from models.encoder import Encoder, Outputs
from models.evaluation.labelled_file import Table, read_labelled
from models.examples.kernel import read_examples
from models.text import READING, normalize
from models.training.corpus.data import file_hash, text_hash
from models.training.custom.linear import Linear, graft, severity_features
from models.training.errors import TrainingError
from models.training.release import remedies
from models.training.release.gate import ONE_SIDED, Check, enforce
from models.training.release.refit_heads import hand_on_calls
from models.training.release.release import publish
from models.training.release.release import write as write_story

Floats = NDArray[np.float32]
Labels = NDArray[np.int64]
Print = Callable[[str], None]

# Severity reads what the sentiment was before anything was added to it: so that one comes last.
TASKS = ("topic", "problem", "severity", "sentiment")
SEVERITIES = ("0", "1", "2", "3", "4")
FEWEST = 10  # corrections of a field that a head is taught by
FOLDS = 3
PENALTIES = (0.003, 0.03)  # of the addition's squares
ANCHORS = 400  # examples that hold a head in place
STEPS = 60  # of the minimiser
KEEP = 30.0  # weight of staying with what the head said about the examples
MOST_CHANGED = 0.05  # share of the examples that may get another label
LEAST_RIGHT = 0.5  # share of held-out corrections that the head must get right


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
    heads: dict[str, Linear] = {}
    checks: list[Check] = []
    learned: dict[str, dict[str, float]] = {}
    for task, corrected in corrections.items():
        scale = start.temperatures.get(task, 1.0)
        head, figures = _addition(task, corrected, texts, outputs, calm, scale)
        heads[task], learned[task] = head, figures
        before, after = figures["right before"], figures["right, held out"]
        chance = ONE_SIDED * (max(before * (1 - before), 0.01) / figures["n"]) ** 0.5
        checks += [
            Check(
                f"{task}, right on corrections held out",
                after,
                max(before + chance, LEAST_RIGHT),
                at_least=True,
                remedy=remedies.CORRECTIONS,
            ),
            Check(
                f"{task}, examples with another label",
                figures["changed"],
                MOST_CHANGED,
                remedy=remedies.NEIGHBOURS,
            ),
        ]
        say(f"{task}: {int(figures['n'])} corrections, right {before:.2f} before, {after:.2f} now")
    enforce(checks)
    return _written(table, start, out, heads, checks, learned)


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


def _addition(
    task: str,
    corrected: Corrected,
    texts: Sequence[str],
    outputs: Outputs,
    calm: Outputs,
    scale: float,
) -> tuple[Linear, dict[str, float]]:
    """The addition to a head, and its figures on corrections that it had not learnt."""
    rows = corrected.rows
    features, logits = _reads(task, outputs)[rows], getattr(outputs, task)[rows] / scale
    steady, stays = _reads(task, calm), getattr(calm, task) / scale
    folds = np.array([int(text_hash(texts[row])[:8], 16) % FOLDS for row in rows])

    def held_out(penalty: float) -> Floats:
        after: Floats = logits.copy()
        for fold in range(FOLDS):
            test = folds == fold
            weight, bias = _added(
                features[~test], logits[~test], corrected.labels[~test], steady, stays, penalty
            )
            after[test] = logits[test] + features[test] @ weight + bias
        return after

    tried = {penalty: held_out(penalty) for penalty in PENALTIES}

    def right(after: Floats) -> float:
        return float((after.argmax(-1) == corrected.labels).mean())

    penalty = max(tried, key=lambda candidate: (right(tried[candidate]), candidate))
    weight, bias = _added(features, logits, corrected.labels, steady, stays, penalty)
    changed = (stays.argmax(-1) != (stays + steady @ weight + bias).argmax(-1)).mean()
    head = Linear(weight * scale, bias * scale, penalty, tried[penalty], rows)
    return head, {
        "n": float(len(rows)),
        "right before": right(logits),
        "right, held out": right(tried[penalty]),
        "changed": float(changed),
    }


def _reads(task: str, outputs: Outputs) -> Floats:
    return severity_features(outputs) if task == "severity" else outputs.embedding


def _added(
    features: Floats, logits: Floats, labels: Labels, steady: Floats, before: Floats, penalty: float
) -> tuple[Floats, Floats]:
    """Weight (width, classes) and bias (classes,) of the addition.

    Minimises the mean cross-entropy of the corrections, KEEP times that of the anchors against what
    the head said of them, and the penalty.
    """
    width, classes = features.shape[1], logits.shape[1]
    goal = np.eye(classes, dtype=np.float32)[labels]
    goals = softmax(before)
    size = width * classes

    def loss(values: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        weight, bias = values[:size].reshape(width, classes), values[size:]
        total, slope_weight = 0.0, np.zeros_like(weight)
        slope_bias = np.zeros_like(bias)
        for reads, base, target, share in (
            (features, logits, goal, 1.0),
            (steady, before, goals, KEEP),
        ):
            likely = softmax(base + reads @ weight + bias)
            total -= share * float((target * np.log(np.maximum(likely, 1e-12))).sum(-1).mean())
            apart = share * (likely - target) / len(reads)
            slope_weight += reads.T @ apart
            slope_bias += apart.sum(0)
        total += penalty * float((values**2).sum())
        slope = np.concatenate([slope_weight.ravel(), slope_bias]) + 2 * penalty * values
        return total, slope

    start = np.zeros(size + classes)
    values = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": STEPS}).x
    weight = values[:size].reshape(width, classes).astype(np.float32)
    return weight, values[size:].astype(np.float32)


def _written(
    table: Path,
    start: Artifact,
    out: Path,
    heads: Mapping[str, Linear],
    checks: Sequence[Check],
    learned: Mapping[str, Mapping[str, float]],
) -> dict[str, Any]:
    model = out.parent / f".{out.name}.spare"
    shutil.rmtree(model, ignore_errors=True)
    try:
        model.mkdir(parents=True)
        for name in start.story["files"]:  # its own taxonomy and examples too
            shutil.copy(start.folder / name, model / name)
        graft(start.model, model / MODEL, heads, beside=True)
    except OSError as error:
        raise CorrectionsError(f"{out}: it cannot be written ({error.strerror})") from None
    files = {name: sha256(model / name) for name in start.story["files"]}
    story = {
        **start.story,
        "version": f"corrected-{files[MODEL][:12]}-r{READING}",
        "files": files,
        "started_from": start.version,
        "corrections": {"file": {table.name: file_hash(table)}, "learned": learned},
        "gate": [str(check) for check in checks],
    }
    write_story(model, story)
    hand_on_calls(start, model, story["version"])
    return publish(story, model, out)
