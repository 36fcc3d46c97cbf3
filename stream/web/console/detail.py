"""Ticket page as JSON for the browser: the ticket, its messages, history and replies. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from connectors.links import post_url
from connectors.pictures import MAX_PICTURES
from models.replier.policy import length, limit, price
from stream.desk.canned import fill
from stream.replies.pictures import why_none
from stream.replies.store import LostReply
from stream.web.console.cards import rounded, stamp

Row = Mapping[str, Any]

_FIELDS = (
    *("id", "brand", "network", "author", "level", "priority", "state", "owner", "topic"),
    *("problem", "sentiment", "needs_look", "messages", "tags", "notes", "version", "edits"),
    "unread_language",
)
_MOMENTS = (
    *("first_at", "last_inbound_at", "answered_at", "received_at"),
    *("waiting_since", "snoozed_until", "settled_at"),
)
_NAMES = {
    "answered_at": "answered",
    "last_inbound_at": "last message",
    "settled_at": "settled",
    "unsettled_at": "not settled by the word of",
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
    sent = _sent_with_pictures(replies)
    messages = [
        _message(row, corrected.get(row["id"], {}), sent.get(row["id"])) for row in conversation
    ]
    fields = {name: ticket[name] for name in _FIELDS}
    moments = {name.removesuffix("_at"): stamp(ticket.get(name)) for name in _MOMENTS}
    return {
        **fields,
        **moments,
        "dissatisfaction": rounded(ticket["dissatisfaction"]),
        "due": stamp(ticket["sla_due_at"]),
        "factors": [_factor(factor) for factor in ticket["factors"]],
        "conversation": messages,
        "course": _course(messages),
        "history": [change_in_words(row) for row in reversed(history)],
        "similar": [dict(row) for row in similar],
        "incident": None if incident is None else _incident(incident),
        "replies": [_reply(row) for row in replies],
        "pictureless": why_none(ticket["network"]),
        "most_pictures": MAX_PICTURES,
    }


def _sent_with_pictures(replies: Sequence[Row]) -> dict[str, Row]:
    """Those replies by the id of the message that they became."""
    return {row["sent_id"]: row for row in replies if row["sent_id"] and row["pictures"]}


def _factor(factor: Row) -> dict[str, Any]:
    return {name: factor[name] for name in ("name", "points", "words")}


def change_in_words(row: Row) -> dict[str, Any]:
    """A change of a ticket, for the history, and for a person who lost an edit to it."""
    columns = {
        name: values
        for name, values in (row.get("changes") or {}).items()
        if name not in ("factors", "notes", "by_hand")
    }
    return {
        "at": stamp(row.get("changed_at")),
        "kind": row.get("kind", "edited"),
        "who": row["who"],
        "reason": row["reason"],
        "changes": [_column(name, old, new) for name, (old, new) in columns.items()],
    }


def _column(name: str, old: Any, new: Any) -> dict[str, str]:
    label = _NAMES.get(name, name.replace("_", " "))
    return {"what": label, "from": _plain(old), "to": _plain(new)}


def lost_reply(lost: LostReply) -> dict[str, Any]:
    """The change of a reply that came first, with its words as they are now."""
    now = {"what": "it says by now", "from": "", "to": lost.reply["text"]}
    at = stamp(lost.reply["updated_at"])
    return {"at": at, "kind": "reply", "who": lost.actor, "reason": lost.change, "changes": [now]}


def _message(row: Row, corrected: Mapping[str, Any], sent: Row | None) -> dict[str, Any]:
    scores = row["scores"] or {}
    text, call = row["text"] or "", scores.get("call")
    is_call = row["kind"] == "transcript"
    return {
        "id": row["id"],
        "kind": row["kind"],
        "own": row["direction"] == "outbound",
        "author": row["author"],
        "url": None if row["kind"] == "deleted" else post_url(row["id"], row["author"]),
        "at": stamp(row["occurred_at"]),
        "text": text,
        "trimmed": row["trimmed"],
        "pictures": sent and {"reply": sent["id"], "shown": sent["pictures"]},
        "language": row["language"],
        "abstained": row["abstained"],
        "judged": {
            "sentiment": row["sentiment"],
            "topic": row["topic"],
            "problem": row["problem"],
            "severity": None if row["severity"] is None else str(row["severity"]),
            "complaint": _yes_or_no(scores.get("complaint")),
            "outcome": call and call.get("outcome"),
        },
        "dissatisfaction": rounded(row["dissatisfaction"]),
        "words": scores.get("problem_words") or [],
        "corrected": dict(corrected),
        "turns": _turns(row, text, call or {}) if is_call else None,
    }


def _yes_or_no(probability: float | None) -> str | None:
    if probability is None:
        return None
    return "yes" if probability >= 0.5 else "no"


def _turns(row: Row, text: str, call: Mapping[str, Any]) -> list[dict[str, Any]] | None:
    """Both sides of a call, turn by turn, with the dissatisfaction of the customer's, and the turn
    at which they lost patience.

    trajectory: [turn, mood, dissatisfaction, tension] of each judged turn. Of a call that was
    stored before both sides were, the customer's alone.
    """
    trajectory = {int(turn): round(score) for turn, _, score, *_ in call.get("trajectory") or []}
    stored = row.get("turns")
    if stored is None:
        return _customers_turns(text, trajectory) if call else None
    turns = []
    for place, turn in enumerate(stored):
        marks = {name: turn[name] for name in ("at",) if name in turn}
        if place in trajectory:
            marks["dissatisfaction"] = trajectory[place]
        if place == call.get("soured"):
            marks["soured"] = True
        turns.append({"turn": place + 1, "who": turn["speaker"], "text": turn["text"], **marks})
    return turns


def _customers_turns(text: str, trajectory: Mapping[int, int]) -> list[dict[str, Any]]:
    lines = [line for line in text.split("\n") if line.strip()]
    if len(trajectory) != len(lines):
        # A turn could not be judged: no number is certain to belong to its line.
        return [{"who": "customer", "text": line} for line in lines]
    return [
        {"turn": turn + 1, "who": "customer", "text": line, "dissatisfaction": score}
        for line, (turn, score) in zip(lines, trajectory.items(), strict=True)
    ]


def _course(messages: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Dissatisfaction along the conversation: the customer's messages, and each turn of a call.

    soured: the turn at which the caller lost patience.
    """
    points: list[dict[str, Any]] = []
    for message in messages:
        of_message = {"at": message["at"], "id": message["id"]}
        turns = [turn for turn in message["turns"] or [] if "dissatisfaction" in turn]
        for turn in turns:
            soured = {"soured": True} if turn.get("soured") else {}
            points.append(of_message | {"value": turn["dissatisfaction"]} | soured)
        if not turns and message["dissatisfaction"] is not None:
            points.append(of_message | {"value": message["dissatisfaction"]})
    return points


