"""`earshot reply draft`: drafts for a text, with the verdict of the policy gate."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from stream.cli.options import JsonLines, ReplierModel, settings_with
from stream.cli.plain import plain
from stream.cli.records import print_json
from stream.errors import UserError

if TYPE_CHECKING:
    from models.replier.draft import Candidate, Draft, ReplyRequest

_UNREAD = {
    "empty": "there is no message to answer",
    "language": "the message is not in English, and drafts are; a person has to answer it",
    "strange": "the message is unlike any that the model has seen; a person has to answer it",
}


def add_to(reply: typer.Typer) -> None:
    reply.command("draft")(draft)


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
    model: ReplierModel = None,
    as_json: JsonLines = False,
) -> None:
    """Draft answers to a message, with the policy gate's verdict on each. Nothing is sent."""
    from models.redact import redact
    from stream.bootstrap.loading import load_analyzer, load_brands, load_replier

    settings = settings_with(replier=model)
    replier = load_replier(settings)
    if text == "-":
        text = sys.stdin.buffer.read().decode("utf-8", "replace")
    redacted = redact(text, names=not settings.keep_names)
    trade = load_brands(settings).trade_of(brand)
    analysis = load_analyzer(settings)([redacted], None, [trade])[0]
    if analysis.abstained:  # as in the stream: a person answers what the model cannot read
        raise UserError(f"no draft: {_UNREAD[analysis.why or 'strange']}")
    request = _request(redacted, analysis, brand, topic, network, trade)
    drafted = replier([request], n=n, seed=seed)[0]
    if as_json or not sys.stdout.isatty():
        print_json([_as_json(request, drafted)])
    else:
        _show(request, drafted)


def _request(
    text: str,
    analysis: Any,
    brand: str | None,
    topic: str | None,
    network: str,
    trade: str | None,
) -> ReplyRequest:
    from models.replier.draft import ReplyRequest
    from stream.replies.gravity import gravity_of, reason_of

    urgency = analysis.urgency
    reasons = urgency.reasons if urgency else {}
    return ReplyRequest(
        text=text,
        brand=brand,
        topic=topic or (analysis.topic.label if analysis.topic else None),
        problem=analysis.problem and analysis.problem.label,
        sentiment=analysis.sentiment and analysis.sentiment.label,
        severity=analysis.severity,
        network=network,
        trade=trade,
        gravity=gravity_of(text, reasons, urgency.levels if urgency else None),
        reason=reason_of(reasons),
    )


def _as_json(request: ReplyRequest, drafted: Draft) -> dict[str, Any]:
    return {
        "text": request.text,
        "brand": request.brand,
        "topic": request.topic,
        "sentiment": request.sentiment,
        "severity": request.severity,
        "gravity": request.gravity,
        "network": request.network,
        "candidates": [_candidate(request, candidate) for candidate in drafted.candidates],
        "model": drafted.model,
    }


def _candidate(request: ReplyRequest, candidate: Candidate) -> dict[str, Any]:
    from models.replier.policy import length, price

    return {
        "text": candidate.text,
        "passes": candidate.passes,
        "source": candidate.source,
        "score": round(candidate.score, 4),
        "length": length(candidate.text, request.network),
        "price": price(candidate.text, request.network),
        "refusals": [{"rule": refusal.rule, "why": refusal.why} for refusal in candidate.refusals],
    }


def _show(request: ReplyRequest, drafted: Draft) -> None:
    console = Console()
    console.print(plain(request.text), style="bold")
    severity = None if request.severity is None else f"severity {request.severity}"
    judged = [word for word in (request.topic, request.sentiment, severity) if word]
    console.print(plain(" · ".join(judged)), style="dim")
    table = Table(box=None, padding=(0, 1), show_header=False)
    for column in ("", "score", "text"):
        table.add_column(column, no_wrap=column != "text")
    for candidate in drafted.candidates:
        mark = Text("✓", "green") if candidate.passes else Text("✗", "red")
        score = f"{candidate.score:.2f}" if candidate.source == "model" else candidate.source
        verdict = (_verdict(request, candidate), "dim")
        table.add_row(mark, Text(score, "dim"), Text.assemble(plain(candidate.text), "\n", verdict))
    console.print(table)


def _verdict(request: ReplyRequest, candidate: Candidate) -> str:
    from models.replier.policy import length, limit, price

    if candidate.refusals:
        return "; ".join(
            f"{plain(refusal.rule)}: {plain(refusal.why)}" for refusal in candidate.refusals
        )
    network = request.network
    words = f"{length(candidate.text, network)} of {limit(network)} characters"
    dollars, without_link = price(candidate.text, network), price("", network)
    if dollars is None:
        return words
    words += f", ${dollars:.3f} to post"
    if dollars != without_link:
        words += f" (${without_link:.3f} without the link)"
    return words
