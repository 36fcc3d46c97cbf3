"""Alerts page: alerts and incidents of one browser, and the acts of people on them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from nicegui import background_tasks
from nicegui.events import GenericEventArguments

from stream.alerts.burst_words import duration
from stream.alerts.drift_words import advice
from stream.desk.alert_book import Example, Listed, NoAlert
from stream.errors import UserError
from stream.incidents.answers import IncidentAnswers, answer
from stream.monitor.records import MonitorQuery
from stream.records import AlertRecord
from stream.web.console.alert_choice import TABS, choice_of, filter_of, sort_of
from stream.web.console.monitor_page import headline
from stream.web.console.shell import Visit, add_page, say
from stream.web.console.updates import View, hear, keep_telling
from stream.web.desk_services import DeskServices

EVERY = 10.0  # seconds; changes are told as they come
MAX_ALERTS = 50
LONGEST_SNOOZE = timedelta(days=7)
LONGEST_WORDS = 2_000  # characters; the networks' own limits are lower, and say so
_NO_MODEL = "No model that drafts is at hand here; `earshot incident answer` does it from a shell."
_TABLES = frozenset({"alerts", "incidents", "tickets"})


class AlertsView(View, component="desk_alerts.js"):
    """The lists in the browser."""


class AlertsPage:
    """One browser's alerts."""

    def __init__(self, visit: Visit) -> None:
        self._visit = visit
        self._again = asyncio.Event()
        self._members: dict[str, list[dict[str, Any]]] = {}
        self._answered: dict[str, Any] = {}
        self._busy: list[str] = []
        self._choice = choice_of(visit.request.query_params)
        self.view = AlertsView(
            asked=self._choice,
            agent=visit.caller.may("agent"),
            size=MAX_ALERTS,
            members={},
            answered={},
            busy=[],
            brands=[],
        )
        for name, act in (
            ("choose", self._choose),
            ("acknowledge", self._acknowledge),
            ("acknowledge_all", self._acknowledge_all),
            ("snooze", self._snooze),
            ("members", self._show_members),
            ("answer", self._answer),
        ):
            self.view.on(name, act)

    def start(self) -> None:
        hear(self._visit, _TABLES, self._again)
        keep_telling(self._visit, self.view, self._show, self._again, EVERY)

    async def _show(self) -> None:
        services, brands, choice = self._visit.services, self._visit.caller.brands, self._choice
        brand = choice["brand"] or None
        criteria = filter_of(choice)
        counts = await services.alert_book.counts(brands, criteria=criteria)
        alerts = await services.alert_book.find(
            criteria,
            brands,
            sort=sort_of(choice["sort"]),
            limit=MAX_ALERTS,
            offset=MAX_ALERTS * (int(choice["page"]) - 1),
        )
        incidents = await services.incidents.list_incidents(brand=brand, brands=brands, limit=20)
        self.view.tell(
            counts={
                show: sum(counts[status] for status in statuses) for show, statuses in TABS.items()
            },
            alerts=[alert_for_browser(status) for status in alerts],
            incidents=[_incident(row) for row in incidents],
            brands=await services.monitor.brands(MonitorQuery(brands=brands)),
        )
        await asyncio.sleep(0.3)  # many changes at once are one look

    def _choose(self, event: GenericEventArguments) -> None:
        self._choice = choice_of(_payload(event))
        self.view.tell(asked=self._choice)
        self._again.set()

    async def _acknowledge(self, event: GenericEventArguments) -> None:
        caller = await self._visit.still("agent")
        if caller is None:
            return
        try:
            alert = await self._visit.services.alert_book.acknowledge(
                str(event.args), caller.name, caller.brands
            )
            say(f"Seen by {alert.acknowledged_by}.")
        except NoAlert as gone:
            say(str(gone), bad=True)
        self._again.set()

    async def _acknowledge_all(self, event: GenericEventArguments) -> None:
        """Those that match what the browser showed when the button was pressed."""
        caller = await self._visit.still("agent")
        if caller is None:
            return
        done = await self._visit.services.alert_book.acknowledge_matching(
            filter_of(choice_of(_payload(event))), caller.name, caller.brands
        )
        say(f"{done} {'alert' if done == 1 else 'alerts'} seen by {caller.name}.")
        self._again.set()

    async def _snooze(self, event: GenericEventArguments) -> None:
        caller = await self._visit.still("agent")
        if caller is None:
            return
        payload = _payload(event)
        length = _snooze_of(payload.get("hours"))
        until = datetime.now(UTC) + length if length else None
        try:
            await self._visit.services.alert_book.snooze(
                str(payload.get("id")), caller.name, until, caller.brands
            )
            if until is None:
                say("People are told again.")
            else:
                say(f"Nobody is told about it until {until:%d %b %H:%M} UTC.")
        except NoAlert as gone:
            say(str(gone), bad=True)
        self._again.set()

    async def _show_members(self, event: GenericEventArguments) -> None:
        id = str(event.args)
        incident = await self._incident(id)
        if incident is None:
            return
        rows = [row for row in incident["members"] if row["state"] == "joined"]
        self._members = {**self._members, id: [_member(row) for row in rows[:100]]}
        self.view.tell(members=self._members)

    async def _answer(self, event: GenericEventArguments) -> None:
        """Draft for each of its tickets. It takes a while: the page goes on meanwhile."""
        payload = _payload(event)
        id, common = str(payload.get("id")), _common_words(payload.get("words"))
        caller = await self._visit.still("agent")
        write = self._visit.services.write
        if caller is None or id in self._busy:
            return
        if write is None:
            say(_NO_MODEL, bad=True)
            return
        incident = await self._incident(id)
        if incident is None:
            return
        tickets = [
            row["ticket_id"]
            for row in incident["members"]
            if row["state"] == "joined" and row["excerpt"]
        ]

        async def draft() -> None:
            try:
                done = await answer(
                    tickets, self._visit.services.replies, write, caller.name, say=common
                )
                self._answered = {**self._answered, id: _answered(done)}
            except UserError as error:
                refused = {"words": f"Nothing is drafted: {error}", "links": [], "bad": True}
                self._answered = {**self._answered, id: refused}
            finally:
                self._busy = [busy for busy in self._busy if busy != id]
                self.view.tell(busy=self._busy, answered=self._answered)

        self._busy = [*self._busy, id]
        self.view.tell(busy=self._busy)
        background_tasks.create(draft())

    async def _incident(self, id: str) -> dict[str, Any] | None:
        try:
            incident = await self._visit.services.incidents.show_incident(id)
        except UserError:
            incident = None
        if incident is None or not self._visit.caller.sees(incident["brand"]):
            say("This incident is gone.", bad=True)
            return None
        return incident


