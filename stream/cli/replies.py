"""Commands about replies: look at drafts, approve or discard them, see the outbox, settle what is
uncertain.
"""

from __future__ import annotations

import asyncio
import getpass
import json
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer
from rich.console import Console
from rich.table import Table

from stream.cli.show import plain
from stream.errors import UserError
from stream.observe.logs import set_up_logs
from stream.settings import read_settings

if TYPE_CHECKING:
    from stream.bootstrap.parts import Parts
    from stream.replies.store import Replies

T = TypeVar("T")

Number = Annotated[int, typer.Argument(help="The reply's number; see `earshot reply list`.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]

outbox = typer.Typer(no_args_is_help=True, help="Replies on their way: list, settle, opt-out.")


def add_to(app: typer.Typer, reply: typer.Typer) -> None:
    """reply: the group that drafts; approving and discarding belong there."""
    reply.command("list")(list_replies)
    reply.command()(show)
    reply.command()(approve)
    reply.command()(discard)
    reply.command()(edits)
    outbox.command("list")(list_outbox)
    outbox.command()(settle)
    outbox.command("opt-out")(opt_out)
    app.add_typer(outbox, name="outbox")


def list_replies(
    ticket: Annotated[str | None, typer.Option(help="Only of this ticket.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Decided ones too.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many.")] = 20,
    as_json: Json = False,
) -> None:
    """Drafts that wait for a person, the newest first."""
    states = None if everything or ticket else ("draft",)
    _tell(_run(lambda replies: replies.newest(states, ticket, limit)), as_json)


def show(number: Number) -> None:
    """One reply with every candidate, its score, and what the policy gate says against it. JSON."""
    print(
        json.dumps(
            _run(lambda replies: replies.find(number)), indent=2, ensure_ascii=False, default=str
        )
    )


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
    from stream.desk.reply_approval import approve as let_go

    async def decide(replies: Replies) -> Any:
        try:
            return await let_go(replies, number, getpass.getuser(), text=text, anyway=anyway)
        except Refused as refused:
            raise UserError(f"{refused}; --text says it otherwise, --anyway sends them") from None

    row = _run(decide)
    print(f"reply {number} to {row['event_id']} is approved; a running worker sends it")


def discard(number: Number) -> None:
    """Never send this reply."""
    _run(lambda replies: replies.discard(number, getpass.getuser()))
    print(f"reply {number} is discarded")


def edits(
    out: Annotated[
        Path | None, typer.Option(help="Write here instead of to standard output.")
    ] = None,
) -> None:
    """What people made of drafts, one JSON object a line: for `earshot train replies --from-edits`."""
    lines = [
        json.dumps(dict(row), ensure_ascii=False) for row in _run(lambda replies: replies.edits())
    ]
    if out is None:
        print("\n".join(lines)) if lines else None
        return
    out.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    print(f"{len(lines)} edits are in {out}")


def list_outbox(
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many.")] = 20,
    as_json: Json = False,
) -> None:
    """What was approved, and what became of it, the newest first."""
    states = ("approved", "sending", "sent", "failed", "uncertain")
    _tell(_run(lambda replies: replies.newest(states, None, limit)), as_json)


def settle(
    number: Number,
    sent: Annotated[bool, typer.Option("--sent/--not-sent", help="What you saw on the network.")],
) -> None:
    """Say what became of an uncertain reply, which nobody but a person can know. It is never sent
    again by itself.
    """
    row = _run(lambda replies: replies.settle(number, getpass.getuser(), sent=sent))
    print(
        f"reply {number} is {row['state']}"
        + ("" if sent else "; `earshot reply approve` sends it once more")
    )


def opt_out(
    author: Annotated[str, typer.Argument(help="The author as stored in `events`.")],
    network: Annotated[str, typer.Option(help="Where: x, bluesky, mastodon, ...")] = "x",
) -> None:
    """Never answer this person again, whatever is approved."""
    _run(lambda replies: replies.opt_out(network, author, getpass.getuser()))
    print(f"{author} gets no more answers on {network}")


def _tell(rows: list[dict[str, Any]], as_json: bool) -> None:
    if as_json or not sys.stdout.isatty():
        for row in rows:
            print(json.dumps(row, ensure_ascii=False, default=str))
        return
    table = Table(box=None, padding=(0, 2))
    for column in ("", "state", "brand", "ticket", "text", ""):
        table.add_column(column)
    for row in rows:
        told = (plain(row[name] or "", 60) for name in ("state", "brand", "ticket_id"))
        table.add_row(str(row["id"]), *told, plain(row["text"]), plain(row["reason"] or "", 80))
    Console().print(table if rows else "There are none.")


def _run(work: Callable[[Replies], Awaitable[T]]) -> T:
    from stream.bootstrap.parts import ensure_migrated, parts
    from stream.replies.store import Replies

    settings = read_settings()
    set_up_logs(settings, quiet=True)

    async def run() -> T:
        async with parts(settings, "replies", broker=False) as found:
            return await _with(found)

    async def _with(found: Parts) -> T:
        await ensure_migrated(found)
        async with found.engine() as engine:
            return await work(Replies(engine))

    return asyncio.run(run())
