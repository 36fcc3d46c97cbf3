"""`earshot reply`: drafts for a text, and what becomes of the drafts of tickets
(stream/cli/replies.py).
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from stream.cli.show import plain
from stream.errors import UserError
from stream.settings import read_settings

if TYPE_CHECKING:
    from models.replier.draft import Candidate, Draft, ReplyRequest

reply = typer.Typer(
    no_args_is_help=True, help="Drafted replies: draft, list, show, approve, discard, edits."
)

_UNREAD = {
    "empty": "there is no message to answer",
    "language": "the message is not in English, and drafts are; a person has to answer it",
    "strange": "the message is unlike any that the model has seen; a person has to answer it",
}


def add_to(app: typer.Typer) -> None:
    app.add_typer(reply, name="reply")


@reply.command("draft")
def draft(
    text: Annotated[
        str, typer.Argument(help="The customer's message; - reads it from standard input.")
    ],
    brand: Annotated[
        str | None, typer.Option(help="Who answers, in its tone where the model knows it.")
    ] = None,
    topic: Annotated[
        str | None, typer.Option(help="What it is about; the model's own judgement otherwise.")
    ] = None,
    network: Annotated[
        str, typer.Option(help="Where the answer goes: x, bluesky, mastodon or another.")
    ] = "x",
    n: Annotated[int, typer.Option("--n", min=1, max=6, help="How many candidates.")] = 3,
    seed: Annotated[int, typer.Option(help="Another seed, other drafts; the same, the same.")] = 0,
    model: Annotated[
        Path | None, typer.Option("--model", help="Directory of a replier; the shipped one else.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="JSON also on a terminal.")] = False,
) -> None:
    """Draft answers to a message, with the policy gate's verdict on each. Nothing is sent."""
    from models.redact import redact
    from stream.bootstrap.loading import load_analyzer, load_replier

    settings = read_settings()
    replier = load_replier(
        settings if model is None else settings.model_copy(update={"replier": model})
    )
    said = redact(sys.stdin.buffer.read().decode("utf-8", "replace") if text == "-" else text)
    analysis = load_analyzer(settings)([said])[0]
    if analysis.abstained:  # as the stream has it: a person answers what the model cannot read
        raise UserError(f"no draft: {_UNREAD[analysis.why or 'strange']}")
    request = _request(said, analysis, brand, topic, network)
    made = replier([request], n=n, seed=seed)[0]
    if as_json or not sys.stdout.isatty():
        told = json.dumps(_as_json(request, made), ensure_ascii=False, indent=2)
        print(told.encode("utf-8", "replace").decode())
    else:
        _show(request, made)


def _request(
    text: str, analysis: Any, brand: str | None, topic: str | None, network: str
) -> ReplyRequest:
    from models.replier.draft import ReplyRequest

    return ReplyRequest(
        text=text,
        brand=brand,
        topic=topic or (analysis.topic.label if analysis.topic else None),
        problem=analysis.problem and analysis.problem.label,
        sentiment=analysis.sentiment and analysis.sentiment.label,
        severity=analysis.severity,
        network=network,
    )


def _as_json(request: ReplyRequest, made: Draft) -> dict[str, Any]:
    from models.replier.policy import length, price

    return {
        "text": request.text,
        "brand": request.brand,
        "topic": request.topic,
        "sentiment": request.sentiment,
        "severity": request.severity,
        "network": request.network,
        "candidates": [
            {
                "text": one.text,
                "passes": one.passes,
                "source": one.source,
                "score": round(one.score, 4),
                "length": length(one.text, request.network),
                "price": price(one.text, request.network),
                "refusals": [
                    {"rule": refusal.rule, "why": refusal.why} for refusal in one.refusals
                ],
            }
            for one in made.candidates
        ],
        "model": made.model,
    }


def _show(request: ReplyRequest, made: Draft) -> None:
    console = Console()
    console.print(plain(request.text), style="bold")
    judged = [
        request.topic,
        request.sentiment,
        None if request.severity is None else f"severity {request.severity}",
    ]
    console.print(plain(" · ".join(str(one) for one in judged if one)), style="dim")
    table = Table(box=None, padding=(0, 1), show_header=False)
    for column in ("", "score", "text"):
        table.add_column(column, no_wrap=column != "text")
    for one in made.candidates:
        mark = Text("✓", "green") if one.passes else Text("✗", "red")
        score = "template" if one.source == "template" else f"{one.score:.2f}"
        table.add_row(
            mark,
            Text(score, "dim"),
            Text.assemble(plain(one.text), "\n", (_verdict(request, one), "dim")),
        )
    console.print(table)


def _verdict(request: ReplyRequest, one: Candidate) -> str:
    from models.replier.policy import length, limit, price

    if one.refusals:
        return "; ".join(f"{plain(refusal.rule)}: {plain(refusal.why)}" for refusal in one.refusals)
    told = f"{length(one.text, request.network)} of {limit(request.network)} characters"
    dollars = price(one.text, request.network)
    if dollars is None:
        return told
    without = price("", request.network)
    return f"{told}, ${dollars:.3f} to post" + (
        f" (${without:.3f} without the link)" if dollars != without else ""
    )
