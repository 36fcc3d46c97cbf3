"""The README's two pictures of the console, on the demo day: `make screenshots`."""

from __future__ import annotations

import asyncio
import re
import signal
import sys
import time
from pathlib import Path
from shutil import rmtree

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT)]

from acceptance.earshot import Home  # noqa: E402  after the path to it
from browsing import PASSWORD, Person, browser, expect, person  # noqa: E402

PICTURES = ROOT / "deploy" / "screenshots"
TICKET = "demo:099"  # five messages, an incident, a draft
STARTS = 180.0  # seconds
DRAFTED = 600_000  # milliseconds until the ticket has its draft


async def draw(folder: Path) -> None:
    home = Home(settings={"drafts": "true"})
    log = home.folder / "up.log"
    up = home.start("up", "--port", "0", log=log)
    try:
        address, code = await asyncio.to_thread(_told, log)
        async with (
            browser() as chromium,
            person(chromium, address) as ada,
            person(chromium, address) as ben,
        ):
            await _set_up(ada, code)
            made = home.run("user", "add", "ben", "--role", "agent", given=PASSWORD + "\n")
            assert made.returncode == 0, made.stderr
            assert home.run("demo", seconds=600).returncode == 0
            await ben.log_in("ben")
            for step in (2, 3, 6):
                await ben.go("/")
                await expect(ben.page.locator("a.line").first).to_be_visible()
                await ben.press(*["j"] * step, "c")
                await ben.sees("It is yours.")
            await ada.go("/")
            await expect(ada.page.locator(".chip", has_text="ben").first).to_be_visible()
            await ada.shoot("console-queue", folder=folder)
        async with browser() as chromium, person(chromium, address, colours="dark") as ada:
            await ada.log_in("ada")
            await ada.go(f"/tickets/{TICKET}")
            await expect(ada.page.get_by_text("drafted, waits for a person")).to_be_visible(
                timeout=DRAFTED
            )
            await ada.shoot("console-ticket", folder=folder)
    finally:
        up.send_signal(signal.SIGINT)
        await asyncio.to_thread(up.wait, 120)
        rmtree(home.folder, ignore_errors=True)


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
