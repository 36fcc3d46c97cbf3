"""Commands that run the stream: demo, up, worker, web, ingest, replay, migrate."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from stream.cli.options import Rate
from stream.errors import UserError
from stream.observe.logs import set_up_logs
from stream.settings import read_settings

if TYPE_CHECKING:
    from stream.bootstrap.replay import Summary

Port = Annotated[
    int | None, typer.Option("--port", min=0, max=65535, help="0 takes any free port.")
]


def add_to(app: typer.Typer) -> None:
    for command in (demo, up, worker, web, ingest, replay, migrate):
        app.command()(command)


def demo() -> None:
    """Show everything on a made-up day of two companies: a quiet morning, an outage at noon,
    spam.
    """
    from connectors.demo import demo_day
    from stream.bootstrap.replay import EventList, replay
    from stream.bootstrap.stopping import interruptible
    from stream.cli import show
    from stream.cli.progress import ReplayBar

    started = time.monotonic()
    settings, console = read_settings(), Console(stderr=True)
    set_up_logs(settings, quiet=True)
    events = EventList("demo", list(demo_day()))
    with ReplayBar(console) as bar:
        work = replay(settings, events, wait=True, started=started, on_progress=bar.show)
        summary = asyncio.run(interruptible(work))
    show.summary(Console(), summary)
    show.next_steps(Console(), next((row["id"] for row in summary.tickets), "demo:099"))


def up(
    host: Annotated[str | None, typer.Option(help="Address of the console.")] = None,
    port: Port = None,
) -> None:
    """Run a worker and the console together until Ctrl-C; prints its address, and at first how to
    log in.
    """
    from stream.bootstrap.older_models import remark_in_time
    from stream.bootstrap.parts import draining, ensure_migrated, parts
    from stream.bootstrap.stopping import until_signal
    from stream.bootstrap.web import serve_console
    from stream.bootstrap.worker_process import worker_process

    settings = read_settings()
    set_up_logs(settings)

    async def serve() -> None:
        async with parts(settings, "up") as running:
            await ensure_migrated(running)
            async with running.store() as stores:
                older = await remark_in_time(settings, stores.queries)
            if older:
                print(older, file=sys.stderr)
            with worker_process(running.settings.home) as own:
                async with draining(running, own.check):
                    await serve_console(
                        running, host or settings.host, settings.port if port is None else port
                    )

    asyncio.run(until_signal(serve()))


def worker(
    port: Port = None,
    without_web: Annotated[
        bool, typer.Option("--without-web", help="No health and no metrics.")
    ] = False,
    follow: Annotated[
        int | None, typer.Option(hidden=True, help="Leave with this process.")
    ] = None,
) -> None:
    """Listen on the topics and write tickets, until Ctrl-C or SIGTERM. Start more to share the
    work.

    /healthz, /readyz and /metrics are answered on --port (EARSHOT_WORKER_PORT).
    """
    from stream.bootstrap.stopping import until_signal
    from stream.bootstrap.worker import serve_worker
    from stream.loop import run

    settings = read_settings()
    set_up_logs(settings)
    port = settings.worker_port if port is None else port
    work = serve_worker(settings, port=None if without_web else port, follow=follow)
    run(until_signal(work))


def web(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Port = None,
) -> None:
    """Serve the console (pages to log in to), the REST interface (/docs), health and metrics.

    The first start prints a code that is typed into /setup, once, within 15 minutes, to make the
    first user; or make one with `earshot user add`. Programs need a key: `earshot key create`.
    """
    from stream.bootstrap.parts import ensure_migrated, parts
    from stream.bootstrap.stopping import until_signal
    from stream.bootstrap.web import serve_console

    settings = read_settings()
    set_up_logs(settings)

    async def serve() -> None:
        async with parts(settings, "web") as running:
            await ensure_migrated(running)
            await serve_console(
                running, host or settings.host, settings.port if port is None else port
            )

    asyncio.run(until_signal(serve()))


def ingest(
    source: Annotated[
        str,
        typer.Argument(
            help="x, bluesky, mastodon, imap; `demo`; or a file: read on from where the"
            " last ingest stopped."
        ),
    ],
    keyword: Annotated[
        list[str] | None,
        typer.Option("--keyword", "-k", help="Live: listen for this word, or #tag. Several times."),
    ] = None,
    handle: Annotated[
        list[str] | None,
        typer.Option("--handle", help="Live: listen for this account. Several times."),
    ] = None,
    brand: Annotated[
        str | None,
        typer.Option(
            help="Live: this brand's words and handles. A file: the brand of events without one."
        ),
    ] = None,
    format: Annotated[
        str | None, typer.Option(help="Format of a file; found out from its header.")
    ] = None,
    rate: Rate = None,
    port: Annotated[
        int | None,
        typer.Option(
            "--port", min=0, max=65535, help="Live: answer /healthz, /readyz, /metrics here."
        ),
    ] = None,
) -> None:
    """Bring events to Kafka from a network, a file or the demo, and remember how far it came.

    The first live data costs nothing and needs no account: `earshot ingest bluesky --keyword
    delta`. It runs until Ctrl-C and goes on from there the next time. Mastodon needs
    EARSHOT_MASTODON_SERVER, X its keys (EARSHOT_X_..., pip install 'earshot\\[x]') and money:
    EARSHOT_X_DAILY_BUDGET. `imap` reads a mailbox: EARSHOT_IMAP_...

    Exit code 1: some rows of a file could not be read.
    """
    from connectors.catalog import NETWORKS

    if source in NETWORKS and not Path(source).exists():
        _listen(source, brand, keyword or [], handle or [], port)
    elif keyword or handle or port is not None:
        raise UserError(
            f"--keyword, --handle and --port belong to {', '.join(NETWORKS)};"
            f" {source} is none of them"
        )
    else:
        _bring_in(source, format, brand, rate, wait=False, resume=True)


def _listen(
    network: str, brand: str | None, keywords: list[str], handles: list[str], port: int | None
) -> None:
    from stream.bootstrap.live import listen
    from stream.bootstrap.stopping import until_signal
    from stream.cli import show
    from stream.cli.live_screen import LiveScreen

    settings = read_settings()
    set_up_logs(settings, quiet=True)
    with LiveScreen(Console(stderr=True)) as screen:

        def on_end(summary: Summary) -> None:
            screen.stop()
            show.summary(Console(), summary)

        work = listen(
            settings,
            network,
            brand=brand,
            keywords=keywords,
            handles=handles,
            port=port,
            on_message=screen.print,
            on_progress=screen.show,
            on_end=on_end,
        )
        asyncio.run(until_signal(work))


def replay(
    file: Annotated[
        Path,
        typer.Argument(
            help="A table (.csv, .tsv, .json, .jsonl, also .gz), a call (.txt, .vtt, .ttml, ...),"
            " or a folder of calls."
        ),
    ],
    format: Annotated[
        str | None,
        typer.Option(
            help="airline, sentiment140, twcs, complaints, transcripts or jsonl; found"
            " out from the header."
        ),
    ] = None,
    rate: Rate = None,
    brand: Annotated[
        str | None,
        typer.Option(help="Only this brand's events; the brand of events that name none."),
    ] = None,
    text: Annotated[
        str | None,
        typer.Option(help="The column of a table that holds the texts; found out from the header."),
    ] = None,
    day_first: Annotated[
        bool | None,
        typer.Option(
            "--day-first/--month-first",
            help="How to read 03/04/2026 in a table; found out from its other dates.",
        ),
    ] = None,
    wait: Annotated[
        bool, typer.Option("--wait", help="Stay until every event is processed.")
    ] = False,
) -> None:
    """Replay a file of messages through the stream.

    Replaying a file twice doubles nothing. Exit code 1: some rows could not be read (each is
    named).
    """
    _bring_in(
        str(file), format, brand, rate, text=text, day_first=day_first, wait=wait, resume=False
    )


def migrate() -> None:
    """Bring the database's schema up to date. Safe to run at any time, by several at once."""
    from stream.bootstrap.parts import parts
    from stream.postgres.schema import migrate as upgrade

    settings = read_settings()
    set_up_logs(settings)

    async def bring_up() -> str:
        async with parts(settings, "migrate", broker=False) as running:
            return await upgrade(running.database_url)

    typer.echo(f"the database is at revision {asyncio.run(bring_up())}")


def _bring_in(
    name: str,
    format: str | None,
    brand: str | None,
    rate: float | None,
    *,
    text: str | None = None,
    day_first: bool | None = None,
    wait: bool,
    resume: bool,
) -> None:
    from stream.bootstrap.replay import bring_in
    from stream.bootstrap.stopping import interruptible
    from stream.cli import show
    from stream.cli.progress import BadRows, ReplayBar

    settings, console = read_settings(), Console(stderr=True)
    set_up_logs(settings, quiet=True)
    bad_rows = BadRows(console)
    with ReplayBar(console) as bar:
        work = bring_in(
            settings,
            name,
            format=format,
            brand=brand,
            text=text,
            day_first=day_first,
            rate=rate,
            wait=wait,
            resume=resume,
            on_bad_row=bad_rows,
            on_progress=bar.show,
        )
        summary = asyncio.run(interruptible(work))
    summary.bad_rows = bad_rows.count
    show.summary(Console(), summary)
    if summary.bad_rows:
        raise typer.Exit(1)
