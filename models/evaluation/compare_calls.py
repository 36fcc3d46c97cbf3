"""Comparison of backends on the same labelled calls: figures, speed, cost and failures."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from models.analysis import Analysis, Call
from models.calls.head import Task
from models.calls.sides import Utterance
from models.evaluation.calls import evaluate_calls
from models.evaluation.compare_backends import latency, timed
from models.llm.backend import Llm
from models.llm.calls import ReadCalls, merged_call, transcript

FIGURES = ("n", "accuracy", "weighted_f1", "macro_f1")  # of a task

Turns = Sequence[Utterance]


class CallBackend(Protocol):
    """A judge of calls that counts the seconds of each, and its cost."""

    version: str
    took: float  # seconds for all of them

    def __call__(self, calls: Sequence[Turns]) -> list[Analysis]: ...
    @property
    def seconds(self) -> Sequence[float]: ...
    @property
    def cost(self) -> dict[str, Any]: ...


class LocalCalls:
    """The reader on this machine; it costs nothing and never fails."""

    def __init__(self, read: ReadCalls, version: str) -> None:
        self._read = read
        self.version = version
        self.seconds: list[float] = []
        self.took = 0.0
        self.cost: dict[str, Any] = {"dollars": 0.0, "failures": {}}

    def __call__(self, calls: Sequence[Turns]) -> list[Analysis]:
        analyses, self.seconds, self.took = timed(self._read, calls)
        return analyses


class LlmCallsAlone:
    """A language model alone, on both sides of a call. A call without its answer counts as wrong:
    no local model helps.
    """

    def __init__(self, llm: Llm) -> None:
        self._llm = llm
        self.version = llm.model
        self.seconds: list[float] = []
        self.took = 0.0

    def __call__(self, calls: Sequence[Turns]) -> list[Analysis]:
        started = time.perf_counter()
        answers = self._llm.timed([transcript(call) for call in calls])
        self.took = time.perf_counter() - started
        self.seconds = [seconds for answer, seconds in answers if answer is not None]
        return [
            merged_call(self._silent(call), answer, self.version)
            for call, (answer, _) in zip(calls, answers, strict=True)
        ]

    def _silent(self, call: Turns) -> Analysis:
        customers = sum(turn.speaker == "customer" for turn in call)
        known = Call(len(call), customers, None, ())
        return Analysis("", "und", self.version, abstained=True, call=known)

    @property
    def cost(self) -> dict[str, Any]:
        return self._llm.usage.as_json()


def compare_calls(
    calls: Sequence[Turns],
    truths: Mapping[Task, Sequence[str | None]],
    backends: Mapping[str, CallBackend],
) -> dict[str, Any]:
    """Each backend on the same calls. truths: of each task, a label or None for each call.

    Returns by name: n, accuracy, weighted F1 and macro-F1 of each task that has labels, latency of
    one call in milliseconds, calls a second, cost and failures.
    """
    return {name: _figures(calls, truths, backend) for name, backend in backends.items()}


def _figures(
    calls: Sequence[Turns], truths: Mapping[Task, Sequence[str | None]], backend: CallBackend
) -> dict[str, Any]:
    analyses = backend(calls)
    report = evaluate_calls(analyses, truths)
    tasks: dict[str, Any] = {
        task: {name: report[task][name] for name in FIGURES} for task in truths if task in report
    }
    return {
        "model": backend.version,
        "n": report["n"],
        "unanswered": sum(analysis.abstained for analysis in analyses),
        **tasks,
        "latency_ms": latency(sorted(backend.seconds)),
        "calls_per_s": round(len(calls) / max(backend.took, 1e-9), 1),
        "cost": backend.cost,
    }
