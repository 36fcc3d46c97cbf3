"""One ticket with all that a person needs to decide, as what the browser draws. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from models.replier.policy import length, limit, price
from stream.replies.store import LostReply
from stream.web.console.cards import stamp

Row = Mapping[str, Any]

_KEPT = (
    "id",
    "brand",
    "network",
    "author",
    "level",
    "priority",
    "state",
    "owner",
    "topic",
    "problem",
    "sentiment",
)
_MOMENTS = (
    "first_at",
    "last_inbound_at",
    "answered_at",
    "received_at",
    "waiting_since",
    "snoozed_until",
)
_NAMES = {
    "answered_at": "answered",
    "last_inbound_at": "last message",
    "snoozed_until": "snoozed until",
}


def detail(
    ticket: Row,
    conversation: Sequence[Row],
    history: Sequence[Row],
    similar: Sequence[Row],
    incident: Row | None,
    replies: Sequence[Row],
    corrections: Sequence[Row],
) -> dict[str, Any]:
    """Everything of one ticket. Moments are milliseconds since 1970."""
    corrected: dict[str, dict[str, Any]] = {}
    for row in corrections:  # oldest first: the latest counts
        corrected.setdefault(row["event_id"], {})[row["field"]] = {
            "is": row["should_be"],
            "who": row["who"],
        }
    messages = [_message(row, corrected.get(row["id"], {})) for row in conversation]
    return {
        **{
            name: ticket[name]
            for name in (*_KEPT, "needs_look", "messages", "tags", "notes", "version", "edits")
        },
        **{name.removesuffix("_at"): stamp(ticket[name]) for name in _MOMENTS},
        "dissatisfaction": None
        if ticket["dissatisfaction"] is None
        else round(ticket["dissatisfaction"]),
        "due": stamp(ticket["sla_due_at"]),
        "factors": [
            {name: each[name] for name in ("name", "points", "words")} for each in ticket["factors"]
        ],
        "conversation": messages,
        "course": _course(messages),
        "history": [_change(row) for row in reversed(history)],
        "similar": [dict(row) for row in similar],
        "incident": None if incident is None else _incident(incident),
        "replies": [_reply(row) for row in replies],
    }


def told(change: Row) -> dict[str, Any]:
    """What somebody did to a ticket, in words: for the history, and for who lost an edit to it."""
    return _change(change)


def lost_reply(lost: LostReply) -> dict[str, Any]:
    """Who was first with a reply, and what it says by now."""
    now = {"what": "it says by now", "from": "", "to": lost.reply["text"]}
    at = stamp(lost.reply["updated_at"])
    return {"at": at, "kind": "reply", "who": lost.actor, "reason": lost.change, "changes": [now]}


def _message(row: Row, corrected: Mapping[str, Any]) -> dict[str, Any]:
    scores = row["scores"] or {}
    call = scores.get("call")
    complaint = scores.get("complaint")
    return {
        "id": row["id"],
        "kind": row["kind"],
        "own": row["direction"] == "outbound",
        "author": row["author"],
        "at": stamp(row["occurred_at"]),
        "text": row["text"] or "",
        "language": row["language"],
        "abstained": row["abstained"],
        "judged": {
            "sentiment": row["sentiment"],
            "topic": row["topic"],
            "problem": row["problem"],
            "severity": None if row["severity"] is None else str(row["severity"]),
            "complaint": None if complaint is None else "yes" if complaint >= 0.5 else "no",
            "outcome": call and call.get("outcome"),
        },
        "dissatisfaction": None
        if row["dissatisfaction"] is None
        else round(row["dissatisfaction"]),
        "words": scores.get("problem_words") or [],
        "corrected": dict(corrected),
        "turns": _turns(row["text"] or "", call) if row["kind"] == "transcript" and call else None,
    }


def _turns(text: str, call: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The customer's turns of a call, a line each; [turn, mood, dissatisfaction, tension] of those
    that were read.
    """
    read = list(call.get("trajectory") or [])
    lines = [line for line in text.split("\n") if line.strip()]
    if len(read) != len(
        lines
    ):  # a turn that nobody could judge: the words matter more than which number is whose
        return [{"text": line} for line in lines]
    return [
        {"text": line, "turn": turn + 1, "dissatisfaction": round(dissatisfaction)}
        for line, (turn, _mood, dissatisfaction, *_) in zip(lines, read, strict=True)
    ]


def _course(messages: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Dissatisfaction along the conversation: the customer's messages, and each turn of a call."""
    points: list[dict[str, Any]] = []
    for message in messages:
        turns = [turn for turn in message["turns"] or [] if "turn" in turn]
        if turns:
            points += [
                {"at": message["at"], "value": each["dissatisfaction"], "id": message["id"]}
                for each in turns
            ]
        elif message["dissatisfaction"] is not None:
            points.append(
                {"at": message["at"], "value": message["dissatisfaction"], "id": message["id"]}
            )
    return points


def _change(row: Row) -> dict[str, Any]:
    changed = row.get("changes") or {}
    return {
        "at": stamp(row.get("changed_at")),
        "kind": row.get("kind", "edited"),
        "who": row["who"],
        "reason": row["reason"],
        "changes": [
            {
                "what": _NAMES.get(name, name.replace("_", " ")),
                "from": _plain(old),
                "to": _plain(new),
            }
            for name, (old, new) in changed.items()
            if name not in ("factors", "notes")
        ],
    }


def _plain(value: Any) -> str:
    if value is None or value == []:
        return "none"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, str) and len(value) >= 19 and value[10:11] == "T":
        return f"{datetime.fromisoformat(value):%d %b %H:%M}"
    return str(value)


def _incident(row: Row) -> dict[str, Any]:
    kept = {name: row[name] for name in ("id", "title", "severity", "tickets", "open")}
    return kept | {
        "words": row["words"] or [],
        "since": stamp(row["started_at"]),
        "over": row["ended_at"] is not None,
    }


def _reply(row: Row) -> dict[str, Any]:
    network = row["network"]
    return {
        **{
            name: row[name]
            for name in ("id", "event_id", "text", "drafted", "state", "network", "reason", "url")
        },
        **{name: row[name] for name in ("version", "changed_by")},
        "who": row["approved_by"],
        "at": stamp(row["updated_at"]),
        "sent": stamp(row["sent_at"]),
        "model": row["model_version"],
        "limit": limit(network),
        "candidates": [
            {
                "text": one["text"],
                "score": one["score"],
                "source": one["source"],
                "refusals": one["refusals"],
                "length": length(one["text"], network),
                "price": price(one["text"], network),
            }
            for one in row["candidates"]
        ],
    }
