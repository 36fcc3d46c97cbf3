"""`earshot dead`: messages that could not be processed."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stream.cli.on_store import run_on_parts, run_on_store
from stream.cli.options import JsonLines, choice
from stream.cli.plain import plain
from stream.cli.records import print_json, print_record
from stream.errors import UserError

if TYPE_CHECKING:
    from stream.bootstrap.parts import Stores
    from stream.store.dead_letters import StoredLetter

SHOWN_BYTES = 4000

dead = typer.Typer(
    no_args_is_help=True, help="Messages that could not be processed: list, show, replay."
)


def add_to(app: typer.Typer) -> None:
    app.add_typer(dead, name="dead")


@dead.command("list")
def dead_list(
    state: Annotated[
        str | None, typer.Option(help="dead, replayed or resolved; the first two otherwise.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")] = 50,
    as_json: JsonLines = False,
) -> None:
    """Which messages could not be processed, and why."""
    from stream.bootstrap.stores import open_stores

    chosen_state = choice("--state", state, ("dead", "replayed", "resolved"))

    async def read(stores: Stores) -> list[StoredLetter]:
        if chosen_state is None:
            return await stores.dead_letters.list_dead(limit=limit)
        return await stores.dead_letters.list_dead([chosen_state], limit)

    letters = run_on_store("dead", open_stores, read)
    for letter in letters:
        if as_json:
            print_json([_as_json(letter)])
        else:
            place = f"{letter.topic}[{letter.partition}]@{letter.offset}"
            print(
                f"{letter.id:>6}  {letter.state:<9} {letter.created_at:%Y-%m-%d %H:%M:%S}"
                f"  {plain(place)}  {plain(letter.reason)}"
            )
    if not letters:
        print("no dead letters", file=sys.stderr)


@dead.command("show")
def dead_show(
    id: Annotated[int, typer.Argument(help="The number that `dead list` prints.")],
    raw: Annotated[
        Path | None, typer.Option(help="Write the message's bytes to this file.")
    ] = None,
    as_json: JsonLines = False,
) -> None:
    """One dead letter, with its bytes as text (what is no UTF-8 is escaped)."""
    from stream.bootstrap.stores import open_stores

    letter = run_on_store("dead", open_stores, lambda stores: stores.dead_letters.show_dead(id))
    if letter is None:
        raise UserError(f"there is no dead letter {id}; see `earshot dead list`")
    value = letter.value or b""
    if raw is not None:
        raw.write_bytes(value)
    text = value[:SHOWN_BYTES].decode("utf-8", "backslashreplace")
    record = _as_json(letter) | {"text": text.encode("unicode_escape").decode("ascii")}
    if as_json:
        print_json([record])
    else:
        print_record(record)


@dead.command("replay")
def dead_replay(
    ids: Annotated[
        list[int] | None, typer.Argument(help="Numbers that `dead list` prints.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="All that are dead.")] = False,
) -> None:
    """Send dead letters once more, for instance after an upgrade. Doing so twice loses and doubles
    nothing.
    """
    from stream.bootstrap.jobs import replay_dead

    if not ids and not every:
        raise UserError("say which: `earshot dead replay 3 5`, or `earshot dead replay --all`")
    sent = run_on_parts("replay", lambda running: replay_dead(running, None if every else ids))
    print(f"{sent} dead letters sent again")


def _as_json(letter: StoredLetter) -> dict[str, Any]:
    return {
        "id": letter.id,
        "state": letter.state,
        "topic": letter.topic,
        "partition": letter.partition,
        "offset": letter.offset,
        "reason": letter.reason,
        "attempts": letter.attempts,
        "bytes": letter.size,
        "created_at": letter.created_at.isoformat(),
    }
