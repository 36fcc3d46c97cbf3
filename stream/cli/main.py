"""The root of the command line: its commands, and how an error reads."""

from __future__ import annotations

import inspect
import os
import sys
import threading
from functools import cache
from importlib import import_module
from typing import Annotated

import typer

from stream.cli.panels import MODULE_OF, group_help
from stream.errors import BrokerAway, DatabaseAway, UserError


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


@cache
def application(command: str | None = None) -> typer.Typer:
    """The commands of one module, where `command` is one of them; all commands otherwise.

    Most of a start would go into modules and options of commands that nobody typed.
    """
    app = typer.Typer(
        name="earshot",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
        rich_markup_mode="rich",
    )
    app.callback()(root)
    modules = {MODULE_OF[command]} if command in MODULE_OF else dict.fromkeys(MODULE_OF.values())
    for module in modules:
        import_module(f"stream.cli.{module}").add_to(app)
    _join_lines(app)
    group_help(app)
    return app


def __getattr__(name: str) -> typer.Typer:
    """`app`: all commands, made when somebody asks for them."""
    if name == "app":
        return application()
    raise AttributeError(name)


def _join_lines(group: typer.Typer) -> None:
    """Join the folded lines of each command's docstring: Typer's tables would keep the breaks."""
    members = [member.typer_instance for member in group.registered_groups]
    for command in group.registered_commands:
        command.help = command.help or _joined(inspect.getdoc(command.callback))
    if group.registered_callback is not None:
        callback = group.registered_callback
        callback.help = _joined(inspect.getdoc(callback.callback))
    for member in members:
        if member is not None:
            _join_lines(member)


def _joined(text: str | None) -> str | None:
    paragraphs = (text or "").split("\n\n")
    return (
        "\n\n".join(
            part if part.startswith("\b") else part.replace("\n", " ") for part in paragraphs
        )
        or None
    )


def readable_errors() -> tuple[type[Exception], ...]:
    """Errors that a person can put right: one line, exit code 2. Any other is a bug and shows its
    traceback.

    Imported when there is an error: their modules bring what most commands never need.
    """
    from connectors.base import ConnectorError
    from models.artifact import ArtifactError
    from models.errors import TaxonomyError
    from stream.brands import BrandsError

    return (
        *(UserError, BrokerAway, DatabaseAway),
        *(ConnectorError, ArtifactError, TaxonomyError, BrandsError),
    )


def main(*, process_ends: bool = True) -> None:
    """Run a command; an error that a person can put right is one line and exit code 2.

    process_ends: nothing else runs in this process, so that it may be made to leave.
    """
    words = sys.argv[1:]
    options = words[: words.index("--")] if "--" in words else words
    if "--version" in options:
        from importlib.metadata import version

        print(f"earshot {version('earshot')}")
        return
    try:
        application(words[0] if words else None)()
    except BrokenPipeError:  # `earshot sql ... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        # Any error comes by here; one that a person cannot put right goes on as it is.
        if not isinstance(error, readable_errors()):
            raise
        from stream.observe.logs import discreet

        print(f"earshot: {discreet(' '.join(str(error).split()))}", file=sys.stderr)
        if process_ends:
            _leave_soon(2)
        sys.exit(2)


def _leave_soon(code: int) -> None:
    """Leave within ten seconds: Faust's consumer thread can wait for a dead broker for ever."""

    def leave() -> None:
        sys.stderr.flush()
        os._exit(code)

    timer = threading.Timer(10.0, leave)
    timer.daemon = True  # a process that ends sooner does not wait for it
    timer.start()
