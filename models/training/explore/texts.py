"""The texts that are explored: what the file says of each, and what the model makes of it."""

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
class Found:
    """One text of a file, or one call. turns: the customer's, of a call. Labels: the file's own, if
    any.
    """

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
    found: Sequence[Found], analyze: Analyze, tick: Callable[[int], None] = lambda done: None
) -> list[Understood]:
    """Read every text with the model. tick: is told how many are done."""
    own = {name for name in LABELS if any(getattr(one, name) is not None for one in found)}
    understood: list[Understood] = []
    for start in range(0, len(found), BATCH):
        some = found[start : start + BATCH]
        said = [one.turns or (one.text,) for one in some]
        analyses = iter(analyze([text for texts in said for text in texts]))
        understood += [
            _understood(one, [next(analyses) for _ in texts], own)
            for one, texts in zip(some, said, strict=True)
        ]
        tick(len(understood))
    return understood


def _understood(one: Found, analyses: Sequence[Analysis], own: Collection[str]) -> Understood:
    """own: the labels that the file gives itself; the model's are not mixed with them."""
    known = [analysis for analysis in analyses if not analysis.abstained]
    worst = max(known, key=lambda analysis: analysis.dissatisfaction or 0.0, default=None)
    index, severity = (worst.dissatisfaction, worst.severity) if worst else (None, None)
    if "index" in own:
        index, severity = one.index, None if one.index is None else round(one.index / 25)
    text = redact(" ".join(one.text.split()))
    return Understood(
        text=text,
        words=tuple(words(text)),
        language=max(analyses, key=lambda analysis: len(analysis.text)).language
        if analyses
        else "und",
        when=one.when,
        brand=one.brand,
        topic=one.topic
        if "topic" in own
        else (worst and worst.topic and worst.topic.label) or None,
        problem=one.problem
        if "problem" in own
        else (worst and worst.problem and worst.problem.label) or None,
        index=index,
        severity=severity,
        sentiment=one.sentiment if "sentiment" in own else _sentiment(known),
        outcome=one.outcome,
        embedding=_embedding(known),
    )


def _sentiment(known: Sequence[Analysis]) -> str | None:
    """The likeliest over all turns."""
    sums: dict[str, float] = {}
    for analysis in known:
        for label, value in (
            analysis.sentiment.probabilities if analysis.sentiment else {}
        ).items():
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


def with_embedding(texts: Sequence[Understood]) -> Iterator[tuple[Understood, NDArray[np.float32]]]:
    for one in texts:
        if one.embedding is not None:
            yield one, one.embedding
