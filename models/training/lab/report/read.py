"""Reader of a run's folder: its log, story, predictions and words."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.analyzer import LABELS
from models.evaluation.labelled_file import read_sentiments
from models.evaluation.metrics import Reader
from models.training.errors import TrainingError

LOG = "train.log"
STORIES = (
    "run.json",
    "model/artifact.json",
    "model/replier.json",
    "model/calls.json",
    "artifact.json",
    "calls.json",
)
# Of a line of the log; every other number is a figure of a look.
POINT = ("step", "of", "loss", "rate", "minutes", "progress", "epoch", "best", "best_step")


Points = list[tuple[float, float]]


class ReportError(TrainingError):
    """There is nothing to report."""


@dataclass(frozen=True)
class Predictions:
    """Probabilities (texts, classes) of a model for a part, with the truth."""

    names: tuple[str, ...]
    texts: list[str]
    truth: NDArray[np.int64]
    probabilities: NDArray[np.float64]


@dataclass(frozen=True)
class Run:
    """losses: (step, loss). rates: (step, learning rate). looks: (step, value) by figure. words:
    texts of each, by class.
    """

    name: str
    story: Mapping[str, Any]
    losses: Points
    looks: dict[str, Points]
    predictions: dict[str, Predictions] = field(default_factory=dict)
    words: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    rates: Points = field(default_factory=list)


def read_run(folder: Path) -> Run:
    """A run's folder. Raises ReportError when it has neither a log nor a story."""
    if not folder.is_dir():
        raise ReportError(f"{folder}: there is no such directory of a run")
    story = next((_json(folder / name) for name in STORIES if (folder / name).is_file()), {})
    losses, rates, looks = _read_log(folder / LOG)
    if not story and not losses and not looks:
        raise ReportError(
            f"{folder}: it is no run: it has neither {LOG} nor {STORIES[0]}"
            " nor a model with its story"
        )
    words = _json(folder / "words.json") if (folder / "words.json").is_file() else {}
    predictions = _read_predictions(folder / "predictions.csv")
    return Run(folder.name, story, losses, looks, predictions, words, rates)


def predictions_of(data: Path, model: Reader) -> Predictions:
    """The predictions of a model for a CSV with text,label. Raises EvaluationError."""
    texts, truth = read_sentiments(data)
    classes = [0, 1, 2] if 1 in truth else [0, 2]
    probabilities = model.sentiments(texts)[:, classes].astype(np.float64)
    probabilities /= np.maximum(probabilities.sum(-1, keepdims=True), 1e-9)
    return Predictions(
        tuple(LABELS[number] for number in classes),
        texts,
        np.searchsorted(classes, truth),
        probabilities,
    )


def _read_log(path: Path) -> tuple[Points, Points, dict[str, Points]]:
    """Losses, learning rates and figures by step.

    Of steps that a resumed run logs twice, the later counts. Lines that are no JSON are left out.
    """
    losses: dict[float, float] = {}
    rates: dict[float, float] = {}
    looks: dict[str, dict[float, float]] = {}
    lines = (
        path.read_text(encoding="utf-8", errors="replace").splitlines() if path.is_file() else []
    )
    for line in lines:
        try:
            line_facts = json.loads(line)
            step = float(line_facts["step"])
        except (ValueError, KeyError, TypeError):
            continue
        if isinstance(line_facts.get("loss"), int | float):
            losses[step] = float(line_facts["loss"])
        if isinstance(line_facts.get("rate"), int | float):
            rates[step] = float(line_facts["rate"])
        for name, value in line_facts.items():
            if name not in POINT and isinstance(value, int | float) and not isinstance(value, bool):
                looks.setdefault(name, {})[step] = float(value)
    return (
        sorted(losses.items()),
        sorted(rates.items()),
        {name: sorted(points.items()) for name, points in looks.items()},
    )


def _read_predictions(path: Path) -> dict[str, Predictions]:
    if not path.is_file():
        return {}
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        names = tuple(
            name for name in reader.fieldnames or () if name not in ("part", "text", "label")
        )
        parts: dict[str, list[dict[str, str]]] = {}
        for row in reader:
            parts.setdefault(row["part"], []).append(row)
    return {
        part: Predictions(
            names,
            [row["text"] for row in rows],
            np.array([names.index(row["label"]) for row in rows], dtype=np.int64),
            np.array([[float(row[name]) for name in names] for row in rows]),
        )
        for part, rows in parts.items()
    }


def _json(path: Path) -> dict[str, Any]:
    try:
        story = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        raise ReportError(
            f"{path}: it is no JSON; the run was cut off or the file was changed"
        ) from None
    return story if isinstance(story, dict) else {}