def canned_for_browser(row: Row, ticket: Row) -> dict[str, Any]:
    """A canned answer for this ticket: its slots are filled."""
    fields = {name: row[name] for name in ("id", "name", "state", "tags")}
    return fields | {"text": fill(row["text"], ticket)}


def _plain(value: Any) -> str:
    if value is None or value == []:
        return "none"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, str) and len(value) >= 19 and value[10:11] == "T":
        return f"{datetime.fromisoformat(value):%d %b %H:%M}"
    return str(value)


def _incident(row: Row) -> dict[str, Any]:
    fields = {name: row[name] for name in ("id", "title", "severity", "tickets", "open")}
    return fields | {
        "words": row["words"] or [],
        "since": stamp(row["started_at"]),
        "over": row["ended_at"] is not None,
    }


_OF_REPLY = (
    *("id", "event_id", "text", "drafted", "state", "network", "reason", "url"),
    *("version", "changed_by", "pictures"),
)


def _reply(row: Row) -> dict[str, Any]:
    network = row["network"]
    return {name: row[name] for name in _OF_REPLY} | {
        "who": row["approved_by"],
        "at": stamp(row["updated_at"]),
        "sent": stamp(row["sent_at"]),
        "model": row["model_version"],
        "limit": limit(network),
        "candidates": [_candidate(candidate, network) for candidate in row["candidates"]],
    }


def _candidate(candidate: Row, network: str) -> dict[str, Any]:
    text = candidate["text"]
    return {
        "text": text,
        "score": candidate["score"],
        "source": candidate["source"],
        "refusals": candidate["refusals"],
        "length": length(text, network),
        "price": price(text, network),
    }
