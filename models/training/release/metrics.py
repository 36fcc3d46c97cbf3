"""How good a released model is on the parts of a corpus, as it is served."""

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
    """How often each class was taught, by task: what a stream's own mix is held against."""
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
    """Scores of sentiment, complaint and severity on each set. outputs: of all the sets' texts, one
    after another.
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
    """Where a set has no neutral text, the choice is between negative and positive."""
    classes = list(range(len(NAMES[task])))
    if task == "sentiment" and 1 not in truth:
        classes = [0, 2]
        probabilities = probabilities[:, classes] / probabilities[:, classes].sum(-1, keepdims=True)
    told = scores(
        np.searchsorted(classes, truth), probabilities, [NAMES[task][one] for one in classes]
    )
    if task == "severity" and (truth > 0).any():
        complaints = truth > 0
        guesses = probabilities[complaints, 1:].argmax(-1)
        told["macro_f1_of_complaints"] = round(
            float(f1s(truth[complaints] - 1, guesses, 4).mean()), 4
        )
    return told


def of_understanding(parts: Parts, analyzer: Analyzer) -> dict[str, Any]:
    """What `earshot evaluate complaints` would say of each set whose topics, problems or severities
    are known.
    """
    figures: dict[str, Any] = {}
    for part, examples in parts.items():
        truth = {
            "topic": [one.topics[0] if len(one.topics) == 1 else None for one in examples],
            "problem": [one.problems[0] if len(one.problems) == 1 else None for one in examples],
            "severity": [
                None if one.severity == IGNORED else str(one.severity) for one in examples
            ],
        }
        told = {
            task: labels
            for task, labels in truth.items()
            if any(label is not None for label in labels)
        }
        if not told:
            continue
        analyses = analyzer([one.text for one in examples])
        judgement = judged(analyses, told)
        figures[f"{part}.abstained"] = {
            "n": len(examples),
            "share": round(judgement["abstained"] / len(examples), 4),
        }
        for task in (*told, "dissatisfaction"):
            if task in judgement and task != "severity":
                figures[f"{part}.{task}"] = {
                    name: value for name, value in judgement[task].items() if name != "confusion"
                }
    return figures


def reasons(
    examples: Sequence[Example], problems: Sequence[str], probabilities: Floats
) -> dict[str, Any]:
    """The airline's own ten reasons: a reason has the probability of the problems that it may mean."""
    own = [row for row, one in enumerate(examples) if one.problems]
    classes = sorted({examples[row].problems for row in own})
    columns = [[problems.index(name) for name in names] for names in classes]
    shares = np.stack(
        [probabilities[own][:, some].sum(-1) for some in columns], axis=-1
    )  # (texts, reasons)
    truth = np.array([classes.index(examples[row].problems) for row in own])
    guesses = shares.argmax(-1)
    return {
        "n": len(own),
        "accuracy": round(float((guesses == truth).mean()), 4),
        "macro_f1": round(float(f1s(truth, guesses, len(classes)).mean()), 4),
    }
