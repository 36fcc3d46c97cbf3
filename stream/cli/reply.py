"""`earshot reply`: drafts for a text, and what becomes of the drafts of tickets (stream/cli/outbox.py)."""

from __future__ import annotations

import typer

reply = typer.Typer(no_args_is_help=True, help="Drafted replies: draft, list, show, approve, discard, edits.")


def add_to(app: typer.Typer) -> None:
    app.add_typer(reply, name="reply")
