"""The texts that are explored: what the file says of each, and what the model makes of it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from models.analysis import Analysis, Problem, Sentiment, Topic
from models.language import UNDECIDED
from models.training.explore.words import words

LABELS = ("topic", "problem", "index", "sentiment")  # that the model can give as well


@dataclass(frozen=True, slots=True)
class Found:
    """One text of a file, or one call. Labels: the file's own, if any."""

    text: str
    when: datetime | None = None
    brand: str | None = None
    topic: str | None = None
    problem: str | None = None
    index: float | None = None  # dissatisfaction, 0 to 100
    sentiment: str | None = None
    outcome: str | None = None


@dataclass(frozen=True, slots=True)
class Understood:
    """A text without its personal data, and what is known of it: by the file if it knows any, else
    by the model.
    """

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
    found: Sequence[Found], judged: Iterable[tuple[str, Analysis | None]]
) -> list[Understood]:
    """What is known of every text. judged: each without its personal data, and what the model makes
    of it; None where it makes nothing.
    """
    own = {name for name in LABELS if any(getattr(one, name) is not None for one in found)}
    return [
        _understood(one, text, analysis, own)
        for one, (text, analysis) in zip(found, judged, strict=True)
    ]


def _understood(
    one: Found, text: str, analysis: Analysis | None, own: Collection[str]
) -> Understood:
    """own: the labels that the file gives itself; the model's are not mixed with them."""
    known = None if analysis is None or analysis.abstained else analysis
    index, severity = (known.dissatisfaction, known.severity) if known else (None, None)
    if "index" in own:
        index, severity = one.index, None if one.index is None else round(one.index / 25)
    text = " ".join(text.split())
    return Understood(
        text=text,
        words=tuple(words(text)),
        language=analysis.language if analysis else UNDECIDED,
        when=one.when,
        brand=one.brand,
        topic=one.topic if "topic" in own else _label(known.topic if known else None),
        problem=one.problem if "problem" in own else _label(known.problem if known else None),
        index=index,
        severity=severity,
        sentiment=one.sentiment
        if "sentiment" in own
        else _label(known.sentiment if known else None),
        outcome=one.outcome,
        embedding=_embedding(known),
    )


def _label(judged: Sentiment | Topic | Problem | None) -> str | None:
    return judged.label if judged else None


def _embedding(known: Analysis | None) -> NDArray[np.float32] | None:
    return None if known is None or known.embedding is None else known.embedding.astype(np.float32)


def with_embedding(texts: Sequence[Understood]) -> Iterator[tuple[Understood, NDArray[np.float32]]]:
    for one in texts:
        if one.embedding is not None:
            yield one, one.embedding
