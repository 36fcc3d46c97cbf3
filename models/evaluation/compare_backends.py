"""Backends side by side on the same labelled complaints: how right, how fast, what it costs, how
often it fails.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, cast

from models.analysis import Analysis
from models.analyzer import Analyzer
from models.evaluation.complaints import evaluate_complaints
from models.llm.backend import Llm, merged
from models.llm.prompt import Brief
from models.taxonomy.classifier import Label, Taxonomy

SINGLE = 50  # texts that the local model is given one at a time, for its latency
HEADS = ("complaint", "severity", "topic", "problem")


class Backend(Protocol):
    """What is compared: it judges texts, and remembers how long each took (seconds) and what it
    cost.
    """

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
        for text in texts[:SINGLE]:
            started = time.perf_counter()
            self._analyzer([text])
            self.seconds.append(time.perf_counter() - started)
        started = time.perf_counter()
        analyses = self._analyzer(texts)
        self.took = time.perf_counter() - started
        return analyses


class LlmBackend:
    """A language model alone: where it fails there is no local model to help, and the text counts
    as wrong.
    """

    def __init__(self, llm: Llm) -> None:
        self._llm = llm
        self.version, self.taxonomy = llm.model, _taxonomy(llm.brief)
        self.heads: Sequence[str] = [head for head in HEADS if head in llm.brief.questions]
        self.seconds: list[float] = []
        self.took = 0.0

    def __call__(self, texts: Sequence[str]) -> list[Analysis]:
        started = time.perf_counter()
        told = self._llm.timed(texts)
        self.took = time.perf_counter() - started
        self.seconds += [seconds for answer, seconds in told if answer is not None]
        return [
            Analysis(text, "und", self.version, abstained=True)
            if answer is None
            else merged(Analysis(text, "und", self.version), answer, self.version)
            for text, (answer, _) in zip(texts, told, strict=True)
        ]

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
    told = evaluate_complaints(
        data, cast(Analyzer, backend)
    )  # it asks for no more than a Backend has
    heads = {
        head: {
            name: told[head][name]
            for name in ("n", "accuracy", "macro_f1", "unknown_labels")
            if name in told[head]
        }
        for head in backend.heads
        if head in told
    }
    return {
        "model": backend.version,
        "n": told["n"],
        "unanswered": told["abstained"],
        **heads,
        **({"dissatisfaction": told["dissatisfaction"]} if "dissatisfaction" in told else {}),
        "latency_ms": _latency(sorted(backend.seconds)),
        "texts_per_s": round(told["n"] / max(backend.took, 1e-9), 1),
        "cost": backend.cost,
    }


def _latency(seconds: Sequence[float]) -> dict[str, float | None]:
    return {
        f"p{part}": round(1000 * seconds[min(len(seconds) - 1, len(seconds) * part // 100)], 1)
        if seconds
        else None
        for part in (50, 95)
    }


def _taxonomy(brief: Brief) -> Taxonomy:
    """The names of a brief; it has no phrases."""
    topics = tuple(Label(name, (), name) for name in brief.topics)
    problems = tuple(
        Label(name, (), topic) for topic, named in brief.problems.items() for name in named
    )
    return Taxonomy(topics, problems)
