"""The desk's first day, from the printed code to a sent reply: `earshot up` in a real browser."""

from __future__ import annotations

import asyncio
import re
import signal
import subprocess
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from acceptance.earshot import Home
from acceptance.stage import until
from browsing import PASSWORD, browser, expect, person

from connectors.events import Tweet, encode

STARTS = 600.0  # seconds that everything may take to start on a busy machine
SLOW = 300_000  # milliseconds that a worker may take for a message and its draft

CUSTOMERS = (
    (
        "1",
        "mara_q",
        "@VoltLine my line is dead since Monday, nobody answers. "
        "My mother's alarm pendant needs it!",
    ),
    ("2", "tom_w", "@VoltLine you billed me twice again this month, please sort it out"),
    ("3", "kit_", "@VoltLine thanks, the engineer was lovely and quick"),
)


@pytest.fixture
async def up(real_home: Home) -> AsyncIterator[tuple[str, str]]:
    """The address of `earshot up`, and the code that it printed."""
    real_home.settings |= {"drafts": "true", "outbox": str(real_home.folder / "outbox.jsonl")}
    log = real_home.folder / "up.log"
    process = real_home.start("up", "--port", "0", log=log)
    try:
        yield await _told(process, lambda: log.read_text(errors="replace"))
    finally:
        process.send_signal(signal.SIGINT)
        await asyncio.to_thread(process.wait, STARTS)


async def _told(process: subprocess.Popen[bytes], read) -> tuple[str, str]:
    deadline = time.monotonic() + STARTS
    while time.monotonic() < deadline and process.poll() is None:
        said = read()
        if found := re.search(r"type (\S+) into (http://\S+)/setup", said):
            return found[2], found[1]
        await asyncio.sleep(0.2)
    raise AssertionError(f"`earshot up` printed no code:\n{read()[-4000:]}")


def written(real_home: Home, *customers: tuple[str, str, str]) -> str:
    now = datetime.now(UTC)
    path = real_home.folder / "said.jsonl"
    events = [
        Tweet(
            id=f"x:{number}", conversation=f"x:{number}", occurred_at=now, author=author, text=text
        )
        for number, author, text in customers
    ]
    path.write_bytes(b"\n".join(encode(event) for event in events))
    return str(path)


async def test_from_the_printed_code_to_a_sent_reply(real_home: Home, up: tuple[str, str]):
    address, code = up
    async with browser() as chromium, person(chromium, address) as ada:
        page = ada.page
        await ada.go("/")
        await page.fill("#code", code)
        await page.fill("#name", "ada")
        await page.fill("#password", PASSWORD)
        await page.fill("#again", PASSWORD)
        await page.get_by_role("button", name="Begin").click()
        await ada.sees("Nobody waits for an answer")

        replay = await asyncio.to_thread(real_home.run, "replay", written(real_home, *CUSTOMERS))
        assert replay.returncode == 0, replay.stderr
        line = page.locator("a.line", has_text="alarm pendant")
        await expect(line).to_be_visible(timeout=SLOW)
        await expect(page.locator(".tile.P1 b")).to_have_text("1", timeout=SLOW)
        await ada.shoot("story-1-queue")

        await ada.press("j", "Enter")
        await ada.sees("Why P1")
        await ada.press("c")
        await ada.sees("yours", exact=True)
        await ada.press("x", "y")
        await ada.sees("says ada")
        await until(real_home.hurries_drafts, "the worker drafts", pause=0.5)
        await expect(page.get_by_text("drafted, waits for a person")).to_be_visible(timeout=SLOW)
        await ada.press("e")
        await page.get_by_label("The words of the reply").fill(
            "So sorry about your line, and about your mother's pendant. "
            "Please send us a direct message so that we can look into it."
        )
        await ada.sees("the policy has nothing against it")
        await ada.shoot("story-2-reply")
        await ada.press("Control+Enter")
        await expect(page.locator(".reply .state.sent")).to_be_visible(timeout=SLOW)
        # The answer comes back as a message; who resolves before has not seen it, and is told so.
        await expect(page.get_by_text("the brand answered").first).to_be_visible(timeout=SLOW)
        await ada.press("r")
        await expect(ada.page.locator(".ticket-facts b")).to_have_text("resolved")
        await expect(line).to_have_count(0)
        await ada.shoot("story-3-resolved")

        assert "mother's pendant" in (real_home.folder / "outbox.jsonl").read_text()
        assert ada.wrong == []
