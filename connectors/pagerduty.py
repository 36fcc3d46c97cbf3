"""PagerDuty (Events API v2): an alert opens an incident, its end resolves it by the same id."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from connectors.notices import Notice, Sink, one_line, only_known, text_option
from connectors.posting import MessageSink, Poster

URL = "https://events.pagerduty.com/v2/enqueue"

_PART_LIMIT = 50  # an event holds 512 KB


def open_sink(name: str, options: Mapping[str, Any], *, allow_private: bool) -> Sink:
    """options: routing_key, the integration's, a secret; url, for another service than the usual.
    Raises SinkError. A message that is sent twice changes nothing there: both have the same key.
    """
    only_known(options, {"routing_key", "url"}, name)
    poster = Poster(text_option(options, "url", name, URL), name, allow_private=allow_private)
    key = text_option(options, "routing_key", name)
    return MessageSink(name, poster, lambda notice: event(notice, key), is_success)


def is_success(answer: str) -> bool:
    """The Events API answers with JSON whose `status` is `success`."""
    try:
        document = json.loads(answer)
    except ValueError:
        return False
    return isinstance(document, dict) and document.get("status") == "success"


def event(notice: Notice, routing_key: str) -> dict[str, Any]:
    key = notice.alert
    if len(key) > 255:
        key = hashlib.sha256(key.encode()).hexdigest()
    details: dict[str, Any] = dict(notice.facts)
    if notice.quotes:
        details["quotes"] = list(notice.quotes)
    if notice.parts:
        details["alerts"] = [part.headline for part in notice.parts[:_PART_LIMIT]]
    payload: dict[str, Any] = {
        "routing_key": routing_key,
        "event_action": "resolve" if notice.kind == "recovered" else "trigger",
        "dedup_key": key,
        "client": "earshot",
        "payload": {
            "summary": one_line(notice.headline, 1024),
            "source": notice.brand or "earshot",
            "severity": _severity(notice.severity),
            "timestamp": notice.at.isoformat(),
            "component": notice.topic,
            "custom_details": details,
        },
    }
    if notice.link:
        payload |= {
            "client_url": notice.link,
            "links": [{"href": notice.link, "text": "Open in earshot"}],
        }
    return payload


def _severity(severity: int) -> str:
    if severity >= 8:
        return "critical"
    return "error" if severity >= 5 else "warning"
