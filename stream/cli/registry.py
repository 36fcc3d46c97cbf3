"""`earshot model`: models released here, the one in use, shadows, and a push to a hub."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from models.artifact import CARD
from stream.bootstrap.loading import model_registry
from stream.cli import shadow
from stream.cli.options import JsonLines, present, require
from stream.cli.records import print_json
from stream.errors import UserError
from stream.settings import Settings, read_settings

model = typer.Typer(
    no_args_is_help=True,
    help="Models that were released here: list, show, shadow, use, rollback, push.",
)


def add_to(app: typer.Typer) -> None:
    app.add_typer(model, name="model")


@model.command("list")
def list_models(as_json: JsonLines = False) -> None:
    """The models that can be used; the one in use is marked."""
    settings = read_settings()
    models = model_registry(settings).known()
    if as_json:
        print_json(
            {
                "version": known.version,
                "in_use": known.in_use,
                "shipped": known.shipped,
                "broken": known.broken,
                "folder": str(known.folder),
            }
            for known in models
        )
        return
    table = Table("", "version", "", box=None, padding=(0, 2))
    for known in models:
        remark = known.broken or ("shipped" if known.shipped else "")
        table.add_row("●" if known.in_use else "", known.version, remark)
    Console().print(table)
    _warn_of_override(settings)


@model.command()
def show(
    version: Annotated[
        str | None, typer.Argument(help="A version, or the start of one; the one in use if none.")
    ] = None,
    as_json: JsonLines = False,
) -> None:
    """A model's card: what it was trained on, its figures, and every check of the gate that it
    passed. --json is its whole story: recipe, data hashes, metrics.
    """
    from models.artifact import load_artifact

    registry = model_registry(read_settings())
    artifact = load_artifact(registry.current()) if version is None else registry.find(version)
    if as_json or not (artifact.folder / CARD).exists():
        print_json([artifact.story])
        return
    text = (artifact.folder / CARD).read_text(encoding="utf-8")
    if sys.stdout.isatty():
        from rich.markdown import Markdown

        Console().print(Markdown(text))
    else:
        print(text)


@model.command()
def use(
    version: Annotated[
        str,
        typer.Argument(
            metavar="which",
            help="A version, the start of one, `shipped`, or a model's directory.",
        ),
    ],
) -> None:
    """Use this model from the next start of a worker on. One that did not pass the gate is
    refused; where it is worse than the one before, a line says so.
    """
    from models.artifact import is_classifier, load_artifact
    from models.registry import losses

    if is_classifier(Path(version).expanduser()):
        raise UserError(
            f"{version} says sentiment alone; a worker needs a model of all heads (see"
            " models/README.md)"
        )
    settings = read_settings()
    registry = model_registry(settings)
    before = load_artifact(registry.current())
    artifact = registry.use(version)
    print(f"{artifact.version} is in use; restart the workers to load it")
    for line in losses(before.story, artifact.story):
        print(f"worse than {before.version}: {line}", file=sys.stderr)
    _warn_of_override(settings)


@model.command()
def rollback() -> None:
    """Go back to the model that was in use before."""
    settings = read_settings()
    artifact = model_registry(settings).rollback()
    print(f"{artifact.version} is in use again; restart the workers to load it")
    _warn_of_override(settings)


@model.command()
def push(
    folder: Annotated[
        Path, typer.Argument(help="A model directory, or RUN/model, RUN/adapter, RUN/release.")
    ],
    name: Annotated[str, typer.Argument(help="Its name on the hub: OWNER/NAME.")],
    public: Annotated[
        bool, typer.Option("--public", help="Everybody may read it; private otherwise.")
    ] = False,
) -> None:
    """Send a model to a hub (HF_ENDPOINT; the token is that of `hf auth login` or HF_TOKEN). Needs
    the train extra.
    """
    present(folder, "there are no weights to send (.safetensors or .onnx)")
    require(("huggingface_hub",), "sending")
    from models.training.errors import TrainingError
    from models.training.lab.hub import push as send

    try:
        print(send(folder, name, private=not public))
    except TrainingError as error:
        raise UserError(str(error)) from None


def _warn_of_override(settings: Settings) -> None:
    if settings.model is not None:
        print(f"EARSHOT_MODEL is set: {settings.model} is loaded all the same", file=sys.stderr)


shadow.add_to(model)
