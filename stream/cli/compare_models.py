"""`earshot compare sentiment`: sentiment models side by side on one labelled file."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from typer.core import TyperGroup

from models.registry import SHIPPED
from stream.cli.options import JsonLines, require
from stream.cli.plain import plain
from stream.cli.records import print_json
from stream.errors import UserError
from stream.settings import read_settings


class SentimentByDefault(TyperGroup):
    """`earshot compare MODEL...` is `earshot compare sentiment MODEL...`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] not in ctx.help_option_names:
            args = ["sentiment", *args]
        rest: list[str] = super().parse_args(ctx, args)
        return rest


def add_to(compare: typer.Typer) -> None:
    compare.command("sentiment")(compare_sentiment)


def compare_sentiment(
    models: Annotated[
        list[str],
        typer.Argument(
            metavar="MODEL...",
            help="shipped, a version of `model list`, a folder (model, release, run or"
            " adapter), a hub's name, "
            "or base:NAME for an untrained head. WHICH=MODEL gives it a shorter name.",
        ),
    ],
    data: Annotated[
        Path, typer.Option("--data", help="CSV with text,label, three or two classes.")
    ],
    labels: Annotated[
        list[str] | None,
        typer.Option(
            help="What a model's labels mean where they do not tell:"
            " LABEL_0=negative,LABEL_1=positive."
        ),
    ] = None,
    threads: Annotated[int, typer.Option(min=1, help="Cores that a model may use.")] = 2,
    as_json: JsonLines = False,
) -> None:
    """Sentiment models on the same texts: accuracy, F1, calibration, size, training time, texts a
    second, probes.

    Base against tuned, adapters against full, FP32 against INT8:

    \b
    earshot compare runs/x/base runs/x/model runs/x/release --data test.csv

    Labels like POS/NEG/NEU and one to five stars are understood; unknown ones are refused, --labels
    says them.
    """
    from models.evaluation.compare_sentiment import LabelsError
    from models.evaluation.compare_sentiment import compare_sentiment as measure
    from models.evaluation.metrics import EvaluationError

    meanings = _label_map(labels or [])
    if not data.exists():
        raise UserError(f"{data}: there is no such file")
    with tempfile.TemporaryDirectory() as spare:
        try:
            contestants = {}
            for name in models:
                short, _, model = name.partition("=")
                contestants[short] = _contestant(model or name, meanings, threads, Path(spare))
            figures = measure(data, contestants)
        except (EvaluationError, LabelsError) as error:
            raise UserError(str(error)) from None
    if as_json or not sys.stdout.isatty():
        print_json([figures])
        return
    console = Console()
    console.print(_table(figures["models"]))
    console.print(_probes(figures["probes"], figures["models"]))


def _contestant(name: str, meanings: Mapping[str, str], threads: int, spare: Path) -> Any:
    """A model by its name; a model that earshot serves itself needs no torch."""
    from models.artifact import STORY, is_classifier

    folder = _folder(name)
    if (folder / STORY).is_file() or is_classifier(folder):
        from models.evaluation.compare_served import Served

        return Served(folder, threads)
    require(("torch", "transformers", "peft"), name)
    from models.training.errors import TrainingError
    from models.training.lab.offline import check_base

    try:
        check_base(str(folder))
    except TrainingError as error:
        raise UserError(str(error)) from None
    from models.training.lab.contestants import contestant

    try:
        return contestant(name, meanings, threads=threads, spare=spare)
    except TrainingError as error:
        raise UserError(str(error)) from None


def _folder(name: str) -> Path:
    """The folder of a model's name; the name itself where only a hub may know it."""
    from models.artifact import ArtifactError, default_artifact
    from stream.bootstrap.loading import model_registry

    if name == SHIPPED:
        return default_artifact()
    folder = Path(name).expanduser()
    if folder.is_dir():
        return folder
    try:
        return model_registry(read_settings()).find(name).folder
    except ArtifactError:
        return folder


def _label_map(options: Sequence[str]) -> dict[str, str]:
    meanings: dict[str, str] = {}
    for pair in ",".join(options).split(","):
        label, sign, meaning = pair.strip().partition("=")
        if sign:
            meanings[label.strip()] = meaning.strip().lower()
        elif label:
            raise UserError(f"--labels {label}: write LABEL=negative, neutral or positive")
    return meanings


def _table(models: Mapping[str, Any]) -> Table:
    table = Table(box=None, padding=(0, 2), header_style="dim")
    table.add_column("")
    for name in models:
        table.add_column(plain(name), justify="right", overflow="fold")
    for key, title in (
        ("accuracy", "accuracy"),
        ("precision", "precision (macro)"),
        ("macro_recall", "recall (macro)"),
        ("macro_f1", "F1 (macro)"),
        ("weighted_f1", "F1 (weighted)"),
        ("ece", "ECE"),
        ("brier", "Brier"),
        ("parameters", "parameters"),
        ("trained_parameters", "of them trained"),
        ("train_seconds", "training, processor s"),
        ("bytes", "bytes on disk"),
        ("stored", "stored as"),
        ("texts_per_s", "texts/s"),
    ):
        table.add_row(title, *(_cell(figures.get(key)) for figures in models.values()))
    return table


def _probes(probes: Sequence[str], models: Mapping[str, Any]) -> Table:
    table = Table(box=None, padding=(0, 2), header_style="dim")
    table.add_column("probe")
    for name in models:
        table.add_column(plain(name), justify="right", overflow="fold")
    for row, probe in enumerate(probes):
        answers = [_answer(figures["probes"][row]) for figures in models.values()]
        table.add_row(plain(probe), *answers)
    return table


def _answer(odds: Mapping[str, float]) -> str:
    label = max(odds, key=lambda name: float(odds[name]))
    return f"{label} {odds[label]:.2f}"


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value < 10:
        return f"{value:.3f}"
    return f"{value:,}"
