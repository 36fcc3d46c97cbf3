"""Columns that may name or quote a person outside their own messages, by table.

Every other column of text is of colleagues, brands or programs: a test holds the list of those.
"""

from __future__ import annotations

# Of each table: its key, and the columns that may name or quote somebody. `name`: what people call
# a thing of theirs; it is told from others by it, so it is exchanged whole.
TABLES: dict[str, tuple[tuple[str, ...], dict[str, str]]] = {
    "events": (
        ("id", "occurred_at"),
        {"text": "text", "trimmed": "text", "scores": "jsonb", "turns": "jsonb"},
    ),
    "replies": (
        ("id",),
        {
            "text": "text",
            "drafted": "text",
            "candidates": "jsonb",
            "reason": "text",
            "pictures": "jsonb",
        },
    ),
    "tickets": (("id",), {"notes": "jsonb", "tags": "text[]", "by_hand": "jsonb"}),
    "ticket_changes": (
        ("ticket_id", "version", "changed_at"),
        {"changes": "jsonb", "reason": "text"},
    ),
    "alerts": (("id",), {"evidence": "jsonb"}),
    "incidents": (("id",), {"title": "text", "evidence": "jsonb"}),
    "audit": (("id",), {"details": "jsonb", "subject": "text"}),
    "canned_replies": (("id",), {"name": "name", "text": "text", "tags": "text[]"}),
    "saved_views": (("id",), {"name": "name", "query": "jsonb"}),
    "saved_queries": (("id",), {"name": "name", "statement": "text"}),
    "alert_deliveries": (("sink", "alert_id", "kind"), {"answer": "text"}),
    "daily_summaries": (("sink", "day"), {"answer": "text"}),
}
