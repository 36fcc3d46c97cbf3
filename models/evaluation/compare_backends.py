"""Comparison of backends on the same labelled complaints: accuracy, speed, cost and failures."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, cast

from models.analysis import Analysis
from models.analyzer import Analyzer
from models.evaluation.complaints import HEADS, evaluate_complaints
from models.llm.backend import Llm, merged
from models.llm.prompt import Brief
from models.taxonomy.classifier import Label, Taxonomy

SINGLE = 50  # texts that the local model gets singly, for its latency
FIGURES = ("n", "accuracy", "macro_f1", "unknown_labels")  # of a head


class Backend(Protocol):
    """A judge of texts that counts the seconds of each, and its cost."""

    version: str
    taxonomy: Taxonomy
    heads: Sequence[str]

    took: float  # seconds for all of them

    def __call__(self, texts: Sequence[str]) -> list[Analysis]: ...
    @property
    def seconds(self) -> Sequence[float]: ...
    @property
    def cost(self) -> dict[str, Any]: ...


class LocalBackend:
    """The model on this machine; it costs nothing and never fails."""

    heads: Sequence[str] = HEADS

    def __init__(self, analyzer: Analyzer) -> None:
        self._analyzer = analyzer
        self.version, self.taxonomy = analyzer.version, analyzer.taxonomy
        self.seconds: list[float] = []
        self.took = 0.0
        self.cost: dict[str, Any] = {"dollars": 0.0, "failures": {}}

    def __call__(self, texts: Sequence[str]) -> list[Analysis]:
        analyses, self.seconds, self.took = timed(self._analyzer, texts)
        return analyses


class LlmBackend:
    """A language model alone. A text on which it fails counts as wrong: no local model helps."""

    def __init__(self, llm: Llm) -> None:
        self._llm = llm
        self.version, self.taxonomy = llm.model, _taxonomy(llm.brief)
        self.heads: Sequence[str] = [head for head in HEADS if head in llm.brief.questions]
        self.seconds: list[float] = []
        self.took = 0.0

    def __call__(self, texts: Sequence[str]) -> list[Analysis]:
        started = time.perf_counter()
        answers = self._llm.timed(texts)
        self.took = time.perf_counter() - started
        analyses: list[Analysis] = []
        for text, (answer, seconds) in zip(texts, answers, strict=True):
            analysis = Analysis(text, "und", self.version, abstained=answer is None)
            if answer is not None:
                self.seconds.append(seconds)
                analysis = merged(analysis, answer, self.version)
            analyses.append(analysis)
        return analyses

    @property
    def cost(self) -> dict[str, Any]:
        return self._llm.usage.as_json()


def compare_complaints(data: Path, backends: Mapping[str, Backend]) -> dict[str, Any]:
    """Each backend on a CSV as `evaluate complaints` takes it: the columns text and any of HEADS.

    Returns by name: accuracy and macro-F1 of each head that the file and the backend have, latency
    of one text in milliseconds, texts a second, cost and failures. Raises EvaluationError.
    """
    return {
        "data": data.name,
        "backends": {name: _figures(data, backend) for name, backend in backends.items()},
    }


def _figures(data: Path, backend: Backend) -> dict[str, Any]:
    # It needs no more of an Analyzer than a Backend has.
    figures = evaluate_complaints(data, cast(Analyzer, backend))
    heads: dict[str, Any] = {}
    for head in backend.heads:
        if head in figures:
            names = [name for name in FIGURES if name in figures[head]]
            heads[head] = {name: figures[head][name] for name in names}
    if "dissatisfaction" in figures:
        heads["dissatisfaction"] = figures["dissatisfaction"]
    return {
        "model": backend.version,
        "n": figures["n"],
        "unanswered": figures["abstained"],
        **heads,
        "latency_ms": latency(sorted(backend.seconds)),
        "texts_per_s": round(figures["n"] / max(backend.took, 1e-9), 1),
        "cost": backend.cost,
    }


def timed(
    read: Callable[[Sequence[Any]], list[Analysis]], items: Sequence[Any]
) -> tuple[list[Analysis], list[float], float]:
    """The analyses, the seconds of each of the first items read singly, and those of all."""
    singly: list[float] = []
    for item in items[:SINGLE]:
        started = time.perf_counter()
        read([item])
        singly.append(time.perf_counter() - started)
    started = time.perf_counter()
    analyses = read(items)
    return analyses, singly, time.perf_counter() - started


def latency(seconds: Sequence[float]) -> dict[str, float | None]:
    """The median and the 95th percentile in milliseconds. seconds: sorted."""
    if not seconds:
        return {"p50": None, "p95": None}
    places = {part: min(len(seconds) - 1, len(seconds) * part // 100) for part in (50, 95)}
    return {f"p{part}": round(1000 * seconds[place], 1) for part, place in places.items()}


def _taxonomy(brief: Brief) -> Taxonomy:
    """The names of a brief; it has no phrases."""
    topics = tuple(Label(name, (), name) for name in brief.topics)
    problems = tuple(
        Label(name, (), topic) for topic, names in brief.problems.items() for name in names
    )
    return Taxonomy(topics, problems)
