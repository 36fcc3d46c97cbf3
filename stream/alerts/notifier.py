"""Tells the sinks about alerts: each thing once, patiently, and a storm of them as a digest.

Sent at least once, told once: what a sink has to hear is a row before it is sent, and the row says
what became of it. Only who dies between sending and writing that down leaves a message unknown; it
is then sent again under the same name (the CloudEvent's and webhook's id, PagerDuty's dedup_key,
the e-mail's Message-ID), which these receivers know. Slack and Teams know no names: there such a
message may stand twice. An alert told twice is better than one not told.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from urllib.parse import quote

from connectors.base import NotSent, SentUnknown
from connectors.notices import Notice, Sink
from stream.alerts.deliveries import Deliveries, Due
from stream.alerts.routing import Route
from stream.alerts.store import Alerts
from stream.records import UNNAMED, AlertRecord

log = logging.getLogger(__name__)

MOST_ATTEMPTS = 24  # with the pauses below: about five hours
LEASE = timedelta(minutes=2)  # longer than a sink may take
WINDOW = timedelta(minutes=1)  # of a sink's messages a minute

_FIRST_PAUSE, _LONGEST_PAUSE = 5.0, 900.0  # seconds


@dataclass(frozen=True, slots=True)
class Message:
    """Some deliveries that go out as one message."""

    name: str
    told: tuple[Due, ...]


class Notifier:
    """Any number may run: an advisory lock lets one at a time send."""

    def __init__(
        self,
        deliveries: Deliveries,
        alerts: Alerts,
        sinks: Sequence[tuple[Route, Sink]],
        *,
        base_url: str | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """base_url: where people reach the console, for links. clock: in seconds."""
        self._deliveries = deliveries
        self._alerts = alerts
        self._sinks = sinks
        self._base_url = base_url
        self._clock = clock
        self._rests: dict[str, float] = {}  # sinks that asked for a pause, until when

    async def round(self) -> int:
        """Send what is due; returns how many messages went out."""
        if not self._sinks:
            return 0
        sent = 0
        async with self._deliveries.sole("alert messages") as mine:
            if not mine:
                return 0
            for route, sink in self._sinks:
                await self._deliveries.enqueue(route)
                if self._clock() >= self._rests.get(route.name, 0.0):
                    sent += await self._serve(route, sink)
        return sent

    async def close(self) -> None:
        for _, sink in self._sinks:
            await sink.close()

    async def _serve(self, route: Route, sink: Sink) -> int:
        due = await self._deliveries.due(route.name)
        if not due:
            return 0
        sent = 0
        free = route.per_minute - await self._deliveries.told_lately(route.name, WINDOW)
        for message in plan(route.name, due, free):
            if not await self._send(route, sink, message):
                break
            sent += 1
        return sent

    async def _send(self, route: Route, sink: Sink, message: Message) -> bool:
        """Whether the next message should be tried: a sink that is in trouble is left alone for a
        while.
        """
        notice = await self._notice(message)
        attempt = max(each.attempts for each in message.told) + 1
        await self._deliveries.claim(route.name, message.told, message.name, LEASE)
        try:
            answer = await sink.send(notice)
        except NotSent as error:
            if error.retry_after is None:
                log.error("an alert message was refused for good: %s", error)
                await self._deliveries.settle(route.name, message.told, "failed", str(error))
                return True
            await self._later(route, message, attempt, str(error), error.retry_after)
            return False
        except SentUnknown as error:
            await self._later(route, message, attempt, str(error), 0.0)
            return False
        await self._deliveries.settle(route.name, message.told, "sent", answer)
        return True

    async def _later(
        self, route: Route, message: Message, attempt: int, why: str, wanted: float
    ) -> None:
        if attempt >= MOST_ATTEMPTS:
            log.error("an alert message was given up after %d attempts: %s", attempt, why)
            await self._deliveries.settle(route.name, message.told, "failed", why)
            return
        pause = max(wanted, min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** (attempt - 1)))
        log.warning("an alert message waits %.0f s: %s", pause, why)
        self._rests[route.name] = self._clock() + pause
        await self._deliveries.settle(
            route.name, message.told, "queued", why, timedelta(seconds=pause)
        )

    async def _notice(self, message: Message) -> Notice:
        if len(message.told) == 1 and not message.name.startswith("digest/"):
            return replace(await self._one(message.told[0], quotes=True), id=message.name)
        parts = tuple([await self._one(each, quotes=False) for each in message.told])
        brands = sorted({part.brand or "no brand" for part in parts})
        counted = ", ".join(brands[:5]) + (
            f" and {len(brands) - 5} more" if len(brands) > 5 else ""
        )
        worst = max(part.severity for part in parts)
        return Notice(
            id=message.name,
            alert=message.name,
            kind="digest",
            severity=worst,
            title=f"{len(parts)} more alerts, the gravest of severity {worst}: {counted}",
            at=max(part.at for part in parts),
            link=self._link("/alerts"),
            parts=parts,
        )

    async def _one(self, due: Due, *, quotes: bool) -> Notice:
        alert = due.alert
        said: Sequence[str] = ()
        factors: Sequence[Mapping[str, Any]] = ()
        if alert.ticket_id is not None and quotes:
            standing = await self._deliveries.standing_of(alert.ticket_id)
            said, factors = ((standing[0],), standing[1]) if standing else ((), ())
        elif quotes and due.kind == "raised":
            said = list(
                (
                    await self._alerts.example_texts(list(alert.evidence.get("examples", ())))
                ).values()
            )
        return Notice(
            id=due.name,
            alert=alert.id,
            kind="recovered" if due.kind == "recovered" else "raised",
            severity=alert.severity,
            title=title(alert, recovered=due.kind == "recovered"),
            at=(alert.recovered_at if due.kind == "recovered" else None) or alert.started_at,
            brand=alert.brand,
            topic=alert.topic,
            facts=tuple(facts(alert, factors)),
            quotes=tuple(said),
            link=self._link(
                f"/tickets/{quote(alert.ticket_id, safe='')}" if alert.ticket_id else "/alerts"
            ),
        )

    def _link(self, path: str) -> str | None:
        return self._base_url.rstrip("/") + path if self._base_url else None


def plan(sink: str, due: Sequence[Due], free: int) -> list[Message]:
    """What goes out now: one message each while that is few enough, else the gravest alone and the
    rest as a digest.

    free: how many messages this sink takes now. What an earlier attempt has sent, or tried to, goes
    again as it was.
    """
    again: dict[str, list[Due]] = {}
    for each in due:
        if each.message is not None:
            again.setdefault(each.message, []).append(each)
    messages = [Message(name, tuple(told)) for name, told in again.items()]
    new = [each for each in due if each.message is None]
    free -= len(messages)
    if free <= 0:
        return messages[: max(0, free + len(messages))]
    if len(new) <= free:
        return [*messages, *(Message(each.name, (each,)) for each in new)]
    alone, rest = new[: free - 1], new[free - 1 :]
    return [
        *messages,
        *(Message(each.name, (each,)) for each in alone),
        Message(_digest(sink, rest), tuple(rest)),
    ]


def _digest(sink: str, told: Sequence[Due]) -> str:
    named = "\n".join([sink, *sorted(each.name for each in told)])
    return f"digest/{hashlib.sha256(named.encode()).hexdigest()[:32]}"


def title(alert: AlertRecord, *, recovered: bool = False) -> str:
    """The alert in one line, in our words: nothing of what customers wrote, but the words that many
    of them used.
    """
    brand = alert.brand or "no brand"
    about = f" about {alert.topic}" if alert.topic and alert.topic != UNNAMED else ""
    if alert.kind == "p1":
        return f"{brand}: a P1 ticket{about}"
    if alert.kind == "spend":
        spent, budget = (
            float(alert.evidence.get(name, 0)) for name in ("spent_dollars", "budget_dollars")
        )
        return f"{brand}: ${spent:.2f} of ${budget:.2f} are spent on {alert.evidence.get('network', 'a network')} today"
    if recovered:
        return f"{brand}: the burst of negative messages{about} is over"
    told = alert.evidence
    return f"{brand}: {told.get('negative')} negative messages{about} where {told.get('expected', 0):g} were usual"


def facts(alert: AlertRecord, factors: Sequence[Mapping[str, Any]] = ()) -> list[tuple[str, str]]:
    """What a person wants to know first, by name."""
    told = [("Since", f"{alert.started_at:%Y-%m-%d %H:%M} UTC")]
    if alert.kind == "burst":
        if alert.peak_at:
            told.append(("Peak", f"{alert.peak_at:%H:%M} UTC"))
        if alert.recovered_at and alert.ended_at:
            told.append(("Until", f"{alert.ended_at:%Y-%m-%d %H:%M} UTC"))
        if words := alert.evidence.get("words"):
            told.append(("Words", ", ".join(words)))
        if topics := alert.evidence.get("topics"):
            told.append(
                ("Topics", ", ".join(f"{topic} {count}" for topic, count in topics.items()))
            )
    if alert.ticket_id:
        told.append(("Ticket", alert.ticket_id))
        told.append(("Priority", str(alert.evidence.get("priority", ""))))
        weighty = sorted(factors, key=lambda each: -abs(each["points"]))[:3]
        if weighty:
            told.append(
                ("Why", "; ".join(f"{each['words']} ({each['points']:+.0f})" for each in weighty))
            )
    told.append(("Alert", alert.id))
    return told
