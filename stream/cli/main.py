"""The root of the command line: which commands there are, and how an error reads."""

from __future__ import annotations

import os
import sys
import threading
from importlib.metadata import version
from typing import Annotated

import typer

from connectors.base import ConnectorError
from models.artifact import ArtifactError
from models.errors import TaxonomyError
from stream.brands import BrandsError
from stream.cli import (
    alerts,
    compare,
    connectors,
    data,
    explore,
    incidents,
    keys,
    lab,
    models,
    people,
    registry,
    replies,
    reply,
    run,
    train_complaints,
    upkeep,
)
from stream.errors import BrokerAway, DatabaseAway, UserError

# What a person can put right: one line, exit code 2. Anything else is a bug and shows its
# traceback.
READABLE = (
    UserError,
    ConnectorError,
    ArtifactError,
    TaxonomyError,
    BrandsError,
    BrokerAway,
    DatabaseAway,
)

app = typer.Typer(
    name="earshot",
    help="Hears what customers say, and puts the few messages that need a person in front of the right person.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode="rich",
)


@app.callback()
def root(
    _: Annotated[
        bool,
        typer.Option("--version", help="Print the version and leave; works after any command."),
    ] = False,
) -> None:
    """Hears what customers say, and puts the few messages that need a person in front of the right
    person.

    Without EARSHOT_BROKER and EARSHOT_DATABASE_URL it runs on an embedded broker and an embedded
    PostgreSQL, whose data stays in EARSHOT_HOME (~/.earshot).
    """


run.add_to(app)
data.add_to(app)
models.add_to(app)
train_complaints.add_to(models.train)
lab.add_to(app, models.train)
explore.add_to(app)
registry.add_to(app)
alerts.add_to(app)
incidents.add_to(app)
connectors.add_to(app)
people.add_to(app)
reply.add_to(app)
replies.add_to(app, reply.reply)
keys.add_to(app)
compare.add_to(app)
upkeep.add_to(app)


def main() -> None:
    """Run a command; an error that a person can put right is one line and exit code 2."""
    typed = sys.argv[1:]
    if "--version" in typed[: typed.index("--") if "--" in typed else None]:
        print(f"earshot {version('earshot')}")
        return
    try:
        app()
    except READABLE as error:
        print(f"earshot: {' '.join(str(error).split())}", file=sys.stderr)
        _leave_soon(2)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:  # `earshot sql ... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)


def _leave_soon(code: int, seconds: float = 10.0) -> None:
    """Leave by then, whatever still runs: Faust's consumer thread was seen to wait for a dead
    broker without an end.
    """

    def leave() -> None:
        sys.stderr.flush()
        os._exit(code)

    timer = threading.Timer(seconds, leave)
    timer.daemon = True  # whoever leaves sooner is not kept
    timer.start()
