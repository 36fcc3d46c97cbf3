"""Sentiment models side by side on one labelled file: how right, how sure, how large, how fast."""

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
        """parameters, trained_parameters, bytes, train_seconds and precision, as far as the model
        tells them.
        """
        ...


_NAMES = {
    "negative": ("negative", "neg", "very negative", "1 star", "2 stars", "bad"),
    "neutral": ("neutral", "neu", "3 stars", "mixed"),
    "positive": ("positive", "pos", "very positive", "4 stars", "5 stars", "good"),
}
_MEANING = {name: label for label, names in _NAMES.items() for name in names}


def label_map(labels: Sequence[str], given: Mapping[str, str] | None = None) -> dict[str, str]:
    """What each of a model's labels means. given: for those that do not tell, `LABEL_0` ->
    `negative`.

    Names (POS, NEG, NEU, positive ...) and one to five stars are understood. Raises LabelsError
    naming those that are not, and those that were given but are none of the model's.
    """
    told = {name.casefold(): meaning for name, meaning in (given or {}).items()}
    if strange := [
        name for name in given or {} if name.casefold() not in {one.casefold() for one in labels}
    ]:
        raise LabelsError(f"it has no label {', '.join(strange)}; it has {', '.join(labels)}")
    known = {one: told.get(one.casefold()) or _MEANING.get(_plain(one)) for one in labels}
    if unknown := [one for one, meaning in known.items() if meaning is None]:
        raise LabelsError(
            f"what do its labels {', '.join(unknown)} mean? Say it: --labels "
            + ",".join(f"{one}=negative" for one in unknown[:1])
            + ",... (negative, neutral, positive)"
        )
    found = {one: str(meaning) for one, meaning in known.items()}
    if wrong := sorted({meaning for meaning in found.values() if meaning not in LABELS}):
        raise LabelsError(f"{', '.join(wrong)} is no sentiment; use negative, neutral or positive")
    if not {"negative", "positive"} <= set(found.values()):
        raise LabelsError(f"its labels {', '.join(labels)} name no negative or no positive text")
    return found


def _plain(label: str) -> str:
    return " ".join(label.casefold().replace("_", " ").replace("-", " ").split())


def as_sentiments(
    probabilities: Floats, labels: Sequence[str], meaning: Mapping[str, str]
) -> Floats:
    """(texts, 3) in the order of LABELS: the probabilities of a model's labels, added up by what
    they mean.
    """
    found = np.zeros((len(probabilities), len(LABELS)), np.float32)
    for column, label in enumerate(labels):
        found[:, LABELS.index(meaning[label])] += probabilities[:, column]
    return found


def compare_sentiment(data: Path, contestants: Mapping[str, Contestant]) -> dict[str, Any]:
    """Each model on a CSV with text,label, read in parts. Raises EvaluationError for a file that
    cannot be read.

    Where the file has no neutral text, every model chooses between negative and positive.
    """
    with LabelledFile(data) as file:
        return {
            "data": data.name,
            "n": file.n,
            "probes": list(PROBES),
            "models": {name: figures_of(one, file) for name, one in contestants.items()},
        }


def figures_of(model: Contestant, file: LabelledFile) -> dict[str, Any]:
    tally, took = Tally([LABELS[one] for one in file.classes]), 0.0
    for texts, truth in file.parts():
        if not took:
            model.sentiments(texts[:WARM])
        started = time.perf_counter()
        every = model.sentiments(texts)
        took += time.perf_counter() - started
        some = every[:, file.classes]
        tally.add(
            np.searchsorted(file.classes, truth),
            some / np.maximum(some.sum(-1, keepdims=True), 1e-9),
        )
    told = tally.scores()
    probes = model.sentiments(PROBES)
    return {
        "model": model.version,
        "labels": list(model.labels),
        "precision": round(
            float(np.mean([one["precision"] for one in told["per_class"].values()])), 4
        ),
        "recall": told["macro_recall"],
        **told,
        "brier": round(tally.brier, 4),
        "texts_per_s": round(file.n / max(took, 1e-9), 1),
        **model.facts,
        "probes": [
            {
                label: round(float(value), 4)
                for label, value in zip(LABELS, row, strict=True)
                if label in model.labels
            }
            for row in probes
        ],
    }
