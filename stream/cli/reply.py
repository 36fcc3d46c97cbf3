"""`earshot reply`: the drafts of tickets, and the decisions on them."""

from __future__ import annotations

import getpass
import json
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, get_args

import typer
from rich.console import Console
from rich.text import Text

from stream.cli import reply_draft
from stream.cli.on_store import run_on_store
from stream.cli.options import JsonLines, choice
from stream.cli.plain import plain, quantity
from stream.cli.records import print_json, print_record
from stream.cli.show import hanging
from stream.errors import UserError

if TYPE_CHECKING:
    from stream.replies.store import Replies

T = TypeVar("T")

Number = Annotated[int, typer.Argument(help="The reply's number; see `earshot reply list`.")]

reply = typer.Typer(
    no_args_is_help=True, help="Drafted replies: draft, list, show, approve, discard, edits."
)


def add_to(app: typer.Typer) -> None:
    reply_draft.add_to(reply)
    reply.command("list")(list_replies)
    reply.command("show")(show_reply)
    reply.command()(approve)
    reply.command("take-back")(take_back)
    reply.command()(discard)
    reply.command()(edits)
    app.add_typer(reply, name="reply")


def list_replies(
    ticket: Annotated[str | None, typer.Option(help="Only of this ticket.")] = None,
    decided: Annotated[bool, typer.Option("--all", help="Decided ones too.")] = False,
    state: Annotated[
        str | None,
        typer.Option(help="Only in this state, such as approved or sent."),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many.")] = 20,
    as_json: JsonLines = False,
) -> None:
    """Drafts that wait for a person, or replies in another state, the newest first."""
    from stream.records import ReplyState

    chosen_state = choice("--state", state, get_args(ReplyState))
    if chosen_state is None:
        states = None if decided or ticket else ("draft",)
    else:
        states = (chosen_state,)
    print_replies(on_replies(lambda replies: replies.newest(states, ticket, limit)), as_json)


def print_replies(rows: Sequence[Mapping[str, Any]], as_json: bool) -> None:
    """Replies, a line and its words each, or a JSON object a line."""
    if as_json:
        print_json(rows)
        return
    console = Console()
    for row in rows:
        head = f"{row['id']}  {row['state']}  {row['brand'] or 'no brand'}  {row['ticket_id']}"
        hanging(console, "", plain(head), indent=2)
        hanging(console, "", plain(row["text"]), indent=6)
        if row["reason"]:
            hanging(console, "", Text(plain(row["reason"]).plain, style="dim"), indent=6)
    if not rows:
        print("no replies", file=sys.stderr)


def show_reply(number: Number, as_json: JsonLines = False) -> None:
    """One reply with every candidate, its score, and what the policy gate says against it."""
    row = on_replies(lambda replies: replies.find(number))
    if as_json:
        print_json([row])
    else:
        print_record(row)


def approve(
    number: Number,
    text: Annotated[
        str | None, typer.Option(help="Send these words instead of the draft's.")
    ] = None,
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Although the policy gate refuses them.")
    ] = False,
) -> None:
    """Let a reply be sent. A worker sends it: first it looks whether the message still stands as it
    was.
    """
    from stream.desk.reply_approval import Refused
    from stream.desk.reply_approval import approve as approve_reply

    async def decide(replies: Replies) -> Any:
        try:
            return await approve_reply(replies, number, getpass.getuser(), text=text, anyway=anyway)
        except Refused as refused:
            raise UserError(f"{refused}; --text says it otherwise, --anyway sends them") from None

    row = on_replies(decide)
    print(f"reply {number} to {row['event_id']} is approved; a running worker sends it")


def take_back(number: Number) -> None:
    """Take an approved reply back before it leaves; it is a draft again."""
    on_replies(lambda replies: replies.take_back(number, getpass.getuser()))
    print(f"reply {number} is a draft again")


def discard(number: Number) -> None:
    """Never send this reply."""
    on_replies(lambda replies: replies.discard(number, getpass.getuser()))
    print(f"reply {number} is discarded")


def edits(
    out: Annotated[
        Path | None, typer.Option(help="Write here instead of to standard output.")
    ] = None,
) -> None:
    """What people made of drafts, one JSON object a line: for `earshot train replies
    --from-edits`.
    """
    rows = on_replies(lambda replies: replies.edits())
    lines = [f"{json.dumps(dict(row), ensure_ascii=False)}\n" for row in rows]
    if out is None:
        print("".join(lines), end="")
        return
    out.write_text("".join(lines), encoding="utf-8")
    print(f"{out}: {quantity(len(lines), 'edit')}")


def on_replies(work: Callable[[Replies], Awaitable[T]]) -> T:
    from stream.bootstrap.stores import open_replies

    return run_on_store("replies", open_replies, work)
