"""Figures of a released model on the parts of a corpus, as it is served."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.analyzer import LABELS, Analyzer, softmax
from models.evaluation.complaints import judged
from models.evaluation.metrics import f1s, scores
from models.training.corpus.data import IGNORED, Example
from models.training.encoder.network import HEADS

Floats = NDArray[np.float32]
Parts = Mapping[str, Sequence[Example]]

NAMES: Mapping[str, Sequence[str]] = {
    "sentiment": LABELS,
    "complaint": ("no", "yes"),
    "severity": ("0", "1", "2", "3", "4"),
}


def class_mix(examples: Sequence[Example]) -> dict[str, dict[str, int]]:
    """The frequency of each class in training, by task, to compare a stream's mix with."""
    mix = {}
    for task, names in NAMES.items():
        truth = np.array([getattr(example, task) for example in examples], dtype=np.int64)
        counts = np.bincount(truth[truth != IGNORED], minlength=len(names))
        if counts.any():
            mix[task] = dict(zip(names, map(int, counts), strict=True))
    return mix


def of_heads(
    parts: Parts, outputs: Mapping[str, Floats], temperatures: Mapping[str, float]
) -> dict[str, Any]:
    """Scores of sentiment, complaint and severity on each set.

    outputs: of all the sets' texts, in order.
    """
    figures: dict[str, Any] = {}
    start = 0
    for part, examples in parts.items():
        rows = slice(start, start + len(examples))
        start += len(examples)
        for task in HEADS:
            truth = np.array([getattr(example, task) for example in examples], dtype=np.int64)
            known = truth != IGNORED
            if known.any():
                probabilities = softmax(outputs[task][rows][known] / temperatures[task])
                figures[f"{part}.{task}"] = _scores(task, truth[known], probabilities)
    return figures


def _scores(task: str, truth: NDArray[np.int64], probabilities: Floats) -> dict[str, Any]:
    """Without a neutral text in the set, the choice is between negative and positive."""
    classes = list(range(len(NAMES[task])))
    if task == "sentiment" and 1 not in truth:
        classes = [0, 2]
        probabilities = probabilities[:, classes] / probabilities[:, classes].sum(-1, keepdims=True)
    figures = scores(
        np.searchsorted(classes, truth), probabilities, [NAMES[task][number] for number in classes]
    )
    if task == "severity" and (truth > 0).any():
        complaints = truth > 0
        guesses = probabilities[complaints, 1:].argmax(-1)
        figures["macro_f1_of_complaints"] = round(
            float(f1s(truth[complaints] - 1, guesses, 4).mean()), 4
        )
    return figures


def of_understanding(parts: Parts, analyzer: Analyzer) -> dict[str, Any]:
    """Figures as of `earshot evaluate complaints` for each set that has labels."""
    figures: dict[str, Any] = {}
    for part, examples in parts.items():
        known = _known_labels(examples)
        if not known:
            continue
        analyses = analyzer([example.text for example in examples])
        judgement = judged(analyses, known)
        figures[f"{part}.abstained"] = {
            "n": len(examples),
            "share": round(judgement["abstained"] / len(examples), 4),
        }
        for task in (*known, "dissatisfaction"):
            if task in judgement and task != "severity":
                figures[f"{part}.{task}"] = {
                    name: value for name, value in judgement[task].items() if name != "confusion"
                }
    return figures


def _known_labels(examples: Sequence[Example]) -> dict[str, list[str | None]]:
    """The labels of each task that has one, None for a text without one, or with several."""
    truth: dict[str, list[str | None]] = {"topic": [], "problem": [], "severity": []}
    for example in examples:
        known = example.severity != IGNORED
        truth["topic"].append(_single(example.topics))
        truth["problem"].append(_single(example.problems))
        truth["severity"].append(str(example.severity) if known else None)
    return {task: labels for task, labels in truth.items() if any(labels)}


def _single(names: Sequence[str]) -> str | None:
    return names[0] if len(names) == 1 else None


def reasons(
    examples: Sequence[Example], problems: Sequence[str], probabilities: Floats
) -> dict[str, Any]:
    """The airline's own ten reasons, each with the probability of its problems."""
    own = [row for row, example in enumerate(examples) if example.problems]
    classes = sorted({examples[row].problems for row in own})
    columns = [[problems.index(name) for name in names] for names in classes]
    sums = [probabilities[own][:, numbers].sum(-1) for numbers in columns]
    shares = np.stack(sums, axis=-1)  # (texts, reasons)
    truth = np.array([classes.index(examples[row].problems) for row in own])
    guesses = shares.argmax(-1)
    return {
        "n": len(own),
        "accuracy": round(float((guesses == truth).mean()), 4),
        "macro_f1": round(float(f1s(truth, guesses, len(classes)).mean()), 4),
    }
