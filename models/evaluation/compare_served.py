"""Served models as contestants: a model directory or a release of the lab, INT8, without torch."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.analyzer import LABELS, Analyzer
from models.artifact import MODEL, is_classifier, load_artifact
from models.sentiment_classifier import Classifier

RUN = "run.json"  # what a run of the lab says of itself, one folder up


class Served:
    """A contestant. Raises ArtifactError when the directory cannot be served."""

    def __init__(self, folder: Path, threads: int = 2) -> None:
        self.labels: Sequence[str] = LABELS
        self._model: Classifier | Analyzer
        if is_classifier(folder):
            self._model = Classifier(folder, threads=threads)
            self.labels = self._model.labels
        else:
            self._model = Analyzer(load_artifact(folder), threads=threads)
        self.version, self._folder = self._model.version, folder

    def sentiments(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return self._model.sentiments(texts)

    @property
    def facts(self) -> Mapping[str, Any]:
        return {
            **trained(self._folder),
            "bytes": (self._folder / MODEL).stat().st_size,
            "stored": "INT8",
        }


def trained(folder: Path, *, base: bool = False) -> dict[str, Any]:
    """Figures of the training run that wrote a folder, {} where none did. base: before that run."""
    try:
        story = json.loads((folder.parent / RUN).read_text(encoding="utf-8"))
        figures = {
            "way": story["way"],
            "trained_parameters": story["parameters"]["trained"],
            "train_seconds": story["processor_seconds"],
        }
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return {"trained_parameters": 0, "train_seconds": 0.0} if base else figures
