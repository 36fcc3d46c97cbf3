"""The desk's services, as its pages, its console and its API use them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Annotated, Any

from fastapi import Depends, Request
from sqlalchemy.ext.asyncio import AsyncEngine

from models.taxonomy.classifier import Taxonomy
from stream.accounts.postgres_logins import ensure_login
from stream.accounts.row_security import BoundEngine
from stream.accounts.sessions import Sessions
from stream.accounts.users import People
from stream.alerts.store import Alerts
from stream.controls.defaults import Defaults
from stream.controls.desk import ControlDesk
from stream.desk.alert_book import AlertBook
from stream.desk.attendance import Attendance
from stream.desk.canned import Canned
from stream.desk.corrections import Corrections
from stream.desk.joining import Joining
from stream.desk.notices import Notices
from stream.desk.persons import Persons
from stream.desk.queue import QueueReader
from stream.desk.saved_views import SavedViews
from stream.desk.tickets import Desk
from stream.incidents.answers import Write
from stream.incidents.store import Incidents
from stream.kafka import Publish
from stream.monitor.monitor import Monitor
from stream.monitor.records import TrainingMix
from stream.replies.pictures import Pictures
from stream.replies.store import Replies
from stream.replies.waiting import WaitingReplies
from stream.reports.reports import Reports
from stream.web.auth.callers import Caller, Callers
from stream.web.auth.keyring import KeyRing
from stream.web.auth.sign_on import IdentityProvider
from stream.web.http.origins import Network
from stream.web.live import Hub
from stream.web.reads import Reads

MAX_EXPORTS = 2  # at the same time: each holds a connection of the desk's


@dataclass(frozen=True, slots=True)
class DeskServices:
    """The services over one database.

    engine: the owner's. reads: for exports, which are streamed. reader_url: a read-only login for
    the caller, so that Postgres itself keeps other brands from them. write: drafts replies, in a
    thread; None where this process has no model for that. send_delay: before an approved reply
    leaves. exports: a place for each that runs.
    stream_readers: those of `/v1/stream`, and whose they are.
    """

    engine: AsyncEngine
    reads: AsyncEngine
    store: Reads
    desk: Desk
    joining: Joining
    queue: QueueReader
    views: SavedViews
    replies: Replies
    pictures: Pictures
    waiting: WaitingReplies
    canned: Canned
    persons: Persons
    notices: Notices
    corrections: Corrections
    alerts: Alerts
    alert_book: AlertBook
    incidents: Incidents
    reports: Reports
    monitor: Monitor
    people: People
    sessions: Sessions
    callers: Callers
    hub: Hub
    taxonomy: Taxonomy
    publish: Publish
    reader_url: Callable[[Caller], Awaitable[str]]
    controls: ControlDesk
    attendance: Attendance
    write: Write | None = None
    provider: IdentityProvider | None = None
    send_delay: timedelta = timedelta()
    exports: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(MAX_EXPORTS))
    stream_readers: dict[object, str] = field(default_factory=dict)
    _bound: dict[frozenset[str], DeskServices] = field(default_factory=dict, repr=False)

    def of(self, caller: Caller) -> DeskServices:
        """The services as the caller may read: under row-level security for bound callers.

        A condition that some query forgets shows them no other brand's rows.
        """
        brands = caller.brands
        if brands is None:
            return self
        if brands not in self._bound:
            bound = _over(BoundEngine(self.engine, brands), self.send_delay)
            self._bound[brands] = replace(self, **bound, _bound={})
        return self._bound[brands]


def _over(engine: AsyncEngine, send_delay: timedelta) -> dict[str, Any]:
    """The services that read and change texts, over this engine."""
    return {
        "reads": engine,
        "desk": Desk(engine),
        "queue": QueueReader(engine),
        "views": SavedViews(engine),
        "replies": Replies(engine, send_delay),
        "pictures": Pictures(engine),
        "waiting": WaitingReplies(engine),
        "canned": Canned(engine),
        "persons": Persons(engine),
        "notices": Notices(engine),
        "corrections": Corrections(engine),
        "alerts": Alerts(engine),
        "alert_book": AlertBook(engine),
        "incidents": Incidents(engine),
        "reports": Reports(engine),
    }


def desk_services(
    engine: AsyncEngine,
    store: Reads,
    ring: KeyRing,
    *,
    url: str,
    reader_url: str,
    taxonomy: Taxonomy,
    publish: Publish,
    base_url: str | None = None,
    proxies: Collection[Network] = (),
    lag: Callable[[], Awaitable[int]] | None = None,
    training_mix: TrainingMix | None = None,
    write: Write | None = None,
    provider: IdentityProvider | None = None,
    defaults: Defaults | None = None,
    send_delay: timedelta = timedelta(),
) -> DeskServices:
    """The desk over one database.

    url: the owner's. reader_url: of the read-only login that sees every brand. lag: how many
    messages wait in Kafka. training_mix: of this process's model. defaults: under the settings of
    the console.
    """
    sessions = Sessions(engine)
    logins: dict[tuple[int, frozenset[str]], str] = {}

    async def own_url(caller: Caller) -> str:
        if caller.user is None or caller.brands is None:
            return reader_url
        bound = (caller.user.id, caller.brands)
        if bound not in logins:
            logins[bound] = await ensure_login(engine, url, caller.user)
        return logins[bound]

    return DeskServices(
        engine=engine,
        store=store,
        **_over(engine, send_delay),
        joining=Joining(engine),
        monitor=Monitor(engine, lag=lag, training_mix=training_mix),
        people=People(engine),
        sessions=sessions,
        callers=Callers(ring, sessions, base_url=base_url, proxies=proxies),
        hub=Hub(url, engine),
        taxonomy=taxonomy,
        publish=publish,
        reader_url=own_url,
        controls=ControlDesk(engine, defaults or Defaults(), taxonomy.trades),
        attendance=Attendance(engine),
        write=write,
        provider=provider,
        send_delay=send_delay,
    )


def services_of(request: Request) -> DeskServices:
    """A dependency of routes: the services of the application, not yet bound to a caller."""
    services: DeskServices = request.app.state.desk
    return services


Services = Annotated[DeskServices, Depends(services_of)]
