"""Consistency of the analyzer on complaints in capitals, mistyped, and in other words."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from models.analysis import Analysis
from models.analyzer import Analyzer
from models.evaluation.labelled_file import read_labelled
from models.evaluation.metrics import EvaluationError, OnJudged
from models.evaluation.typos import misprinted

WITHIN = 10.0  # of the dissatisfaction index, which goes to 100
SEED = 7


def evaluate_consistency(
    data: Path, analyzer: Analyzer, on_judged: OnJudged | None = None
) -> dict[str, Any]:
    """The shares of texts that keep their topic, and their dissatisfaction within 10 of 100.

    data: a CSV with the column `text` and, for a third way, `paraphrase`. on_judged: gets every
    text in its other wording: its topic and its index, with those of the first wording as the
    truth. Raises EvaluationError.
    """
    texts, paraphrases = _read(data)
    chance = random.Random(SEED)  # noqa: S311 (no secret)
    ways = {
        "capitals": (texts, [text.upper() for text in texts]),
        "misprints": (texts, [misprinted(text, chance) for text in texts]),
        "paraphrase": (
            [text for text, other in zip(texts, paraphrases, strict=True) if other],
            [other for other in paraphrases if other],
        ),
    }
    figures: dict[str, Any] = {}
    for way, (before, after) in ways.items():
        if before:
            first, second = analyzer(before), analyzer(after)
            figures[way] = alike(first, second)
            if on_judged is not None:
                _hand_on(on_judged, way, after, first, second)
    return {"model": analyzer.version, "data": data.name, "n": len(texts), **figures}


def alike(before: Sequence[Analysis], after: Sequence[Analysis]) -> dict[str, Any]:
    """Agreement of the analyses of the same complaints in two wordings."""
    pairs = list(zip(before, after, strict=True))
    topic = np.array([_name(first) == _name(second) for first, second in pairs])
    apart = np.array([abs(_index(first) - _index(second)) for first, second in pairs])
    return {
        "n": len(topic),
        "same_topic": round(float(topic.mean()), 4),
        "index_within_10": round(float((apart <= WITHIN).mean()), 4),
        "both": round(float((topic & (apart <= WITHIN)).mean()), 4),
        "mean_difference": round(float(apart.mean()), 2),
    }


def _hand_on(
    on_judged: OnJudged,
    way: str,
    texts: Sequence[str],
    before: Sequence[Analysis],
    after: Sequence[Analysis],
) -> None:
    for text, first, second in zip(texts, before, after, strict=True):
        on_judged(text, f"{way}: topic", _name(first) or "", _name(second) or "")
        own, other = _index(first), _index(second)
        is_near = abs(own - other) <= WITHIN
        on_judged(text, f"{way}: index", f"{own:.1f}", f"{other:.1f}", right=is_near)


def _name(analysis: Analysis) -> str | None:
    return analysis.topic.label if analysis.topic else None


def _index(analysis: Analysis) -> float:
    return analysis.dissatisfaction or 0.0


def _read(path: Path) -> tuple[list[str], list[str]]:
    """Texts and their paraphrases, an empty one where a text has none."""
    rows = [row for row in read_labelled(path, ["text"]).rows if row["text"]]
    if not rows:
        raise EvaluationError(f"{path}: it has no rows with a text")
    return [row["text"] for row in rows], [row["paraphrase"] for row in rows]
