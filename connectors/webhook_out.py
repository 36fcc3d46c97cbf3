"""Webhooks out: each alert as a CloudEvent 1.0, signed with a secret that both sides know.

The signature is that of Standard Webhooks 1.0: `webhook-signature: v1,` and the base64 of
HMAC-SHA256 over `id.timestamp.body`, so a receiver can refuse a forged, changed or old message.
`webhook-id` is the same when a message is sent again: a receiver that remembers
it takes each once.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from typing import Any

from connectors.notices import Notice, Sink, SinkError, only_known, text_option
from connectors.posting import Poster

SHORTEST_SECRET = 16  # bytes


def open_sink(name: str, options: Mapping[str, Any], *, allow_private: bool) -> Sink:
    """options: url; secret, 16 bytes or more. Raises SinkError."""
    only_known(options, {"url", "secret"}, name)
    secret = text_option(options, "secret", name).encode()
    if len(secret) < SHORTEST_SECRET:
        raise SinkError(f"the sink {name}: its secret must have {SHORTEST_SECRET} bytes or more")
    return Webhook(
        name, Poster(text_option(options, "url", name), name, allow_private=allow_private), secret
    )


class Webhook:
    def __init__(self, name: str, poster: Poster, secret: bytes) -> None:
        self.name = name
        self._poster = poster
        self._secret = secret

    async def send(self, notice: Notice) -> str:
        body = json.dumps(cloud_event(notice), ensure_ascii=False).encode("utf-8", "replace")
        sent = str(int(time.time()))
        id = message_id(notice)
        status, answer = await self._poster.post(
            body,
            {
                "Content-Type": "application/cloudevents+json; charset=utf-8",
                "webhook-id": id,
                "webhook-timestamp": sent,
                "webhook-signature": signature(self._secret, id, sent, body),
            },
        )
        return f"{status} {answer}".strip()

    async def close(self) -> None:
        await self._poster.close()


def message_id(notice: Notice) -> str:
    """The message's name for a header, whatever is in an alert's id (a brand may have any name)."""
    return "msg_" + hashlib.sha256(notice.id.encode()).hexdigest()[:32]


def signature(secret: bytes, id: str, timestamp: str, body: bytes) -> str:
    signed = hmac.new(secret, f"{id}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(signed).decode()}"


def cloud_event(notice: Notice) -> dict[str, Any]:
    """The CloudEvent, structured mode.
    https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md
    """
    data = _data(notice)
    if notice.parts:
        data["alerts"] = [_data(part) for part in notice.parts]
    return {
        "specversion": "1.0",
        "id": notice.id,
        "source": "/earshot/alerts",
        "type": f"earshot.alert.{notice.kind}",
        "subject": notice.alert,
        "time": notice.at.isoformat(),
        "datacontenttype": "application/json",
        "data": data,
    }


def _data(notice: Notice) -> dict[str, Any]:
    return {
        "alert": notice.alert,
        "kind": notice.kind,
        "severity": notice.severity,
        "title": notice.title,
        "at": notice.at.isoformat(),
        "brand": notice.brand,
        "topic": notice.topic,
        "facts": dict(notice.facts),
        "quotes": list(notice.quotes),
        "link": notice.link,
    }
