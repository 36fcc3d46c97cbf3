"""Commands for calls: analyze --calls, evaluate calls, train calls."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stream.errors import UserError

if TYPE_CHECKING:
    from connectors.files import BadRow

Whole = Annotated[
    bool,
    typer.Option(
        "--whole-conversation", help="Decide with the agent's words too, not the customer's alone."
    ),
]
Model = Annotated[
    Path | None, typer.Option("--model", help="Directory of a model; the one in use otherwise.")
]


def add_to(evaluate: typer.Typer, train: typer.Typer) -> None:
    evaluate.command("calls")(evaluate_calls)
    train.command("calls")(train_calls)


def analyze_calls(paths: Sequence[str], model: Path | None, whole: bool) -> None:
    """Print one JSON object a call: what `analyze` says of a text, with outcome, trajectory and
    where it turned sour.

    Raises UserError at the end when a call could not be read.
    """
    from stream.bootstrap.loading import load_calls
    from stream.cli.call_files import read_calls

    reader = load_calls(_settings(model), whole=whole)
    bad = _Bad()
    for path in paths:
        calls = read_calls(Path(path), bad.of(path))
        for name, analysis in zip(calls, reader(list(calls.values())), strict=True):
            told = {"file": name} | analysis.as_json()
            if analysis.call is not None:
                told |= analysis.call.as_json()
            print(json.dumps(told, ensure_ascii=False).encode("utf-8", "replace").decode())
        sys.stdout.flush()
    bad.enough()


def evaluate_calls(
    data: Annotated[
        Path,
        typer.Option("--data", help="A folder of transcripts, or a file of calls or of labels."),
    ],
    labels: Annotated[
        Path | None,
        typer.Option(
            "--labels", help="CSV with file,sentiment,outcome; labels.csv beside the calls."
        ),
    ] = None,
    whole_conversation: Whole = False,
    model: Model = None,
) -> None:
    """Accuracy, F1, confusion and bootstrap intervals of the sentiment and the outcome of calls.

    sentiment is positive, neutral or negative, outcome resolved or follow_up; either column may be
    left out.
    """
    from models.evaluation.calls import evaluate_calls as measure
    from stream.bootstrap.loading import load_calls
    from stream.cli.call_files import labelled, truths
    from stream.cli.models import _tell

    bad = _Bad()
    calls, named = labelled(data, labels, bad.of(str(data)))
    reader = load_calls(_settings(model), whole=whole_conversation)
    report = measure(reader(list(calls.values())), truths(calls, named))
    _tell(
        {
            "model": reader.version,
            "data": data.name,
            "read": "whole" if whole_conversation else "customer",
            **report,
        }
    )


def train_calls(
    calls: Annotated[
        Path | None,
        typer.Argument(help="A folder or file of your own calls; the public sets otherwise."),
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(
            "--labels", help="CSV with file,sentiment,outcome; labels.csv beside the calls."
        ),
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="Directory of the public data sets; EARSHOT_SHARED/data.")
    ] = None,
    model: Annotated[
        Path | None,
        typer.Option("--model", help="Directory of the model to teach; the one in use otherwise."),
    ] = None,
    out: Annotated[
        Path, typer.Option(help="Directory of the run's log, for `earshot report`.")
    ] = Path("runs/calls"),
) -> None:
    """Teach a model to decide calls: writes calls.json and its card CALLS.md into the model's
    directory.

    The encoder stays as it is. It takes about a minute, most of it for reading the turns once.
    """
    if importlib.util.find_spec("scipy") is None:
        raise UserError("training needs more packages: pip install 'earshot[train]'")
    from models.training.calls.data import own_calls, public_calls
    from models.training.calls.train import train_calls as run
    from models.training.corpus.data import shared_data
    from models.training.errors import TrainingError
    from stream.bootstrap.loading import model_folder
    from stream.cli.call_files import labelled, read_calls

    bad = _Bad()
    try:
        if calls is not None:
            learn = own_calls(*labelled(calls, labels, bad.of(str(calls))))
        else:
            data = data or shared_data()
            folder = data / "calls" / "transcripts_v3" / "transcripts"
            read = read_calls(folder, bad.of(str(folder)))
            learn = public_calls(
                {name.removeprefix("transcript_").partition(".")[0]: read[name] for name in read},
                data,
            )
        try:
            out.mkdir(parents=True, exist_ok=True)
            (out / "train.log").unlink(missing_ok=True)
        except OSError as error:
            raise UserError(f"{out}: it cannot be written ({error.strerror})") from None
        run(
            model_folder(_settings(model)),
            learn,
            say=lambda line: print(line, file=sys.stderr),
            log=out / "train.log",
        )
    except TrainingError as error:
        raise UserError(str(error)) from None


class _Bad:
    """What could not be read, a line each on standard error."""

    def __init__(self) -> None:
        self.count = 0

    def of(self, path: str) -> Any:
        def told(bad: BadRow) -> None:
            self.count += 1
            print(f"earshot: {path}, line {bad.line}: {bad.reason}", file=sys.stderr)

        return told

    def enough(self) -> None:
        if self.count:
            raise UserError(f"{self.count} calls or lines could not be read; the others were")


def _settings(model: Path | None) -> Any:
    from stream.settings import read_settings

    settings = read_settings()
    return settings if model is None else settings.model_copy(update={"model": model})
