"""Every page of the console, in both themes, has no finding of axe-core (WCAG 2 A and AA)."""

from __future__ import annotations

import pytest
from axe_playwright_python.async_playwright import Axe
from browsing import person, staff
from history import tweet
from people import quick_people
from serving import web

from stream.alerts.store import Alerts
from stream.controls.store import ControlStore
from stream.desk.saved_queries import SavedQueries
from stream.records import AlertRecord
from stream.web.console.shell import WAYS

RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}
BURST = AlertRecord(
    id="burst:Northwind Air:delay:1",
    kind="burst",
    brand="Northwind Air",
    topic="delay",
    severity=7,
    started_at="2026-03-12T12:00:00Z",
    evidence={"negative": 20, "expected": 2.0, "words": ["fog"], "examples": ["x:1"]},
)
# Beside those of the navigation; what is looked at once it is there.
PAGES = {
    "/tickets/x:1": ".page, main",
    "/monitor?kiosk=1": ".monitor",
    "/settings?show=brands": "details.setting",
    "/settings?show=alerts": ".setting",
    "/settings?show=assignment": ".setting",
    "/settings?show=environment": ".people",
    "/settings?show=history": ".changes",
    "/password": "main",
}


@pytest.mark.parametrize("colours", ["light", "dark"])
async def test_no_page_has_a_finding(simple, engine, postgres_url, chromium, colours):
    await staff(quick_people(engine))
    await simple.save([tweet(1, 95), tweet(2, 55, brand="Other"), tweet(3, 70)])
    await Alerts(engine).put_alert(BURST)
    await ControlStore(engine).put("brand", "Fresh Foods", {"name": "Fresh Foods"}, "ada")
    await SavedQueries(engine).put("all", "select 1", "table", "ada", leads=True)
    async with (
        web(simple, url=postgres_url) as address,
        person(chromium, address, colours=colours) as ada,
    ):
        await ada.page.goto(f"{address}/login")
        findings = await looked_at(ada, "/login", "main")
        await ada.log_in("ada")
        for way in WAYS:
            await ada.go(way.path)
            findings += await looked_at(ada, way.path, "h1, .line")
        for path, there in PAGES.items():
            await ada.go(path)
            findings += await looked_at(ada, path, there)
    assert findings == []


async def looked_at(ada, path, there):
    """Findings as "page: rule at element"."""
    await ada.page.locator(there).first.wait_for()
    # Not while something still comes: a chart, a list, a colour that fades.
    await ada.page.wait_for_function("document.getAnimations().length === 0")
    found = await Axe().run(ada.page, options=RULES)
    return [
        f"{path}: {violation['id']} at {' '.join(map(str, node['target']))}: "
        f"{node.get('failureSummary', '')[:160]!r}"
        for violation in found.response["violations"]
        for node in violation["nodes"]
    ]
