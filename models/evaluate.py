"""How good the model is on labelled texts. Needs numpy and the serving model alone."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from models.analyzer import LABELS

Labels = NDArray[np.int64]
Floats = NDArray[np.floating[Any]]

_NAMES = {"negative": 0, "neg": 0, "neutral": 1, "neu": 1, "positive": 2, "pos": 2}
# Numbers mean what the set of them means: TweetEval, Sentiment140 (with or without neutral), signed, and two classes.
_NUMBERINGS: tuple[dict[str, int], ...] = (
    {"0": 0, "1": 2},
    {"0": 0, "1": 1, "2": 2},
    {"0": 0, "2": 1, "4": 2},
    {"-1": 0, "0": 1, "1": 2},
)


class Reader(Protocol):
    """Whatever says sentiments: probabilities (texts, 3) in the order of LABELS."""

    @property
    def version(self) -> str: ...
    def sentiments(self, texts: Sequence[str]) -> Floats: ...


class EvaluationError(Exception):
    """The labelled texts cannot be read."""


def evaluate_sentiment(data: Path, analyzer: Reader) -> dict[str, Any]:
    """Accuracy and calibration of a model on a CSV with the columns `text` and `label`.

    Labels are names (negative, neutral, positive) or numbers (0 1 2; 0 2 4; -1 0 1; 0 1 for negative and positive).
    Where the file has no neutral text, the model chooses between negative and positive. It never abstains here.
    Raises EvaluationError naming the column or label that is wrong.
    """
    texts, truth = read_labelled(data)
    classes = [0, 1, 2] if 1 in truth else [0, 2]
    probabilities = analyzer.sentiments(texts)[:, classes]
    probabilities /= probabilities.sum(-1, keepdims=True)
    report = scores(np.searchsorted(classes, truth), probabilities, [LABELS[one] for one in classes])
    return {"model": analyzer.version, "data": data.name, **report}


def read_labelled(path: Path) -> tuple[list[str], Labels]:
    """Texts and their sentiments (0 negative, 1 neutral, 2 positive) from a CSV."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            missing = [name for name in ("text", "label") if name not in (reader.fieldnames or ())]
            if missing:
                there = ", ".join(reader.fieldnames or ["(none)"])
                raise EvaluationError(f"{path}: no column {' and '.join(missing)}; its columns are {there}")
            rows = [(row["text"] or "", (row["label"] or "").strip().lower()) for row in reader]
    except FileNotFoundError:
        raise EvaluationError(f"{path}: there is no such file") from None
    except OSError as error:
        raise EvaluationError(f"{path}: it cannot be read ({error.strerror})") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise EvaluationError(f"{path}: it is no CSV in UTF-8 ({error})") from None
    if not rows:
        raise EvaluationError(f"{path}: it has no rows")
    meaning = _meaning({label for _, label in rows})
    if meaning is None:
        line, label = next((n, label) for n, (_, label) in enumerate(rows, 2) if label not in _NAMES)
        raise EvaluationError(
            f"{path}: unknown label {label!r} (row {line}); use negative, neutral, positive or 0, 1, 2"
        )
    return [text for text, _ in rows], np.array([meaning[label] for _, label in rows], dtype=np.int64)


def _meaning(labels: set[str]) -> dict[str, int] | None:
    return next((one for one in (_NAMES, *_NUMBERINGS) if labels <= one.keys()), None)


def scores(truth: Labels, probabilities: Floats, names: Sequence[str]) -> dict[str, Any]:
    """The figures of one evaluation. truth: (n,), probabilities: (n, classes)."""
    classes = len(names)
    guesses = probabilities.argmax(-1)
    support = np.bincount(truth, minlength=classes)
    each = f1s(truth, guesses, classes)
    return {
        "n": len(truth),
        "accuracy": round(float((truth == guesses).mean()), 4),
        "macro_f1": round(macro_f1(truth, guesses, classes), 4),
        "macro_recall": round(macro_recall(truth, guesses, classes), 4),
        "weighted_f1": round(float((each * support).sum() / support.sum()), 4),
        "ece": round(calibration_error(truth, probabilities), 4),
        "per_class": {
            name: {
                "precision": round(float(precisions(truth, guesses, classes)[row]), 4),
                "recall": round(float(recalls(truth, guesses, classes)[row]), 4),
                "f1": round(float(each[row]), 4),
                "n": int(support[row]),
            }
            for row, name in enumerate(names)
        },
    }


def calibration_error(truth: Labels, probabilities: Floats, bins: int = 15) -> float:
    """Expected calibration error (Guo et al., 2017) of the chosen class, over `bins` bins of equal width."""
    chosen = probabilities.argmax(-1)
    confidence = probabilities.max(-1)
    hit = (chosen == truth).astype(np.float64)
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    count = np.bincount(place, minlength=bins)
    gap = np.bincount(place, hit - confidence, minlength=bins)  # summed over each bin
    return float(np.abs(gap).sum() / max(count.sum(), 1))


def confusion(truth: Labels, guesses: Labels, classes: int) -> Labels:
    """(classes, classes) counts: rows are the truth, columns the guesses."""
    counts = np.bincount(truth.astype(np.int64) * classes + guesses, minlength=classes * classes)
    return counts.reshape(classes, classes)


def recalls(truth: Labels, guesses: Labels, classes: int) -> Floats:
    """Of each class; 0 where the truth has none."""
    table = confusion(truth, guesses, classes)
    found: Floats = np.diag(table) / np.maximum(table.sum(1), 1)
    return found


def precisions(truth: Labels, guesses: Labels, classes: int) -> Floats:
    """Of each class; 0 where it is never guessed."""
    table = confusion(truth, guesses, classes)
    right: Floats = np.diag(table) / np.maximum(table.sum(0), 1)
    return right


def f1s(truth: Labels, guesses: Labels, classes: int) -> Floats:
    precision, recall = precisions(truth, guesses, classes), recalls(truth, guesses, classes)
    both: Floats = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
    return both


def macro_f1(truth: Labels, guesses: Labels, classes: int) -> float:
    return float(f1s(truth, guesses, classes).mean())


def macro_recall(truth: Labels, guesses: Labels, classes: int) -> float:
    return float(recalls(truth, guesses, classes).mean())
