"""The README's pictures of the console, after a made-up week: `make screenshots`."""

from __future__ import annotations

import asyncio
import re
import signal
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from shutil import rmtree

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT)]

from acceptance.earshot import Home  # noqa: E402  after the path to it
from browsing import PASSWORD, Person, browser, expect, person  # noqa: E402
from sqlalchemy import text  # noqa: E402
from sqlalchemy.ext.asyncio import AsyncEngine  # noqa: E402
from week import AGENTS, CLOSING, Week, brands_file, made_week  # noqa: E402
from week_played import live_through  # noqa: E402

from connectors.events import encode  # noqa: E402
from stream.accounts.users import People  # noqa: E402
from stream.bootstrap.parts import parts  # noqa: E402
from stream.postgres.database import open_engine  # noqa: E402

PICTURES = ROOT / "deploy" / "screenshots"
STARTS = 180.0  # seconds
DRAFTED = 600_000  # milliseconds until the ticket has its draft
# The ticket of the picture: one with a history, whose customer is not content with the answer.
_PICTURED = text("""
    select id from tickets
    where state in ('new', 'open') and messages >= 3 and answered_at is null
    order by (sentiment = 'negative') desc, (topic = 'baggage') desc, (brand = 'SkyNorth') desc,
        (notes <> '[]') desc, priority desc, id
    limit 1
""")


async def draw(folder: Path) -> None:
    home = Home(settings={"drafts": "true"})
    brands = home.folder / "brands.toml"
    brands.write_text(brands_file(), encoding="utf-8")
    home.settings["brands"] = str(brands)
    log = home.folder / "up.log"
    up = home.start("up", "--port", "0", log=log)
    try:
        address, code = await asyncio.to_thread(_told, log)
        async with browser() as chromium, person(chromium, address) as ada:
            await _set_up(ada, code)
        async with parts(home.read_settings(), "pictures") as running:
            engine = open_engine(running.database_url)
            try:
                await _week(home, engine)
                async with engine.connect() as connection:
                    ticket = (await connection.execute(_PICTURED)).scalar_one()
            finally:
                await engine.dispose()
        await _shoot(address, folder, ticket)
    finally:
        up.send_signal(signal.SIGINT)
        await asyncio.to_thread(up.wait, 120)
        rmtree(home.folder, ignore_errors=True)


async def _week(home: Home, engine: AsyncEngine) -> None:
    """The week that ends now, stored and worked through."""
    for name in AGENTS[1:]:
        await People(engine).add(name, PASSWORD, "agent")
    week: Week = made_week(datetime.now(UTC))
    file = home.folder / "week.jsonl"
    file.write_bytes(b"\n".join(encode(event) for event in week.events))
    replayed = await asyncio.to_thread(home.run, "replay", str(file), "--wait", seconds=1800)
    assert replayed.returncode == 0, replayed.stderr
    done = await live_through(engine, week.acts)
    print(f"{len(week.events)} messages, {done} acts")


def _zone() -> str:
    """The time zone in which it is the week's closing hour; its names count westwards."""
    ahead = (CLOSING - datetime.now(UTC).hour + 11) % 24 - 11
    return f"Etc/GMT{-ahead:+d}"


async def _shoot(address: str, folder: Path, ticket: str) -> None:
    zone = _zone()
    async with (
        browser() as chromium,
        person(chromium, address, zone=zone) as ada,
        person(chromium, address, zone=zone) as ben,
    ):
        await ben.log_in("ben")
        await ben.go("/")
        await expect(ben.page.locator("a.line").first).to_be_visible()
        await ben.press("j", "j", "j", "Enter")
        await ada.log_in("ada")
        await ada.go("/")
        await expect(ada.page.locator(".chip.eyes").first).to_be_visible()
        await ada.shoot("console-queue", folder=folder)
        await ada.go("/reports?by=brand")
        await ada.page.wait_for_timeout(3000)
        await ada.shoot("console-reports", folder=folder)
    dark = {"colours": "dark", "zone": zone}
    async with browser() as chromium, person(chromium, address, **dark) as ada:
        await ada.log_in("ada")
        await ada.go("/monitor?range=7d&kiosk=1")
        await ada.page.wait_for_timeout(4000)
        await ada.shoot("console-monitor", folder=folder)
        await ada.go(f"/tickets/{ticket}")
        await expect(ada.page.get_by_text("drafted, waits for a person")).to_be_visible(
            timeout=DRAFTED
        )
        await ada.shoot("console-ticket", folder=folder)


def _told(log: Path) -> tuple[str, str]:
    deadline = time.monotonic() + STARTS
    while time.monotonic() < deadline:
        if found := re.search(
            r"type (\S+) into (http://\S+)/setup", log.read_text(errors="replace")
        ):
            return found[2], found[1]
        time.sleep(0.2)
    raise SystemExit(f"`earshot up` printed no code:\n{log.read_text(errors='replace')[-2000:]}")


async def _set_up(ada: Person, code: str) -> None:
    await ada.go("/setup")
    for field, value in (
        ("code", code),
        ("name", "ada"),
        ("password", PASSWORD),
        ("again", PASSWORD),
    ):
        await ada.page.fill(f"#{field}", value)
    await ada.page.get_by_role("button", name="Begin").click()
    await ada.sees("Nobody waits for an answer")


if __name__ == "__main__":
    asyncio.run(draw(PICTURES))
    for path in sorted(PICTURES.glob("console-*.png")):
        print(f"{path.relative_to(ROOT)}  {path.stat().st_size // 1024} KB")
