"""The alerts page: alerts and incidents as one browser is shown them, and what people do about
them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from nicegui import background_tasks
from nicegui.events import GenericEventArguments

from stream.desk.alert_book import Listed, NoAlert, Standing
from stream.errors import UserError
from stream.incidents.answers import IncidentAnswers, answer
from stream.monitor.records import Asked
from stream.web.console.monitor_page import headline
from stream.web.console.shell import Visit, add_page, say
from stream.web.console.updates import View, hear, keep_telling
from stream.web.parts import DeskParts

EVERY = 10.0  # seconds; changes are told as they come
SHOWN = 50
LONGEST_SNOOZE = timedelta(days=7)
_TABLES = frozenset({"alerts", "incidents", "tickets"})
_STANDINGS: Mapping[str, tuple[Standing, ...]] = {
    "open": ("open",),
    "seen": ("acknowledged", "snoozed"),
    "over": ("over",),
}


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
        self._asked = _asked(visit.request.query_params)
        self.view = AlertsView(
            asked=self._asked,
            agent=visit.caller.may("agent"),
            members={},
            answered={},
            busy=[],
            brands=[],
        )
        for name, act in (
            ("choose", self._choose),
            ("acknowledge", self._acknowledge),
            ("snooze", self._snooze),
            ("members", self._show_members),
            ("answer", self._answer),
        ):
            self.view.on(name, act)

    def start(self) -> None:
        hear(self._visit, _TABLES, self._again)
        keep_telling(self._visit, self.view, self._show, self._again, EVERY)

    async def _show(self) -> None:
        parts, brands, asked = self._visit.parts, self._visit.caller.brands, self._asked
        brand = asked["brand"] or None
        counts = await parts.alert_book.counts(brands, brand=brand)
        found = await parts.alert_book.list(
            brands, brand=brand, standings=_STANDINGS[asked["show"]], limit=SHOWN
        )
        incidents = await parts.incidents.list_incidents(brand=brand, brands=brands, limit=20)
        self.view.tell(
            counts={
                show: sum(counts[each] for each in standings)
                for show, standings in _STANDINGS.items()
            },
            alerts=[told(each) for each in found],
            incidents=[_incident(row) for row in incidents],
            brands=await parts.monitor.brands(Asked(brands=brands)),
        )
        await asyncio.sleep(0.3)  # many changes at once are one look

    def _choose(self, event: GenericEventArguments) -> None:
        self._asked = _asked(_given(event))
        self.view.tell(asked=self._asked)
        self._again.set()

    async def _acknowledge(self, event: GenericEventArguments) -> None:
        if (caller := await self._visit.still("agent")) is None:
            return
        try:
            alert = await self._visit.parts.alert_book.acknowledge(
                str(event.args), caller.name, caller.brands
            )
            say(f"Seen by {alert.acknowledged_by}.")
        except NoAlert as gone:
            say(str(gone), bad=True)
        self._again.set()

    async def _snooze(self, event: GenericEventArguments) -> None:
        if (caller := await self._visit.still("agent")) is None:
            return
        given = _given(event)
        hours = given.get("hours")
        length = (
            timedelta(hours=min(max(hours, 0), 1_000))
            if isinstance(hours, int | float)
            else timedelta()
        )
        until = datetime.now(UTC) + min(length, LONGEST_SNOOZE) if length else None
        try:
            await self._visit.parts.alert_book.snooze(
                str(given.get("id")), caller.name, until, caller.brands
            )
            say(
                f"Nobody is told about it until {until:%d %b %H:%M} UTC."
                if until
                else "People are told again."
            )
        except NoAlert as gone:
            say(str(gone), bad=True)
        self._again.set()

    async def _show_members(self, event: GenericEventArguments) -> None:
        id = str(event.args)
        if (incident := await self._incident(id)) is not None:
            rows = [row for row in incident["members"] if row["state"] == "joined"]
            self._members = {**self._members, id: [_member(row) for row in rows[:100]]}
            self.view.tell(members=self._members)

    async def _answer(self, event: GenericEventArguments) -> None:
        """Draft for each of its tickets. It takes a while: the page goes on meanwhile."""
        id = str(event.args)
        caller = await self._visit.still("agent")
        write = self._visit.parts.write
        if caller is None or id in self._busy:
            return
        if write is None:
            say(
                "No model that drafts is at hand here; `earshot incident answer` does it from a shell.",
                bad=True,
            )
            return
        if (incident := await self._incident(id)) is None:
            return
        tickets = [
            row["ticket_id"]
            for row in incident["members"]
            if row["state"] == "joined" and row["excerpt"]
        ]

        async def draft() -> None:
            try:
                done = await answer(tickets, self._visit.parts.replies, write)
                self._answered = {**self._answered, id: _answered(done)}
            finally:
                self._busy = [each for each in self._busy if each != id]
                self.view.tell(busy=self._busy, answered=self._answered)

        self._busy = [*self._busy, id]
        self.view.tell(busy=self._busy)
        background_tasks.create(draft())

    async def _incident(self, id: str) -> dict[str, Any] | None:
        try:
            found = await self._visit.parts.incidents.show_incident(id)
        except UserError:
            found = None
        if found is None or not self._visit.caller.sees(found["brand"]):
            say("This incident is gone.", bad=True)
            return None
        return found


def told(listed: Listed) -> dict[str, Any]:
    """An alert for the browser: moments in seconds since 1970."""
    alert, evidence = listed.alert, listed.alert.evidence
    ticket = None
    if alert.ticket_id:
        ticket = {
            "href": _link(alert.ticket_id),
            "level": listed.ticket_level,
            "excerpt": listed.excerpt,
            "owner": listed.ticket_owner,
            "state": listed.ticket_state or "withdrawn",
        }
    return {
        "id": alert.id,
        "kind": alert.kind,
        "severity": alert.severity,
        "title": headline(listed),
        "brand": alert.brand,
        "topic": alert.topic,
        "standing": listed.standing,
        "started": alert.started_at.timestamp(),
        "ended": _moment(alert.recovered_at or alert.ended_at),
        "recovered": _moment(alert.recovered_at),
        "seen_by": alert.acknowledged_by,
        "snoozed_by": listed.snoozed_by,
        "until": _moment(alert.snoozed_until),
        "negative": evidence.get("negative", 0),
        "expected": evidence.get("expected", 0),
        "words": list(evidence.get("words", []))[:8],
        "detail": _spent(evidence) if alert.kind == "spend" else "",
        "examples": [
            {
                "id": each.id,
                "href": _link(each.conversation),
                "author": each.author,
                "text": each.text[:400],
            }
            for each in listed.examples
        ],
        "ticket": ticket,
    }


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
    words = [f"{len(done.drafted)} drafts wait for approval."]
    if done.waiting:
        words.append(f"{len(done.waiting)} tickets have a draft or an answer already.")
    if done.alike:
        words.append(
            f"For {len(done.alike)} no wording of their own was found: write to them yourself."
        )
    return {
        "words": " ".join(words),
        "links": [{"id": id, "href": _link(id)} for id in (*done.drafted, *done.alike)],
    }


def _asked(given: Mapping[str, Any]) -> dict[str, str]:
    show, brand = given.get("show"), given.get("brand")
    return {
        "show": show if isinstance(show, str) and show in _STANDINGS else "open",
        "brand": brand[:200] if isinstance(brand, str) else "",
    }


def _given(event: GenericEventArguments) -> dict[str, Any]:
    return event.args if isinstance(event.args, dict) else {}


def _link(ticket_id: str) -> str:
    return f"/tickets/{quote(ticket_id, safe='')}"


def _moment(at: datetime | None) -> float | None:
    return None if at is None else at.timestamp()


def add_alerts(parts: DeskParts) -> None:
    """The page `/alerts`."""

    async def build(visit: Visit) -> None:
        AlertsPage(visit).start()

    add_page(parts, "/alerts", "Alerts", build)
