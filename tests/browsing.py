"""A real Chromium without a screen, and people who look at the console through it."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from playwright.async_api import Browser, Locator, Page, async_playwright, expect

from stream.accounts.users import People

PASSWORD = "violet ladder seventeen"
SCREENSHOTS = Path(__file__).resolve().parents[1] / "build" / "screenshots"
PLACES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
OPTIONS = (
    *(
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-sync",
    ),
    *("--disable-background-networking", "--disable-component-update"),
)
DESKTOP = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}

PATIENCE = 60_000  # milliseconds; of a machine that does many things at once

expect.set_options(timeout=PATIENCE)


def chromium() -> str:
    """Where the browser is. Fails where there is none: a test of pages without a browser tests
    nothing.
    """
    browser = next((path for name in PLACES if (path := shutil.which(name))), None)
    assert browser, (
        "the tests of the console need Chromium: `make chromium`, "
        "or as root `apt-get install -y chromium`"
    )
    return browser


@asynccontextmanager
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        made = await playwright.chromium.launch(
            executable_path=chromium(), args=list(OPTIONS), timeout=5 * PATIENCE
        )
        try:
            yield made
        finally:
            await made.close()


@dataclass
class Person:
    """Somebody before a browser of their own. wrong: what the pages complained of; loaded: where
    from.
    """

    page: Page
    site: str
    wrong: list[str] = field(default_factory=list)
    loaded: set[str] = field(default_factory=set)

    async def log_in(self, name: str, password: str = PASSWORD) -> None:
        await self.page.goto(f"{self.site}/login")
        await self.page.fill("#name", name)
        await self.page.fill("#password", password)
        async with self.page.expect_navigation(wait_until="load"):
            await self.page.get_by_role("button", name="Log in").click()

    async def go(self, path: str) -> None:
        await self.page.goto(self.site + path)

    async def press(self, *keys: str) -> None:
        for key in keys:
            await self.page.keyboard.press(key)

    async def sees(self, words: str | Any, **more: Any) -> None:
        await expect(self.page.get_by_text(words, **more).first).to_be_visible()

    async def shoot(self, name: str, *, folder: Path = SCREENSHOTS) -> Path:
        path = folder / f"{name}.png"
        await self.page.screenshot(path=path)  # which makes the folder
        return path


async def confirm(button: Locator) -> str:
    """Presses a button that asks back, and presses it again. Returns what it asked.

    Within the page: the button waits a few seconds for the second press, which between two calls
    from here may have passed.
    """
    await expect(button).to_be_visible()
    asked: str = await button.evaluate("""async (button) => {
        button.click();
        await new Promise((drawn) => setTimeout(drawn));
        const asked = button.textContent.trim();
        button.click();
        return asked;
    }""")
    return asked


def lines(page: Page) -> Locator:
    """The tickets of the queue."""
    return page.locator("a.line")


async def staff(people: People) -> None:
    """ada, an admin; ben, an agent; vic, a viewer; sky, an agent of the brand Other alone."""
    await people.add("ada", PASSWORD, "admin")
    await people.add("ben", PASSWORD, "agent")
    await people.add("vic", PASSWORD, "viewer")
    await people.add("sky", PASSWORD, "agent", ["Other"])


@asynccontextmanager
async def person(
    chromium: Browser,
    site: str,
    *,
    phone: bool = False,
    colours: Literal["light", "dark"] = "light",
    zone: str = "UTC",
    **more: Any,
) -> AsyncIterator[Person]:
    """Another browser: its own cookies and storage."""
    context = await chromium.new_context(
        viewport=PHONE if phone else DESKTOP,  # type: ignore[arg-type]
        device_scale_factor=2 if phone else 1,
        has_touch=phone,
        color_scheme=colours,
        reduced_motion="reduce",
        locale="en-GB",
        timezone_id=zone,
        **more,
    )
    context.set_default_timeout(PATIENCE)  # navigations as well
    page = await context.new_page()
    made = Person(page, site)
    page.on("pageerror", lambda error: made.wrong.append(str(error)))
    page.on("console", lambda said: made.wrong.append(said.text) if said.type == "error" else None)
    page.on(
        "request",
        lambda request: made.loaded.add(
            request.url.split("/")[2] if "://" in request.url else "inline"
        ),
    )
    try:
        yield made
    finally:
        await context.close()
