"""The root of the command line: its commands, and how an error reads."""

from __future__ import annotations

import inspect
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
    analyze,
    bench,
    calls,
    compare,
    connectors,
    dead,
    evaluate,
    explore,
    incidents,
    keys,
    lab,
    outbox,
    people,
    rebuild,
    registry,
    reply,
    run,
    sql,
    ticket,
    tickets,
    train,
    train_complaints,
    train_triage,
)
from stream.cli.panels import group_help
from stream.errors import BrokerAway, DatabaseAway, UserError

# Errors that a person can put right: one line, exit code 2. Any other is a bug and shows its
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
    help="Hears what customers say, and puts the few messages that need a person in"
    " front of the right person.",
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
tickets.add_to(app)
ticket.add_to(app)
sql.add_to(app)
dead.add_to(app)
analyze.add_to(app)
bench.add_to(app)
evaluate.add_to(app)
train.add_to(app)
calls.add_to(evaluate.evaluate, train.train)
train_complaints.add_to(train.train)
train_triage.add_to(train.train)
lab.add_to(app, train.train)
explore.add_to(app)
registry.add_to(app)
alerts.add_to(app)
incidents.add_to(app)
connectors.add_to(app)
people.add_to(app)
reply.add_to(app)
outbox.add_to(app)
keys.add_to(app)
compare.add_to(app)
rebuild.add_to(app)


def _join_lines(group: typer.Typer) -> None:
    """Join the folded lines of each command's docstring: Typer's tables would keep the breaks."""
    for command in group.registered_commands:
        text = inspect.getdoc(command.callback)
        if command.help is None and text:
            paragraphs = text.split("\n\n")
            command.help = "\n\n".join(
                part if part.startswith("\b") else part.replace("\n", " ") for part in paragraphs
            )
    for member in group.registered_groups:
        if member.typer_instance is not None:
            _join_lines(member.typer_instance)


_join_lines(app)
group_help(app)


def main(*, process_ends: bool = True) -> None:
    """Run a command; an error that a person can put right is one line and exit code 2.

    process_ends: nothing else runs in this process, so that it may be made to leave.
    """
    words = sys.argv[1:]
    options = words[: words.index("--")] if "--" in words else words
    if "--version" in options:
        print(f"earshot {version('earshot')}")
        return
    try:
        app()
    except READABLE as error:
        print(f"earshot: {' '.join(str(error).split())}", file=sys.stderr)
        if process_ends:
            _leave_soon(2)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:  # `earshot sql ... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)


def _leave_soon(code: int) -> None:
    """Leave within ten seconds: Faust's consumer thread can wait for a dead broker for ever."""

    def leave() -> None:
        sys.stderr.flush()
        os._exit(code)

    timer = threading.Timer(10.0, leave)
    timer.daemon = True  # a process that ends sooner does not wait for it
    timer.start()
