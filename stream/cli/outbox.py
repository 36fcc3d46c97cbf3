"""`earshot outbox`: replies on their way to the networks."""

from __future__ import annotations

import getpass
from typing import Annotated

import typer

from stream.cli.options import JsonLines
from stream.cli.reply import Number, on_replies, print_replies

outbox = typer.Typer(no_args_is_help=True, help="Replies on their way: list, settle, opt-out.")


def add_to(app: typer.Typer) -> None:
    outbox.command("list")(list_outbox)
    outbox.command()(settle)
    outbox.command("opt-out")(opt_out)
    app.add_typer(outbox, name="outbox")


def list_outbox(
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many.")] = 20,
    as_json: JsonLines = False,
) -> None:
    """What was approved, and what became of it, the newest first."""
    states = ("approved", "sending", "sent", "failed", "uncertain")
    print_replies(on_replies(lambda replies: replies.newest(states, None, limit)), as_json)


def settle(
    number: Number,
    sent: Annotated[bool, typer.Option("--sent/--not-sent", help="What you saw on the network.")],
) -> None:
    """Say what became of an uncertain reply, which nobody but a person can know. It is never sent
    again by itself.
    """
    row = on_replies(lambda replies: replies.settle(number, getpass.getuser(), sent=sent))
    hint = "" if sent else "; `earshot reply approve` sends it once more"
    print(f"reply {number} is {row['state']}{hint}")


def opt_out(
    author: Annotated[str, typer.Argument(help="The author as stored in `events`.")],
    network: Annotated[str, typer.Option(help="Where: x, bluesky, mastodon, ...")] = "x",
) -> None:
    """Never answer this person again, whatever is approved."""
    on_replies(lambda replies: replies.opt_out(network, author, getpass.getuser()))
    print(f"{author} gets no more answers on {network}")
