"""Figures of a model's sentiments on a labelled file of any size."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from models.analyzer import LABELS
from models.evaluation.labelled_file import LabelledFile
from models.evaluation.metrics import OnJudged, Reader, Tally

Progress = Callable[[int, int], None]


def evaluate_sentiment(
    data: Path,
    analyzer: Reader,
    progress: Progress | None = None,
    on_judged: OnJudged | None = None,
) -> dict[str, Any]:
    """Accuracy and calibration of a model on a CSV with text,label, read in parts.

    Labels are names (negative, neutral, positive) or numbers (0 1 2; 0 2 4; -1 0 1; 0 1 for
    negative and positive). Where the file has no neutral text, the model chooses between negative
    and positive. It never abstains here. progress: called with how many texts are done, and of how
    many. on_judged: gets every row. Raises EvaluationError naming the column, or the line and the
    label, that is wrong.
    """
    with LabelledFile(data) as file:
        tally = Tally([LABELS[number] for number in file.classes])
        done = 0
        for texts, truth in file.parts():
            probabilities = analyzer.sentiments(texts)[:, file.classes]
            probabilities /= np.maximum(probabilities.sum(-1, keepdims=True), 1e-9)
            truth = np.searchsorted(file.classes, truth)
            tally.add(truth, probabilities)
            if on_judged is not None:
                rows = zip(texts, truth, probabilities.argmax(-1), strict=True)
                for row, (text, place, guess) in enumerate(rows):
                    sure = float(probabilities[row, guess])
                    on_judged(text, "sentiment", tally.names[place], tally.names[guess], sure)
            done += len(texts)
            if progress is not None:
                progress(done, file.n)
    return {
        "model": analyzer.version,
        "data": data.name,
        **tally.scores(),
        "confusion": tally.matrix(),
    }
