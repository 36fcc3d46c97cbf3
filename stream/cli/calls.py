"""Commands for calls: `analyze --calls`, `evaluate calls`, `train calls`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from connectors.skipped import TALLY, in_words
from stream.cli import show
from stream.cli.corrections import write_calls
from stream.cli.matrix import rows_file
from stream.cli.options import (
    ChosenBackend,
    CurrentModel,
    FromCorrections,
    JudgedRows,
    PublicData,
    present,
    require,
    say_fallback,
    settings_of,
    settings_with,
)
from stream.cli.plain import plain, quantity
from stream.cli.records import print_judgement
from stream.cli.released import released
from stream.cli.train_complaints import NEEDED
from stream.cli.training_bar import watched
from stream.errors import UserError

if TYPE_CHECKING:
    from connectors.files import BadRow
    from stream.settings import Settings

Whole = Annotated[
    bool,
    typer.Option(
        "--whole-conversation",
        help="Decide with the agent's words too, as a worker does, not the customer's alone.",
    ),
]
Labels = Annotated[
    Path | None,
    typer.Option(
        "--labels",
        help="CSV with file,sentiment,outcome; else lines of JSON or labels.csv beside the calls.",
    ),
]


def add_evaluation(evaluate: typer.Typer) -> None:
    evaluate.command("calls")(evaluate_calls)


def add_training(train: typer.Typer) -> None:
    train.command("calls")(train_calls)


def analyze_calls(paths: Sequence[str], settings: Settings, whole: bool, as_json: bool) -> None:
    """Print the judgement of each call: as of a text, with its outcome and trajectory.

    Exit code 1: some calls or lines could not be read (each is named); the others were.
    """
    from stream.bootstrap.loading import load_analyzer, load_call_backend, load_judge
    from stream.cli.call_files import read_transcripts
    from stream.store.preview import analysis_of, preview

    analyzer = load_analyzer(settings)
    reader = load_call_backend(settings, analyzer, whole=whole)
    judge = load_judge(settings, analyzer, reader)
    bad_rows = BadRows()
    for path in paths:
        calls = read_transcripts(Path(path), bad_rows.of(path))
        for name, judgement in zip(calls, judge(list(calls.values())), strict=True):
            analysis = analysis_of(judgement, reader.version)
            payload = {"file": name} | analysis.as_json()
            if analysis.call is not None:
                payload |= analysis.call.as_json()
            payload["ticket"] = preview(judgement)
            print_judgement(payload, as_json)
        sys.stdout.flush()
    say_fallback(reader)
    bad_rows.leave()


def evaluate_calls(
    data: Annotated[
        Path,
        typer.Option("--data", help="A folder of transcripts, or a file of calls or of labels."),
    ],
    labels: Labels = None,
    whole_conversation: Whole = False,
    model: CurrentModel = None,
    backend: ChosenBackend = None,
    out: JudgedRows = None,
) -> None:
    """Accuracy, F1, confusion and bootstrap intervals of the sentiment and the outcome of calls,
    and how many are right of each sentiment with each outcome.

    sentiment is positive, neutral or negative, outcome resolved or follow_up; either column may be
    left out. Exit code 1: some calls or lines could not be read (each is named).
    """
    from models.evaluation.calls import evaluate_calls as measure
    from stream.bootstrap.loading import load_call_backend
    from stream.cli.call_files import labelled, truths

    bad_rows = BadRows()
    calls, labels_of = labelled(data, labels, bad_rows.of(str(data)))
    reader = load_call_backend(settings_of(model, backend), whole=whole_conversation)
    analyses = reader(list(calls.values()))
    with rows_file(out) as on_judged:
        report = measure(analyses, truths(calls, labels_of), files=list(calls), on_judged=on_judged)
    show.figures(
        {
            "model": reader.version,
            "data": data.name,
            "read": "whole" if whole_conversation else "customer",
            **report,
        }
    )
    say_fallback(reader)
    bad_rows.leave()


def train_calls(
    calls: Annotated[
        Path | None,
        typer.Argument(help="A folder or file of your own calls; the public sets otherwise."),
    ] = None,
    labels: Labels = None,
    data: PublicData = None,
    model: Annotated[
        Path | None,
        typer.Option("--model", help="Directory of the model to teach; the one in use otherwise."),
    ] = None,
    out: Annotated[
        Path,
        typer.Option(
            help="Directory of the run's log, for `earshot report`; of corrections, its model."
        ),
    ] = Path("runs/calls"),
    from_corrections: FromCorrections = False,
) -> None:
    """Teach a model to decide calls: writes calls.json and its card CALLS.md into the model's
    directory.

    --from-corrections leaves that directory as it is: it teaches the model in use the outcomes that
    people corrected (ten at least; CALLS may be the folder of an export), and writes a whole model
    to OUT/model, whose other heads are those of the model in use.

    The encoder stays as it is. It takes about a minute, most of it for reading the turns once.
    """
    if from_corrections:
        _from_corrections(calls, labels, model, out)
        return
    present(calls)
    present(labels)
    require(("scipy",), "training")
    from models.training.calls.train import train_calls as run
    from models.training.errors import TrainingError
    from stream.bootstrap.loading import model_folder

    try:
        examples = _own_examples(calls, labels) if calls else _public_examples(data)
        log = out / "train.log"
        try:
            out.mkdir(parents=True, exist_ok=True)
            log.unlink(missing_ok=True)
        except OSError as error:
            raise UserError(f"{out}: it cannot be written ({error.strerror})") from None
        run(
            model_folder(settings_with(model=model)),
            examples,
            say=lambda line: print(line, file=sys.stderr),
            log=log,
        )
    except TrainingError as error:
        raise UserError(str(error)) from None


def _from_corrections(
    calls: Path | None, labels: Path | None, model: Path | None, out: Path
) -> None:
    """Teach the model in use what people corrected. calls: an export; the store's otherwise."""
    present(calls)
    present(labels)
    require(NEEDED, "training")
    if calls is None:
        calls = out / "corrected"
        print(f"{calls}: {quantity(write_calls(calls), 'call')}", file=sys.stderr)
    from models.training.custom.corrected_calls import train_corrected_calls
    from models.training.errors import TrainingError
    from stream.bootstrap.loading import artifact_in_use

    try:
        examples = _own_examples(calls, labels).learn
        start = artifact_in_use(settings_with(model=model))
        with watched() as on_line:
            story = train_corrected_calls(examples, start, out / "model", on_line)
    except TrainingError as error:
        raise UserError(str(error)) from None
    show.figures({"model": story["version"], **story["corrected calls"]})
    print(released(out / "model", story), file=sys.stderr)


