"""Comparison of sentiment models on one labelled file: accuracy, calibration, size and speed."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from models.analyzer import LABELS
from models.evaluation.labelled_file import LabelledFile
from models.evaluation.metrics import Tally

# What the reference comparison asked every model; the third is meant to be hard.
PROBES = (
    "I love you",
    "I hate you",
    "the product would be great, had it not broke a minute after I purchased it",
)
WARM = 8  # texts that are read before the clock starts

Floats = NDArray[np.float32]


class LabelsError(Exception):
    """A model's labels do not say which of them is negative, neutral or positive."""


class Contestant(Protocol):
    """A model to compare. labels: those of LABELS that it can say."""

    version: str
    labels: Sequence[str]

    def sentiments(self, texts: Sequence[str]) -> Floats: ...

    @property
    def facts(self) -> Mapping[str, Any]:
        """parameters, trained_parameters, bytes, train_seconds and precision, where known."""
        ...


_NAMES = {
    "negative": ("negative", "neg", "very negative", "1 star", "2 stars", "bad"),
    "neutral": ("neutral", "neu", "3 stars", "mixed"),
    "positive": ("positive", "pos", "very positive", "4 stars", "5 stars", "good"),
}
_MEANING = {name: label for label, names in _NAMES.items() for name in names}


def label_map(labels: Sequence[str], names: Mapping[str, str] | None = None) -> dict[str, str]:
    """The meaning of each of a model's labels.

    names: of those that are not understood, such as `LABEL_0` -> `negative`. Names (POS, NEG, NEU,
    positive ...) and one to five stars are understood. Raises LabelsError for labels that are not
    understood, and for `names` that the model does not have.
    """
    by_name = {name.casefold(): meaning for name, meaning in (names or {}).items()}
    own = {label.casefold() for label in labels}
    foreign = [name for name in names or {} if name.casefold() not in own]
    if foreign:
        raise LabelsError(f"it has no label {', '.join(foreign)}; it has {', '.join(labels)}")
    meanings: dict[str, str] = {}
    for label in labels:
        meaning = by_name.get(label.casefold()) or _MEANING.get(_plain(label))
        if meaning is not None:
            meanings[label] = meaning
    _check_meanings(labels, meanings)
    return meanings


def _check_meanings(labels: Sequence[str], meanings: Mapping[str, str]) -> None:
    unknown = [label for label in labels if label not in meanings]
    if unknown:
        raise LabelsError(
            f"what do its labels {', '.join(unknown)} mean? Say it: --labels"
            f" {unknown[0]}=negative,... (negative, neutral, positive)"
        )
    wrong = sorted(set(meanings.values()) - set(LABELS))
    if wrong:
        raise LabelsError(f"{', '.join(wrong)} is no sentiment; use negative, neutral or positive")
    if not {"negative", "positive"} <= set(meanings.values()):
        raise LabelsError(f"its labels {', '.join(labels)} name no negative or no positive text")


def _plain(label: str) -> str:
    return " ".join(label.casefold().replace("_", " ").replace("-", " ").split())


def as_sentiments(
    probabilities: Floats, labels: Sequence[str], meaning: Mapping[str, str]
) -> Floats:
    """(texts, 3) in the order of LABELS: probabilities of a model's labels, summed by meaning."""
    sentiments = np.zeros((len(probabilities), len(LABELS)), np.float32)
    for column, label in enumerate(labels):
        sentiments[:, LABELS.index(meaning[label])] += probabilities[:, column]
    return sentiments


def compare_sentiment(data: Path, contestants: Mapping[str, Contestant]) -> dict[str, Any]:
    """Each model on a CSV with text,label, read in parts.

    Raises EvaluationError for a file that cannot be read. Where it has no neutral text, every model
    chooses between negative and positive.
    """
    with LabelledFile(data) as file:
        return {
            "data": data.name,
            "n": file.n,
            "probes": list(PROBES),
            "models": {name: figures_of(model, file) for name, model in contestants.items()},
        }


def figures_of(model: Contestant, file: LabelledFile) -> dict[str, Any]:
    tally, took = Tally([LABELS[number] for number in file.classes]), 0.0
    for texts, truth in file.parts():
        if not took:
            model.sentiments(texts[:WARM])
        started = time.perf_counter()
        sentiments = model.sentiments(texts)[:, file.classes]
        took += time.perf_counter() - started
        sentiments = sentiments / np.maximum(sentiments.sum(-1, keepdims=True), 1e-9)
        tally.add(np.searchsorted(file.classes, truth), sentiments)
    figures = tally.scores()
    precisions = [row["precision"] for row in figures["per_class"].values()]
    probes = model.sentiments(PROBES)
    return {
        "model": model.version,
        "labels": list(model.labels),
        "precision": round(float(np.mean(precisions)), 4),
        "recall": figures["macro_recall"],
        **figures,
        "brier": round(tally.brier, 4),
        "texts_per_s": round(file.n / max(took, 1e-9), 1),
        **model.facts,
        "probes": [_by_label(row, model.labels) for row in probes],
    }


def _by_label(probabilities: Floats, labels: Sequence[str]) -> dict[str, float]:
    rounded = {
        label: round(float(value), 4) for label, value in zip(LABELS, probabilities, strict=True)
    }
    return {label: value for label, value in rounded.items() if label in labels}
