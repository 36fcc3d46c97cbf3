"""`earshot train llm`: a language model tuned as a job of an OpenAI-compatible service."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from stream.cli.options import present
from stream.cli.training_bar import watched
from stream.errors import UserError
from stream.settings import read_settings


def add_to(train: typer.Typer) -> None:
    train.command("llm")(train_llm)


def train_llm(
    folder: Annotated[
        Path, typer.Argument(help="What `earshot export finetune` wrote: train.jsonl, brief.json.")
    ],
    base: Annotated[
        str | None, typer.Option(help="The model to tune; EARSHOT_LLM_MODEL otherwise.")
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(min=1, help="Passes over the texts; the service decides else.")
    ] = None,
    cancel: Annotated[
        bool, typer.Option("--cancel", help="Ask the service to end the folder's job.")
    ] = False,
) -> None:
    """Tune a language model on your history, as a job of the service at EARSHOT_LLM_URL.

    Uploads the examples, starts the job and follows its loss. It costs what the service charges.
    Interrupted, the same command goes on with the same job. FOLDER/train.log has the loss of each
    step, which `earshot report FOLDER` draws. At its end it says how to use the tuned model.
    """
    from stream.bootstrap.llm import tuning

    present(folder, "there is no such folder; `earshot export finetune` writes it")
    from models.llm.backend import LlmError

    job = tuning(read_settings(), folder, base)
    try:
        if cancel:
            print(f"{job.cancel()} is asked to end")
            return
        with watched() as on_line:
            model = job.run(on_line, epochs=epochs)
    except LlmError as error:
        raise UserError(str(error)) from None
    finally:
        job.close()
    brief = folder / "brief.json"
    print(f"{model}: EARSHOT_LLM_MODEL={model} EARSHOT_LLM_BRIEF={brief}")
    print(
        f"earshot compare complaints --data TEST.csv --brief {brief} local llm:{model}   # was it"
        " worth it?"
    )
    print(f"earshot report {folder}   # the loss")
