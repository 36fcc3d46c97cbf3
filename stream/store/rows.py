"""Rows of events: made of judgements, read as triage's messages, counted as signals."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from connectors.events import Deleted, Event, TextEvent, Transcript
from models import analysis as read
from models.analysis import Analysis, Call, Moment
from models.calls.sides import Utterance
from models.urgency import Urgency
from stream.postgres.database import halfvec_bytes, storable
from stream.postgres.tables import Row, events
from stream.triage.judgement import Judgement
from stream.triage.ticket import CallState, GraveTurn, Message

COMPLAINT = 0.5  # from this probability on, an event counts as a complaint
POINTS = 200  # of a stored trajectory; a longer one is thinned
QUOTED = 120  # characters of a call's words beside its scores
WEIGHED = 600  # characters of a call's most urgent turns, which are weighed again at each fold
_QUOTES = ("open", "soured_words", "gravest")  # what quotes a call beside its scores
# The columns of an event that a save reads.
READ = [column for column in events.c if column.name not in ("embedding", "trimmed", "turns")]
COUNTED = (
    "id",
    "kind",
    "direction",
    "brand",
    "topic",
    "occurred_at",
    "sentiment",
    "scores",
    "dissatisfaction",
)


def event_row(judgement: Judgement) -> dict[str, Any]:
    """The row of `events` without `received_at`. A deletion has no text, author and scores."""
    event, analysis = judgement.event, judgement.analysis
    row = {
        "id": storable(event.id),
        "revision": event.revision,
        "kind": event.kind,
        "network": event.network,
        "conversation": storable(event.conversation),
        "brand": _storable_or_none(judgement.brand),
        "occurred_at": event.occurred_at,
    }
    if isinstance(event, Deleted):
        return row | _message_columns(None, None, None) | _analysis_columns(None)
    judged = _analysis_columns(analysis)
    if isinstance(event, Transcript) and analysis is not None and analysis.call is not None:
        judged["scores"] |= {"call": _call(analysis.call, event.complete)}
    if judgement.failed is not None:
        judged["scores"] = {**(judged["scores"] or {}), "failed": judgement.failed}
    text = storable(judgement.text)
    columns = _message_columns(event, text, _storable_or_none(judgement.trimmed))
    columns["turns"] = _turns(judgement.turns)
    return row | columns | judged | _language(event, analysis)


def message(row: Row) -> Message:
    """The stored event as triage reads it: what is stored, never what is about to be."""
    scores = row["scores"] or {}
    dissatisfaction = row["dissatisfaction"]
    return Message(
        id=row["id"],
        conversation=row["conversation"],
        kind=row["kind"],
        direction=row["direction"],
        occurred_at=row["occurred_at"],
        text=row["text"],
        author=row["author"],
        brand=row["brand"],
        followers=row["followers"],
        language=row["language"],
        sentiment=row["sentiment"],
        negative=scores.get("negative"),
        complaint=scores.get("complaint"),
        alarm=scores.get("alarm"),
        need=scores.get("need"),
        levels=_levels(scores),
        reasons=scores.get("reasons") or {},
        settled=scores.get("settled"),
        dissatisfaction=None if dissatisfaction is None else float(dissatisfaction),
        topic=row["topic"],
        problem=row["problem"],
        abstained=row["abstained"],
        call=_call_state(scores.get("call")),
        failed=scores.get("failed"),
    )


def _levels(scores: Mapping[str, Any]) -> tuple[float, ...] | None:
    levels = scores.get("levels")
    return None if levels is None else tuple(map(float, levels))


def as_stored(judgement: Judgement) -> Message:
    """The judged event as triage reads it once it is stored."""
    return message(event_row(judgement))


def stored_by(
    judge: Callable[[Sequence[Event]], Iterable[Judgement]],
) -> Callable[[Sequence[Event]], list[Message]]:
    """Judges events and reads them as they would be stored: for measuring triage."""
    return lambda events: [as_stored(judgement) for judgement in judge(events)]


def signals(removed: Iterable[Row], added: Iterable[Row]) -> list[dict[str, Any]]:
    """What the cells of `signal_counts` change by, sorted by cell: a live inbound event counts
    once, others do not.
    """
    cells: dict[tuple[str, str, datetime], list[Any]] = defaultdict(lambda: [0, 0, 0, Decimal(0)])
    for sign, rows in ((-1, removed), (1, added)):
        for row in rows:
            if row["direction"] != "inbound":  # a deletion has no direction
                continue
            cell = cells[
                row["brand"] or "",
                row["topic"] or "",
                row["occurred_at"].replace(second=0, microsecond=0),
            ]
            cell[0] += sign
            cell[1] += sign * (row["sentiment"] == "negative")
            cell[2] += sign * ((row["scores"] or {}).get("complaint", 0) >= COMPLAINT)
            cell[3] += sign * (row["dissatisfaction"] or 0)
    names = ("brand", "topic", "minute", "events", "negative", "complaints", "dissatisfaction_sum")
    return [
        dict(zip(names, (*cell, *counts), strict=True))
        for cell, counts in sorted(cells.items())
        if any(counts)
    ]


def _message_columns(
    event: TextEvent | None, text: str | None, trimmed: str | None
) -> dict[str, Any]:
    return {
        "direction": event and event.direction,
        "author": event and _storable_or_none(event.author),
        "followers": event and event.followers,
        "in_reply_to": event and _storable_or_none(event.in_reply_to),
        "text": text,
        "trimmed": trimmed,
        "turns": None,
    }


def _turns(turns: Sequence[Utterance] | None) -> list[dict[str, Any]] | None:
    """Both sides of a call: who spoke, the redacted words, and the second where it is known."""
    if turns is None:
        return None
    stored: list[dict[str, Any]] = []
    for turn in turns:
        at = {} if turn.at is None else {"at": round(turn.at, 1)}
        stored.append({"speaker": turn.speaker, "text": storable(turn.text), **at})
    return stored


def _analysis_columns(analysis: Analysis | None) -> dict[str, Any]:
    if analysis is None:
        return dict.fromkeys(
            (
                "language",
                "sentiment",
                "scores",
                "severity",
                "dissatisfaction",
                "topic",
                "problem",
                "embedding",
            )
        ) | {"abstained": False, "model_version": None}
    return {
        "sentiment": analysis.sentiment and analysis.sentiment.label,
        "scores": _scores(analysis),
        "severity": analysis.severity,
        "dissatisfaction": None
        if analysis.dissatisfaction is None
        else Decimal(f"{analysis.dissatisfaction:.1f}"),
        "topic": analysis.topic and storable(analysis.topic.label),
        "problem": analysis.problem and storable(analysis.problem.label),
        "abstained": analysis.abstained,
        "embedding": None if analysis.embedding is None else halfvec_bytes(analysis.embedding),
        "model_version": analysis.model,
    }


def _scores(analysis: Analysis) -> dict[str, Any]:
    """Probabilities to four places, by label for the sentiment; and the words that show the
    problem.
    """
    scores: dict[str, Any] = {}
    if analysis.sentiment is not None:
        scores |= {
            name: round(float(value), 4) for name, value in analysis.sentiment.probabilities.items()
        }
    if analysis.complaint is not None:
        scores["complaint"] = round(float(analysis.complaint), 4)
    if analysis.alarm is not None and analysis.need is not None:
        scores |= {"alarm": analysis.alarm, "need": analysis.need}
    if analysis.urgency is not None:
        scores |= _urgency(analysis.urgency) | {"settled": round(analysis.urgency.settled, 4)}
    if analysis.topic is not None:
        scores["topic"] = round(float(analysis.topic.score), 4)
    if analysis.problem is not None:
        scores["problem"] = round(float(analysis.problem.score), 4)
        scores["problem_words"] = [storable(word) for word in analysis.problem.words]
    return scores


def _urgency(urgency: Urgency) -> dict[str, Any]:
    return {
        "levels": [round(value, 4) for value in urgency.levels],
        "reasons": {code: round(value, 3) for code, value in urgency.reasons.items()},
    }


def _call(call: Call, complete: bool) -> dict[str, Any]:
    """How a call stands. trajectory: [turn, mood, dissatisfaction, tension] of each of the
    customer's turns.
    """
    state: dict[str, Any] = {
        "complete": complete,
        "turns": call.turns,
        "customer_turns": call.customer_turns,
        "trajectory": [_point(moment) for moment in _thinned(call.trajectory)],
    }
    if call.outcome is not None:
        state["outcome"] = call.outcome.label
        state["follow_up"] = round(call.outcome.probabilities["follow_up"], 4)
        if call.outcome.words:
            state["open"] = storable(call.outcome.words[:QUOTED])
    if call.soured is not None:
        state["soured"] = call.soured.turn
        state["soured_words"] = storable((call.soured_words or "")[:QUOTED])
    if call.gravest:
        state["gravest"] = [_grave_turn(turn) for turn in call.gravest]
    return state


def _grave_turn(turn: read.GraveTurn) -> dict[str, Any]:
    """The turn as the model read it alone."""
    scores: dict[str, Any] = {"turn": turn.turn, "words": storable(turn.words[:WEIGHED])}
    if turn.alarm is not None and turn.need is not None:
        scores |= {"alarm": round(turn.alarm, 4), "need": round(turn.need, 4)}
    return scores if turn.urgency is None else scores | _urgency(turn.urgency)


def _thinned(trajectory: Sequence[Moment]) -> Sequence[Moment]:
    """At most POINTS of it, always with the last one."""
    step = max(1, -(-len(trajectory) // POINTS))
    return trajectory[::-1][::step][::-1]


def _point(moment: Moment) -> list[float]:
    return [
        moment.turn,
        round(moment.mood, 2),
        round(moment.dissatisfaction),
        round(moment.tension, 2),
    ]


def unquoted(scores: dict[str, Any] | None) -> dict[str, Any] | None:
    """The scores that are published: without the words of a call, which only its row holds."""
    if scores is None or "call" not in scores:
        return scores
    call = {name: value for name, value in scores["call"].items() if name not in _QUOTES}
    return scores | {"call": call}


def _call_state(state: dict[str, Any] | None) -> CallState | None:
    if state is None:
        return None
    return CallState(
        complete=state["complete"],
        outcome=state.get("outcome"),
        open=state.get("open"),
        soured=state.get("soured_words"),
        gravest=tuple(map(_read_alone, state.get("gravest", ()))),
    )


def _read_alone(turn: Mapping[str, Any]) -> GraveTurn:
    return GraveTurn(
        words=turn["words"],
        levels=_levels(turn),
        reasons=turn.get("reasons") or {},
        alarm=turn.get("alarm"),
        need=turn.get("need"),
    )


def _language(event: TextEvent, analysis: Analysis | None) -> dict[str, Any]:
    return {
        "language": _storable_or_none(analysis.language if analysis is not None else event.language)
    }


def _storable_or_none(text: str | None) -> str | None:
    return None if text is None else storable(text)
