"""`earshot ticket`: show, claim, resolve, prioritise, merge, split or link tickets of the queue."""

from __future__ import annotations

import getpass
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer
from rich.console import Console
from rich.text import Text

from stream.cli import show
from stream.cli.on_store import run_on_parts, run_on_store
from stream.cli.options import By, JsonLines
from stream.cli.plain import plain
from stream.cli.records import print_json
from stream.errors import UserError

if TYPE_CHECKING:
    from stream.desk.actions import Action
    from stream.desk.joining import Joined, Joining
    from stream.desk.tickets import Desk

T = TypeVar("T")

Id = Annotated[str, typer.Argument(help="The id that `earshot tickets` prints.")]

ticket = typer.Typer(
    no_args_is_help=True,
    help="One ticket of the queue: show, claim, resolve, reopen, priority, merge, split, link.",
)


def add_to(app: typer.Typer) -> None:
    app.add_typer(ticket, name="ticket")


@ticket.command("show")
def ticket_show(id: Id, as_json: JsonLines = False) -> None:
    """One ticket: why it has its priority, the conversation, and the notes of colleagues."""

    async def read(desk: Desk) -> dict[str, Any]:
        row = await desk.ticket(id)
        return row | {
            "conversation": await desk.conversation(id),
            "history": await desk.history(id),
        }

    row = _on_desk(read)
    if as_json:
        print_json([row])
        return
    console = Console()
    for line in _lines(row):
        console.print(line)


@ticket.command("claim")
def ticket_claim(
    id: Id,
    force: Annotated[bool, typer.Option("--force", help="Also from somebody else.")] = False,
    by: By = None,
) -> None:
    """Take the ticket: it becomes yours and open."""
    from stream.desk.actions import Claim

    _act(id, Claim(force=force), by)


@ticket.command("resolve")
def ticket_resolve(id: Id, by: By = None) -> None:
    """Say that it is done. A new message of the customer re-opens it."""
    from stream.desk.actions import Resolve

    _act(id, Resolve(), by)


@ticket.command("reopen")
def ticket_reopen(id: Id, by: By = None) -> None:
    """Put it back into the queue."""
    from stream.desk.actions import Reopen

    _act(id, Reopen(), by)


@ticket.command("priority")
def ticket_priority(
    id: Id,
    level: Annotated[str, typer.Argument(help="P1, P2, P3 or P4; - for the conversation's own.")],
    reason: Annotated[str, typer.Option("--reason", help="Why, for colleagues and for training.")],
    by: By = None,
) -> None:
    """Set the level by hand. It stays until a new message of the customer is more urgent, and is
    kept as a label: `earshot export corrections --field level`.
    """
    from pydantic import ValidationError

    from stream.cli.options import choice
    from stream.desk.actions import LONGEST_REASON, Prioritise

    name = choice("level", level, ("P1", "P2", "P3", "P4", "-"))
    try:
        action = Prioritise.model_validate(
            {"level": None if name == "-" else name, "reason": reason}
        )
    except ValidationError:
        raise UserError(f"--reason: 1 to {LONGEST_REASON} characters that say why") from None
    _act(id, action, by)


@ticket.command("merge")
def ticket_merge(
    id: Id,
    into: Annotated[str, typer.Argument(help="The ticket that takes the conversation in.")],
    by: By = None,
) -> None:
    """Put the whole conversation into another ticket's, with its notes, its tags, and what comes
    later. `split` takes messages out again.
    """
    joined = _on_conversations(lambda joining: joining.merge(id, into, by or getpass.getuser()))
    print(f"{id} is merged into {joined.ticket['id']}: {joined.ticket['messages']} messages")


@ticket.command("split")
def ticket_split(
    id: Id,
    messages: Annotated[
        list[str], typer.Argument(help="Ids of messages, as `ticket show --json` prints them.")
    ],
    by: By = None,
) -> None:
    """Put messages, with the answers to them, into a ticket of their own. What answers them later
    follows.
    """
    joined = _on_conversations(lambda joining: joining.split(id, messages, by or getpass.getuser()))
    print(f"{joined.other} is split off {id}")


@ticket.command("link")
def ticket_link(
    id: Id,
    incident: Annotated[
        str | None, typer.Argument(help="The id that `incident list` prints; none: unlink it.")
    ] = None,
    by: By = None,
) -> None:
    """Put the ticket into an incident, out of the one that it was in. earshot keeps that."""
    from stream.bootstrap.stores import open_joining

    actor = by or getpass.getuser()
    with _refusals():
        run_on_store("ticket", open_joining, lambda joining: joining.link(id, incident, actor))
    print(f"{id} is in no incident" if incident is None else f"{id} belongs to {incident}")


def _on_conversations(act: Callable[[Joining], Awaitable[Joined]]) -> Joined:
    from stream.bootstrap.jobs import join_conversations

    with _refusals():
        return run_on_parts("ticket", lambda running: join_conversations(running, act))


def _act(id: str, action: Action, by: str | None) -> None:
    row = _on_desk(lambda desk: desk.act(id, action, by or getpass.getuser()))
    owner = f"{row['owner']} has it" if row["owner"] else "nobody has it"
    print(f"{row['id']} is {row['level']}, {row['state']}; {owner}")


def _on_desk(work: Callable[[Desk], Awaitable[T]]) -> T:
    from stream.bootstrap.stores import open_desk

    with _refusals():
        return run_on_store("ticket", open_desk, work)


@contextmanager
def _refusals() -> Iterator[None]:
    """What the desk refuses, as one line for a person."""
    from stream.desk.actions import NotAllowed
    from stream.desk.tickets import NoTicket

    try:
        yield
    except NoTicket as error:
        raise UserError(f"{error}; see `earshot tickets`") from None
    except NotAllowed as error:
        raise UserError(str(error)) from None


def _lines(row: dict[str, Any]) -> list[Text]:
    owner = f"{row['owner']} has it" if row["owner"] else "nobody has it"
    author = f"{row['author'] or 'unknown'} on {row['network']}, to {row['brand'] or 'no brand'}"
    lines = [
        plain(row["id"]),
        plain(f"{row['level']}, priority {row['priority']}, {row['state']}; {owner}"),
        plain(author),
        Text(show.reasons(row["factors"]), style="cyan"),
    ]
    for message in row["conversation"]:
        side = "we" if message["direction"] == "outbound" else message["author"] or "unknown"
        lines += [
            Text(""),
            Text.assemble((f"{message['occurred_at']:%Y-%m-%d %H:%M}Z  ", "dim"), plain(side)),
            *_words(message),
        ]
    for note in row["notes"]:
        lines += [Text(""), plain(f"note of {note['who']}: {note['text']}")]
    return lines


def _words(message: dict[str, Any]) -> list[Text]:
    """What was said; of a call both sides, and where the caller lost patience."""
    if not message["turns"]:
        return [plain(message["text"] or "(deleted)")]
    soured = ((message["scores"] or {}).get("call") or {}).get("soured")
    lines: list[Text] = []
    for place, turn in enumerate(message["turns"]):
        if place == soured:
            lines.append(Text("-- the caller loses patience --", style="red"))
        speaker = "we" if turn["speaker"] == "agent" else turn["speaker"]
        lines.append(Text.assemble((f"{speaker}: ", "dim"), plain(turn["text"])))
    return lines
