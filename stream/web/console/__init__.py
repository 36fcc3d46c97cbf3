"""Live console in the browser: pages of NiceGUI on our own application."""

from __future__ import annotations

from fastapi import FastAPI

from stream.web.desk_services import DeskServices

OPEN_PATHS: tuple[str, ...] = ("/favicon.ico",)  # the one file that a page of the login loads
CONSOLE_PATHS: tuple[str, ...] = (  # whose answers may load scripts and styles of ours
    *OPEN_PATHS,
    "/_nicegui/",
    "/_nicegui_ws/",
    "/",
    "/tickets/",
    "/replies",
    "/canned",
    "/notices",
    "/monitor",
    "/alerts",
    "/sql",
    "/people",
    "/reports",
    "/settings",
)


def mount_console(app: FastAPI, services: DeskServices) -> None:
    """The pages, on an application whose gate knows the caller.

    Its lifespan must run: NiceGUI lives in it.
    """
    from stream.web.console.alerts_page import add_alerts
    from stream.web.console.canned_page import add_canned
    from stream.web.console.monitor_page import add_monitor
    from stream.web.console.mount import serve_pages
    from stream.web.console.notices_page import add_notices
    from stream.web.console.people_page import add_people
    from stream.web.console.queue_page import add_queue
    from stream.web.console.replies_page import add_replies
    from stream.web.console.reports_page import add_reports
    from stream.web.console.settings_page import add_settings
    from stream.web.console.sql_page import add_sql

    add_queue(services)
    add_replies(services)
    add_canned(services)
    add_notices(services)
    add_monitor(services)
    add_alerts(services)
    add_sql(services)
    add_people(services)
    add_reports(services)
    add_settings(services)
    serve_pages(app, CONSOLE_PATHS)
