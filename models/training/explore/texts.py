"""Explored texts: each with the labels of its file, or else those of the model."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from models.analysis import Analysis
from models.redact import redact
from models.training.explore.words import words

Analyze = Callable[[Sequence[str]], list[Analysis]]
BATCH = 64
LABELS = ("topic", "problem", "index", "sentiment")  # that the model can give as well


@dataclass(frozen=True, slots=True)
class SourceText:
    """A text of a file, or a call. turns: the customer's, of a call. Labels: the file's own."""

    text: str
    turns: tuple[str, ...] = ()
    when: datetime | None = None
    brand: str | None = None
    topic: str | None = None
    problem: str | None = None
    index: float | None = None  # dissatisfaction, 0 to 100
    sentiment: str | None = None
    outcome: str | None = None


@dataclass(frozen=True, slots=True)
class ExploredText:
    """A text without its personal data, with labels of the file, or else of the model."""

    text: str
    words: tuple[str, ...]
    language: str
    when: datetime | None
    brand: str | None
    topic: str | None
    problem: str | None
    index: float | None
    severity: int | None
    sentiment: str | None
    outcome: str | None
    embedding: NDArray[np.float32] | None  # None: the model abstained


def understand(
    sources: Sequence[SourceText], analyze: Analyze, tick: Callable[[int], None] = lambda done: None
) -> list[ExploredText]:
    """Analyse every text. tick: called with how many are done."""
    own: set[str] = set()
    for source in sources:
        own |= {name for name in LABELS if getattr(source, name) is not None}
    understood: list[ExploredText] = []
    for start in range(0, len(sources), BATCH):
        batch = sources[start : start + BATCH]
        turns = [source.turns or (source.text,) for source in batch]
        analyses = iter(analyze([text for texts in turns for text in texts]))
        understood += [
            _explored(source, [next(analyses) for _ in texts], own)
            for source, texts in zip(batch, turns, strict=True)
        ]
        tick(len(understood))
    return understood


def _explored(
    source: SourceText, analyses: Sequence[Analysis], own: Collection[str]
) -> ExploredText:
    """own: the labels that the file gives itself; the model's are not mixed with them."""
    known = [analysis for analysis in analyses if not analysis.abstained]
    worst = max(known, key=lambda analysis: analysis.dissatisfaction or 0.0, default=None)
    longest = max(analyses, key=lambda analysis: len(analysis.text), default=None)
    index, severity = (worst.dissatisfaction, worst.severity) if worst else (None, None)
    if "index" in own:
        index, severity = source.index, _severity(source.index)
    topic, problem = _topic(worst), _problem(worst)
    text = redact(" ".join(source.text.split()))
    return ExploredText(
        text=text,
        words=tuple(words(text)),
        language=longest.language if longest else "und",
        when=source.when,
        brand=source.brand,
        topic=source.topic if "topic" in own else topic,
        problem=source.problem if "problem" in own else problem,
        index=index,
        severity=severity,
        sentiment=source.sentiment if "sentiment" in own else _sentiment(known),
        outcome=source.outcome,
        embedding=_embedding(known),
    )


def _severity(index: float | None) -> int | None:
    return None if index is None else round(index / 25)


def _topic(analysis: Analysis | None) -> str | None:
    return analysis.topic.label if analysis and analysis.topic else None


def _problem(analysis: Analysis | None) -> str | None:
    return analysis.problem.label if analysis and analysis.problem else None


def _sentiment(known: Sequence[Analysis]) -> str | None:
    """The likeliest over all turns."""
    sums: dict[str, float] = {}
    for analysis in known:
        probabilities = analysis.sentiment.probabilities if analysis.sentiment else {}
        for label, value in probabilities.items():
            sums[label] = sums.get(label, 0.0) + value
    return max(sums, key=lambda label: sums[label], default=None)


def _embedding(known: Sequence[Analysis]) -> NDArray[np.float32] | None:
    """The mean of the turns, of unit length."""
    vectors = [
        analysis.embedding.astype(np.float32)
        for analysis in known
        if analysis.embedding is not None
    ]
    if not vectors:
        return None
    mean: NDArray[np.float32] = np.mean(vectors, axis=0)
    return mean / max(float(np.linalg.norm(mean)), 1e-6)


def with_embedding(
    texts: Sequence[ExploredText],
) -> Iterator[tuple[ExploredText, NDArray[np.float32]]]:
    for text in texts:
        if text.embedding is not None:
            yield text, text.embedding
