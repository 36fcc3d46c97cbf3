"""Explored texts: each with the labels of its file, or else those of the model."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from models.analysis import Analysis, Problem, Sentiment, Topic
from models.language import UNDECIDED
from models.training.explore.words import words

LABELS = ("topic", "problem", "index", "sentiment", "outcome")  # that the model can give as well


@dataclass(frozen=True, slots=True)
class SourceText:
    """A text of a file, or a call. Labels: the file's own, if any."""

    text: str
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
    sources: Sequence[SourceText], judged: Iterable[tuple[str, Analysis | None]]
) -> list[ExploredText]:
    """Every text with its judgement.

    judged: each text without its personal data, and its analysis; None where there is none.
    """
    own = {name for name in LABELS if any(getattr(source, name) is not None for source in sources)}
    return [
        _explored(source, text, analysis, own)
        for source, (text, analysis) in zip(sources, judged, strict=True)
    ]


def _explored(
    source: SourceText, text: str, analysis: Analysis | None, own: Collection[str]
) -> ExploredText:
    """own: the labels that the file gives itself; the model's are not mixed with them."""
    known = None if analysis is None or analysis.abstained else analysis
    index, severity = (known.dissatisfaction, known.severity) if known else (None, None)
    if "index" in own:
        index, severity = source.index, _severity(source.index)
    topic = _label(known.topic if known else None)
    problem = _label(known.problem if known else None)
    sentiment = _label(known.sentiment if known else None)
    text = " ".join(text.split())
    return ExploredText(
        text=text,
        words=tuple(words(text)),
        language=analysis.language if analysis else UNDECIDED,
        when=source.when,
        brand=source.brand,
        topic=source.topic if "topic" in own else topic,
        problem=source.problem if "problem" in own else problem,
        index=index,
        severity=severity,
        sentiment=source.sentiment if "sentiment" in own else sentiment,
        outcome=_outcome(source, known, own),
        embedding=_embedding(known),
    )


def _severity(index: float | None) -> int | None:
    return None if index is None else round(index / 25)


def _outcome(source: SourceText, known: Analysis | None, own: Collection[str]) -> str | None:
    """How a call ended, in words; None for what is no call."""
    if "outcome" in own:
        return source.outcome
    outcome = known.call.outcome if known and known.call else None
    return outcome.label.replace("_", " ") if outcome else None


def _label(judged: Sentiment | Topic | Problem | None) -> str | None:
    return judged.label if judged else None


def _embedding(known: Analysis | None) -> NDArray[np.float32] | None:
    return None if known is None or known.embedding is None else known.embedding.astype(np.float32)


def with_embedding(
    texts: Sequence[ExploredText],
) -> Iterator[tuple[ExploredText, NDArray[np.float32]]]:
    for text in texts:
        if text.embedding is not None:
            yield text, text.embedding