def _own_examples(calls: Path, labels: Path | None) -> Any:
    from models.training.calls.data import own_calls
    from stream.cli.call_files import labelled

    return own_calls(*labelled(calls, labels, BadRows().of(str(calls))))


def _public_examples(data: Path | None) -> Any:
    from models.training.calls.data import public_calls
    from models.training.corpus.data import shared_data
    from stream.cli.call_files import read_calls

    data = data or shared_data()
    folder = data / "calls" / "transcripts_v3" / "transcripts"
    calls = read_calls(folder, BadRows().of(str(folder)))
    by_number = {
        name.removeprefix("transcript_").partition(".")[0]: turns for name, turns in calls.items()
    }
    return public_calls(by_number, data)


class BadRows:
    """Calls, rows and lines that could not be read: printed on standard error, and counted.

    A command that did its work without them leaves with exit code 1, as `replay` does; 2 says that
    nothing was done.
    """

    def __init__(self) -> None:
        self.count = 0
        self.doubts = 0  # rows that were read, but for their date

    def of(self, path: str) -> Callable[[BadRow], None]:
        def on_bad_row(bad: BadRow) -> None:
            self.count += bad.kind != "date"
            self.doubts += bad.kind == "date"
            where = "" if bad.kind in ("file", "words") else f", line {bad.line}"
            print(f"earshot: {plain(path)}{where}: {plain(bad.reason)}", file=sys.stderr)

        return on_bad_row

    def leave(self) -> None:
        """Say what was left out, if anything; with exit code 1 if a row of any kind was named."""
        if skipped := in_words(TALLY.counts()):
            print(f"earshot: {skipped}", file=sys.stderr)
        if self.count:
            print(
                f"earshot: {self.count:,} calls, rows or lines were left out (above); "
                "the others were read",
                file=sys.stderr,
            )
        if self.count or self.doubts:
            raise typer.Exit(1)
