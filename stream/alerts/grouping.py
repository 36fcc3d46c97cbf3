"""Grouping of P1 alerts: one for a person's repeats, a brand's surge, and old messages."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

Kind = Literal["p1", "surge", "backlog"]

TOGETHER = timedelta(hours=1)  # within which P1 tickets of one conversation or author are one alert
OLD = timedelta(days=1)  # a message that was older when it arrived is history
LOOKBACK = timedelta(days=28)  # a brand's own past
FEWEST = 5  # P1 tickets an hour that can be a surge
RARE = 1e-4  # so improbable by the brand's past is a surge
SWING = 2.0  # the busy hours of a day against its mean
CALMEST, PRIOR_HOURS = 1.0, 24.0  # P1 tickets an hour that a brand without a past is taken to have


@dataclass(frozen=True, slots=True)
class Alarm:
    """A ticket that becomes P1. said_at: its last message that needs a person. severity: 1-10."""

    ticket_id: str
    version: int
    network: str
    author: str | None
    brand: str | None
    severity: int
    said_at: datetime


@dataclass(slots=True)
class OpenAlert:
    """An alert that was raised, or joined, within TOGETHER and is not over."""

    id: str
    kind: Kind
    brand: str | None
    tickets: set[str] = field(default_factory=set)
    authors: set[tuple[str, str]] = field(default_factory=set)  # network, author


@dataclass(frozen=True, slots=True)
class Past:
    """P1 tickets of a brand. latest: within TOGETHER; before: in LOOKBACK until then; hours: of
    those, since its first one.
    """

    latest: int = 0
    before: int = 0
    hours: float = 0.0

    @property
    def usual(self) -> float:
        """P1 tickets an hour: the mean of its past, which weighs more the longer it is."""
        return (self.before + CALMEST * PRIOR_HOURS) / (self.hours + PRIOR_HOURS)

    @property
    def limit(self) -> int:
        """From how many P1 tickets an hour on it strays: the Poisson tail there is below RARE."""
        mean = self.usual * SWING
        term = tail = math.exp(-mean)
        count = 0
        while 1 - tail >= RARE:
            count += 1
            term *= mean / count
            tail += term
        return max(count + 1, FEWEST)


@dataclass(frozen=True, slots=True)
class Placed:
    """Where a P1 ticket alerts. is_new: the alert is raised by it; else it joins it, quietly.
    before: the brand's P1 tickets of the hour until then.
    """

    alarm: Alarm
    alert_id: str
    kind: Kind
    is_new: bool
    before: int


def place(
    alarms: Sequence[Alarm],
    open_alerts: Sequence[OpenAlert],
    pasts: Mapping[str | None, Past],
    now: datetime,
    old: timedelta = OLD,
) -> list[Placed]:
    """The alert of each P1 ticket, in order. pasts: of each brand. old: how old history is."""
    alerts = list(open_alerts)
    latest = {brand: past.latest for brand, past in pasts.items()}
    placed: list[Placed] = []
    for alarm in alarms:
        is_old = now - alarm.said_at > old
        alert = _backlog(alarm, alerts) if is_old else _together(alarm, alerts)
        is_new, before = alert is None, latest.get(alarm.brand, 0)
        if alert is None:
            strays = before + 1 >= pasts.get(alarm.brand, Past()).limit
            alert = _raised(alarm, "backlog" if is_old else "surge" if strays else "p1", now)
            alerts.append(alert)
        if not is_old:
            latest[alarm.brand] = before + 1
        alert.tickets.add(alarm.ticket_id)
        if alarm.author is not None:
            alert.authors.add((alarm.network, alarm.author))
        placed.append(Placed(alarm, alert.id, alert.kind, is_new, before))
    return placed


def _backlog(alarm: Alarm, alerts: Sequence[OpenAlert]) -> OpenAlert | None:
    return next(
        (alert for alert in alerts if alert.kind == "backlog" and alert.brand == alarm.brand), None
    )


def _together(alarm: Alarm, alerts: Sequence[OpenAlert]) -> OpenAlert | None:
    """The alert of the same conversation, or of the author at this brand; else the brand's
    surge.
    """
    person = (alarm.network, alarm.author)
    own = [alert for alert in alerts if alert.brand == alarm.brand]
    for alert in alerts:
        if alert.kind == "p1" and alarm.ticket_id in alert.tickets:
            return alert
    for alert in own:
        if alert.kind == "p1" and person in alert.authors:
            return alert
    return next((alert for alert in own if alert.kind == "surge"), None)


def _raised(alarm: Alarm, kind: Kind, now: datetime) -> OpenAlert:
    if kind == "p1":
        id = f"p1:{alarm.ticket_id}:{alarm.version}"
    else:
        id = f"{kind}:{alarm.brand or ''}:{now.isoformat(timespec='microseconds')}"
    return OpenAlert(id, kind, alarm.brand)
