"""`earshot compare calls`: local and language models side by side on labelled calls."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from stream.cli.calls import BadRows, Labels, Whole
from stream.cli.options import Backend, Backends, JsonLines, backend_in
from stream.cli.plain import plain
from stream.cli.records import print_json
from stream.settings import Settings, read_settings

FIGURES = (("accuracy", "accuracy"), ("weighted_f1", "F1 (weighted)"), ("macro_f1", "F1 (macro)"))


def add_to(compare: typer.Typer) -> None:
    compare.command("calls")(compare_calls)


def compare_calls(
    backends: Backends,
    data: Annotated[
        Path,
        typer.Option(
            "--data", help="As of `evaluate calls`: a folder, a file of calls, or of labels."
        ),
    ],
    labels: Labels = None,
    whole_conversation: Whole = False,
    as_json: JsonLines = False,
) -> None:
    """Local and language models on the same calls: accuracy and F1 of sentiment and outcome,
    latency, calls a second, tokens, dollars, failures.

    \b
    earshot compare calls local llm:gpt-4o-mini --data calls.jsonl --whole-conversation

    A language model always reads both sides, redacted. A call without a usable answer counts as
    wrong. Prices: EARSHOT_LLM_INPUT_PRICE and EARSHOT_LLM_OUTPUT_PRICE. Exit code 1: some calls or
    lines could not be read (each is named).
    """
    from models.evaluation.compare_calls import compare_calls as measure
    from stream.cli.call_files import labelled, truths

    settings = read_settings()
    bad_rows = BadRows()
    calls, labels_of = labelled(data, labels, bad_rows.of(str(data)))
    by_name = {
        name: _backend(settings, name, whole_conversation) for name in dict.fromkeys(backends)
    }
    figures = measure(list(calls.values()), truths(calls, labels_of), by_name)
    if as_json or not sys.stdout.isatty():
        local = "whole" if whole_conversation else "customer"
        print_json([{"data": data.name, "local_reads": local, "backends": figures}])
    else:
        Console().print(table_of(figures))
    bad_rows.leave()


def _backend(settings: Settings, name: str, whole: bool) -> Any:
    from models.evaluation.compare_calls import LlmCallsAlone, LocalCalls
    from models.llm.calls import CALL_BRIEF
    from stream.bootstrap.llm import language_model
    from stream.bootstrap.loading import load_call_backend

    kind, model = backend_in(name)
    if kind is Backend.local:
        update = {"backend": "local"} | ({"model": Path(model)} if model else {})
        read = load_call_backend(settings.model_copy(update=update), whole=whole)
        return LocalCalls(read, read.version)
    return LlmCallsAlone(language_model(settings, CALL_BRIEF, model or None))


def table_of(backends: Mapping[str, Any]) -> Table:
    """A column for each backend, a row for each figure."""
    table = Table(box=None, padding=(0, 2), header_style="dim")
    table.add_column("")
    for name in backends:
        table.add_column(plain(name), justify="right", overflow="fold")
    for title, cells in (*_tasks(list(backends.values())), *_costs(list(backends.values()))):
        table.add_row(title, *cells)
    return table


def _tasks(reports: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, list[str]]]:
    for task in ("sentiment", "outcome"):
        parts = [report.get(task) for report in reports]
        if any(parts):
            yield f"{task}, calls", [_number(part, "n") for part in parts]
            for key, title in FIGURES:
                yield f"{task}, {title}", [_share(part, key) for part in parts]


def _costs(reports: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, list[str]]]:
    yield "unanswered", [f"{report['unanswered']:,}" for report in reports]
    yield "p50 / p95 ms", [_latency(report["latency_ms"]) for report in reports]
    yield "calls/s", [f"{report['calls_per_s']:g}" for report in reports]
    costs = [report["cost"] for report in reports]
    yield "tokens sent", [_number(cost, "input_tokens") for cost in costs]
    yield "tokens received", [_number(cost, "output_tokens") for cost in costs]
    yield "dollars", [f"{cost['dollars']:.4f}" for cost in costs]
    yield "failed", [f"{sum(cost['failures'].values()):,}" for cost in costs]


def _number(figures: Mapping[str, int] | None, key: str) -> str:
    return "–" if figures is None or key not in figures else f"{figures[key]:,}"


def _share(figures: Mapping[str, float] | None, key: str) -> str:
    return "–" if figures is None else f"{figures[key]:.3f}"


def _latency(figures: Mapping[str, float | None]) -> str:
    return " / ".join("–" if value is None else f"{value:g}" for value in figures.values())
