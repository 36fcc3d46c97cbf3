"""Notifier: sends alerts to the sinks, each once, with patience, and a storm of them as a digest.

A delivery is sent at least once, under a name of its own. It is a row before it is sent, and the
row has the outcome of each attempt. Only a process that dies between sending and writing that down
leaves a message unknown; it is then sent again under the same name (the CloudEvent's and webhook's
id, PagerDuty's dedup_key, the e-mail's Message-ID), which these receivers know. Slack and Teams
know no names: there such a message may stand twice. An alert that comes twice is better than a lost
one.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from urllib.parse import quote

from connectors.base import NotSent, SentUnknown
from connectors.notices import Notice, Sink
from stream.alerts import drift_words
from stream.alerts.burst_words import duration, over, sentence
from stream.alerts.deliveries import Deliveries, Due
from stream.alerts.routing import Route
from stream.alerts.store import Alerts
from stream.records import UNNAMED, AlertRecord

log = logging.getLogger(__name__)

MAX_ATTEMPTS = 24  # with the pauses below: about five hours
LEASE = timedelta(minutes=2)  # longer than a sink may take
WINDOW = timedelta(minutes=1)  # of a sink's messages a minute

_FIRST_PAUSE, _LONGEST_PAUSE = 5.0, 900.0  # seconds


@dataclass(frozen=True, slots=True)
class AlertMessage:
    """Some deliveries that go out as one message."""

    name: str
    due: tuple[Due, ...]


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
        self._next: Sequence[tuple[Route, Sink]] | None = None
        self._base_url = base_url
        self._clock = clock
        self._rests: dict[str, float] = {}  # sinks that asked for a pause, until when

    @property
    def sinks(self) -> Sequence[tuple[Route, Sink]]:
        """Those of now, open until `become` names others."""
        return self._sinks

    async def round(self) -> int:
        """Send what is due; returns how many messages went out."""
        await self._take_next()
        if not self._sinks:
            return 0
        sent = 0
        async with self._deliveries.sole("alert messages") as alone:
            if not alone:
                return 0
            for route, sink in self._sinks:
                await self._deliveries.enqueue(route)
                if self._clock() >= self._rests.get(route.name, 0.0):
                    sent += await self._serve(route, sink)
        return sent

    def become(self, sinks: Sequence[tuple[Route, Sink]]) -> None:
        """Send to these from the next round on; those of now are closed then."""
        self._next = sinks

    async def close(self) -> None:
        await self._take_next()
        for _, sink in self._sinks:
            await sink.close()

    async def _take_next(self) -> None:
        if self._next is None:
            return
        left, self._sinks, self._next = self._sinks, self._next, None
        self._rests.clear()
        for _, sink in left:
            await sink.close()

    async def _serve(self, route: Route, sink: Sink) -> int:
        due = await self._deliveries.due(route.name)
        if not due:
            return 0
        sent = 0
        free = route.per_minute - await self._deliveries.sent_lately(route.name, WINDOW)
        for message in plan(route.name, due, free):
            if not await self._send(route, sink, message):
                break
            sent += 1
        return sent

    async def _send(self, route: Route, sink: Sink, message: AlertMessage) -> bool:
        """Whether the next message should be tried: a sink in trouble is left alone for a while."""
        notice = await self._notice(message)
        attempt = max(delivery.attempts for delivery in message.due) + 1
        await self._deliveries.claim(route.name, message.due, message.name, LEASE)
        try:
            answer = await sink.send(notice)
        except NotSent as error:
            if error.retry_after is None:
                log.error("an alert message was refused for good: %s", error)
                await self._deliveries.settle(route.name, message.due, "failed", str(error))
                return True
            await self._later(route, message, attempt, str(error), error.retry_after)
            return False
        except SentUnknown as error:
            await self._later(route, message, attempt, str(error), 0.0)
            return False
        await self._deliveries.settle(route.name, message.due, "sent", answer)
        return True

    async def _later(
        self, route: Route, message: AlertMessage, attempt: int, reason: str, retry_after: float
    ) -> None:
        if attempt >= MAX_ATTEMPTS:
            log.error("an alert message was given up after %d attempts: %s", attempt, reason)
            await self._deliveries.settle(route.name, message.due, "failed", reason)
            return
        pause = max(retry_after, min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** (attempt - 1)))
        log.warning("an alert message waits %.0f s: %s", pause, reason)
        self._rests[route.name] = self._clock() + pause
        again_in = timedelta(seconds=pause)
        await self._deliveries.settle(route.name, message.due, "queued", reason, again_in)

    async def _notice(self, message: AlertMessage) -> Notice:
        if len(message.due) == 1 and not message.name.startswith("digest/"):
            notice = await self._notice_of(message.due[0], quotes=True)
            return replace(notice, id=message.name)
        parts = [await self._notice_of(delivery, quotes=False) for delivery in message.due]
        brands = sorted({part.brand or "no brand" for part in parts})
        more = f" and {len(brands) - 5} more" if len(brands) > 5 else ""
        worst = max(part.severity for part in parts)
        return Notice(
            id=message.name,
            alert=message.name,
            kind="digest",
            severity=worst,
            title=f"{len(parts)} more alerts, the gravest of severity {worst}:"
            f" {', '.join(brands[:5])}{more}",
            at=max(part.at for part in parts),
            link=self._link("/alerts"),
            parts=tuple(parts),
        )

    async def _notice_of(self, due: Due, *, quotes: bool) -> Notice:
        """quotes: with the words of customers."""
        alert = due.alert
        recovered = due.kind == "recovered"
        texts: Sequence[str] = ()
        factors: Sequence[Mapping[str, Any]] = ()
        if quotes:
            texts, factors = await self._evidence(due)
        path = f"/tickets/{quote(alert.ticket_id, safe='')}" if alert.ticket_id else "/alerts"
        return Notice(
            id=due.name,
            alert=alert.id,
            kind="recovered" if recovered else "raised",
            severity=alert.severity,
            title=title(alert, recovered=recovered),
            at=(alert.recovered_at if recovered else None) or alert.started_at,
            brand=alert.brand,
            topic=alert.topic,
            facts=tuple(facts(alert, factors)),
            quotes=tuple(texts),
            link=self._link(path),
        )

    async def _evidence(self, due: Due) -> tuple[Sequence[str], Sequence[Mapping[str, Any]]]:
        """Texts of customers about the alert, and the factors of its ticket, as they are now."""
        alert = due.alert
        if alert.ticket_id is not None:
            ticket = await self._deliveries.ticket_now(alert.ticket_id)
            return ((ticket[0],), ticket[1]) if ticket else ((), ())
        if due.kind == "raised":
            texts = await self._alerts.example_texts(list(alert.evidence.get("examples", ())))
            return list(texts.values()), ()
        return (), ()

    def _link(self, path: str) -> str | None:
        return self._base_url.rstrip("/") + path if self._base_url else None


def plan(sink: str, due: Sequence[Due], free: int) -> list[AlertMessage]:
    """The messages of now: one for each alert, or the gravest alone and the rest as a digest.

    free: how many messages this sink takes now. Deliveries that an earlier attempt has sent, or
    tried to, go again as they were.
    """
    earlier: dict[str, list[Due]] = {}
    new: list[Due] = []
    for delivery in due:
        if delivery.message is None:
            new.append(delivery)
        else:
            earlier.setdefault(delivery.message, []).append(delivery)
    messages = [AlertMessage(name, tuple(deliveries)) for name, deliveries in earlier.items()]
    room = free - len(messages)
    if room <= 0:
        return messages[: max(0, free)]
    alone, rest = (new, []) if len(new) <= room else (new[: room - 1], new[room - 1 :])
    messages += [AlertMessage(delivery.name, (delivery,)) for delivery in alone]
    if rest:
        messages.append(AlertMessage(_digest(sink, rest), tuple(rest)))
    return messages


def _digest(sink: str, due: Sequence[Due]) -> str:
    names = "\n".join([sink, *sorted(delivery.name for delivery in due)])
    return f"digest/{hashlib.sha256(names.encode()).hexdigest()[:32]}"


def title(alert: AlertRecord, *, recovered: bool = False) -> str:
    """The alert in one line, in our words.

    Of the customers' words it holds only those that many of them used.
    """
    brand = alert.brand or "no brand"
    evidence = alert.evidence
    about = f" about {alert.topic}" if alert.topic and alert.topic != UNNAMED else ""
    if alert.kind == "p1":
        return _title_of_p1(alert, f"{brand}: ", about)
    if alert.kind == "surge":
        return _title_of_surge(alert, brand, recovered=recovered)
    if alert.kind == "backlog":
        many = _tickets(evidence)
        return f"{brand}: {many} among messages that were older than a day when they came"
    if alert.kind == "spend":
        spent = float(evidence.get("spent_dollars", 0))
        budget = float(evidence.get("budget_dollars", 0))
        network = evidence.get("network", "a network")
        return f"{brand}: ${spent:.2f} of ${budget:.2f} are spent on {network} today"
    if alert.kind == "drift":
        return f"{brand}: {drift_words.in_words(evidence)}" + (" (over)" if recovered else "")
    return f"{brand}: {over(alert) if recovered else sentence(alert)}"


def _title_of_p1(alert: AlertRecord, brand: str, about: str) -> str:
    evidence = alert.evidence
    over = evidence.get("over") if alert.recovered_at else None
    more = int(evidence.get("tickets", 1)) - 1
    also = f" and {more} more of the same person" if more > 0 else ""
    return f"{brand}a P1 ticket{about}{also}" + (f" is taken back: {over}" if over else "")


def _title_of_surge(alert: AlertRecord, brand: str, *, recovered: bool) -> str:
    many = _tickets(alert.evidence, int(alert.evidence.get("before", 0)))
    if recovered:
        return f"{brand}: the surge of P1 tickets is over after {many}"
    usual = f"{alert.evidence.get('usual', 0):g}"
    return f"{brand}: {many} within the hour where {usual} are usual"


def _tickets(evidence: Mapping[str, Any], before: int = 0) -> str:
    count, fallen = int(evidence.get("tickets", 1)) + before, int(evidence.get("fallen", 0))
    words = f"{count} P1 ticket{'' if count == 1 else 's'}"
    return f"{words} ({fallen} no longer)" if fallen else words


def facts(alert: AlertRecord, factors: Sequence[Mapping[str, Any]] = ()) -> list[tuple[str, str]]:
    """The first facts for a person, by name."""
    rows = [("Since", f"{alert.started_at:%Y-%m-%d %H:%M} UTC")]
    if alert.kind == "burst":
        rows += _burst_facts(alert)
    if alert.kind == "backlog":
        first, last = alert.evidence.get("first", ""), alert.evidence.get("last", "")
        rows.append(("Written", f"{first[:16]} to {last[:16]} UTC".replace("T", " ")))
    if alert.kind == "drift":
        rows += drift_words.facts(alert.evidence)
    if over := alert.evidence.get("over"):
        rows.append(("Taken back", over))
    if alert.ticket_id:
        rows.append(("Ticket", alert.ticket_id))
        rows.append(("Priority", str(alert.evidence.get("priority", ""))))
        weighty = sorted(factors, key=lambda factor: -abs(factor["points"]))[:3]
        reasons = [f"{factor['words']} ({factor['points']:+.0f})" for factor in weighty]
        if reasons:
            rows.append(("Why", "; ".join(reasons)))
    rows.append(("Alert", alert.id))
    return rows


def _burst_facts(alert: AlertRecord) -> Iterator[tuple[str, str]]:
    if alert.peak_at:
        yield "Peak", f"{alert.peak_at:%H:%M} UTC"
    yield "Duration", duration(alert)
    if alert.recovered_at and alert.ended_at:
        yield "Until", f"{alert.ended_at:%Y-%m-%d %H:%M} UTC"
    if words := alert.evidence.get("words"):
        yield "Words", ", ".join(words)
    if topics := alert.evidence.get("topics"):
        yield "Topics", ", ".join(f"{topic} {count}" for topic, count in topics.items())