def alert_for_browser(listed: Listed) -> dict[str, Any]:
    """An alert for the browser: moments in seconds since 1970."""
    alert, evidence = listed.alert, listed.alert.evidence
    return {
        "id": alert.id,
        "kind": alert.kind,
        "severity": alert.severity,
        "title": headline(listed),
        "brand": alert.brand,
        "topic": alert.topic,
        "standing": listed.status,
        "started": alert.started_at.timestamp(),
        "ended": _moment(alert.recovered_at or alert.ended_at),
        "duration": duration(alert) if alert.kind == "burst" else None,
        "recovered": _moment(alert.recovered_at),
        "seen_by": alert.acknowledged_by,
        "snoozed_by": listed.snoozed_by,
        "until": _moment(alert.snoozed_until),
        "negative": evidence.get("negative", 0),
        "expected": evidence.get("expected", 0),
        "words": list(evidence.get("words", []))[:8],
        "detail": _detail(alert),
        "examples": [_example(example) for example in listed.examples],
        "ticket": _ticket(listed),
    }


def _ticket(listed: Listed) -> dict[str, Any] | None:
    if not listed.alert.ticket_id:
        return None
    return {
        "href": _link(listed.alert.ticket_id),
        "level": listed.ticket_level,
        "excerpt": listed.excerpt,
        "owner": listed.ticket_owner,
        "state": listed.ticket_state or "withdrawn",
    }


def _example(example: Example) -> dict[str, Any]:
    return {
        "id": example.id,
        "href": _link(example.ticket_id),
        "author": example.author,
        "text": example.text[:400],
    }


def _snooze_of(hours: Any) -> timedelta:
    if not isinstance(hours, int | float):
        return timedelta()
    return min(timedelta(hours=min(max(hours, 0), 1_000)), LONGEST_SNOOZE)


def _detail(alert: AlertRecord) -> str:
    evidence = alert.evidence
    if alert.kind == "spend":
        return _spent(evidence)
    if alert.kind == "backlog":
        first, last = str(evidence.get("first", "")), str(evidence.get("last", ""))
        return f"written {first[:10]} to {last[:10]}; each is in the queue"
    if alert.kind == "drift":
        return f"read some, correct them, then: {advice(evidence)}"
    if alert.kind == "surge":
        return "each further P1 ticket is in the queue and alerts with this one"
    words = []
    more = int(evidence.get("tickets", 1)) - 1
    if more > 0:
        words.append(f"and {more} more P1 ticket{'s' if more > 1 else ''} of the same person")
    if over := evidence.get("over"):
        words.append(f"taken back: {over}")
    return "; ".join(words)


def _spent(evidence: Mapping[str, Any]) -> str:
    spent, budget = evidence.get("spent_dollars", 0), evidence.get("budget_dollars", 0)
    return f"${spent:,.2f} of a day's ${budget:,.2f} are spent; {evidence.get('then', '')}"


def _incident(row: Mapping[str, Any]) -> dict[str, Any]:
    copied = {
        name: row[name] for name in ("id", "brand", "title", "severity", "tickets", "open", "p1")
    }
    return copied | {
        "started": row["started_at"].timestamp(),
        "last": row["last_at"].timestamp(),
        "ended": _moment(row["ended_at"]),
    }


def _member(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": row["ticket_id"],
        "href": _link(row["ticket_id"]),
        "level": row["level"],
        "state": row["ticket_state"],
        "excerpt": row["excerpt"],
    }


def _answered(done: IncidentAnswers) -> dict[str, Any]:
    return {
        "words": f"{done.summary()}. Each waits for its own approval."
        if done.drafted
        else f"{done.summary()}.",
        "links": [{"id": id, "href": _link(id)} for id in (*done.drafted, *done.alike)],
        "bad": False,
    }


def _common_words(words: Any) -> str | None:
    """A person's sentence for everybody; None where the field is empty."""
    return (words.strip()[:LONGEST_WORDS] or None) if isinstance(words, str) else None


def _payload(event: GenericEventArguments) -> dict[str, Any]:
    return event.args if isinstance(event.args, dict) else {}


def _link(ticket_id: str) -> str:
    return f"/tickets/{quote(ticket_id, safe='')}"


def _moment(at: datetime | None) -> float | None:
    return None if at is None else at.timestamp()


def add_alerts(services: DeskServices) -> None:
    """The page `/alerts`."""

    async def build(visit: Visit) -> None:
        AlertsPage(visit).start()

    add_page(services, "/alerts", "Alerts", build)
