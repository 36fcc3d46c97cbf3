"""The monitor, the alerts, SQL and the people of the live console, in a real Chromium over a real
Postgres.
"""

from __future__ import annotations

import asyncio
import json
import re
from datetime import UTC, datetime
from urllib.parse import urlsplit

import pytest
from browsing import confirm, person, staff
from drafted import GOOD, drafted
from history import NOON, tweet
from people import quick_people
from playwright.async_api import expect
from serving import web

from models.replier.draft import Candidate, Draft
from stream.accounts.api_keys import ApiKeys
from stream.alerts.store import Alerts
from stream.ingest.spend import Spend
from stream.records import AlertRecord
from stream.replies.store import Replies


@pytest.fixture
async def site(simple, engine, postgres_url):
    await staff(quick_people(engine))
    async with web(simple, url=postgres_url, write=written) as address:
        yield address


def written(asked, lately):
    """A model that drafts: something else for everybody."""
    return [
        Draft(
            (Candidate(f"Sorry, {number}: we are on your line in {word} street.", -0.4),),
            "replies-1",
        )
        for number, word in enumerate(("Abbey", "Birch", "Cedar", "Dover")[: len(asked)])
    ]


@pytest.fixture
async def look(chromium, site):
    """A browser of somebody's, at a page; nothing may be wrong in it, and nothing come from
    elsewhere.
    """
    opened = []

    async def at(name: str, path: str, **more):
        entered = person(chromium, site, **more)
        made = await entered.__aenter__()
        opened.append((entered, made))
        await made.log_in(name)
        await made.go(path)
        return made

    yield at
    for entered, made in opened:
        assert made.wrong == []
        assert made.loaded <= {urlsplit(site).netloc, "inline", ""}, "something came from elsewhere"
        await entered.__aexit__(None, None, None)


def minutes_now() -> float:
    return (datetime.now(UTC) - NOON).total_seconds() / 60


def now(number: int, *more, **told):
    """A tweet of this minute."""
    return tweet(number, *more, minute=minutes_now(), **told)


async def test_the_charts_move_while_events_are_saved(simple, look):
    await simple.save([now(1, 90, topic="baggage"), now(2, 10, brand="Other", topic="billing")])
    ada = await look("ada", "/monitor")
    mood = ada.page.locator(".chart.mood")
    await expect(mood).to_have_attribute(
        "aria-label",
        "Negative share by brand: Northwind Air 100 % negative of 1; Other 0 % negative of 1.",
    )
    before = await mood.locator("canvas").screenshot()

    await simple.save([now(100 + number, 90, topic="baggage") for number in range(60)])

    await expect(mood).to_have_attribute(
        "aria-label",
        "Negative share by brand: Northwind Air 100 % negative of 61; Other 0 % negative of 1.",
    )
    await expect(ada.page.locator(".chart.rate")).not_to_have_attribute(
        "aria-label", "Events a second in the last ten minutes: now 0.0, at most 0.0."
    )
    async with asyncio.timeout(60):  # the words are there before the picture is drawn
        while await mood.locator("canvas").screenshot() == before:
            await asyncio.sleep(0.1)
    await ada.shoot("monitor")


async def test_what_networks_were_paid_today_is_shown(simple, look):
    await Spend(simple._engine, "x").add(
        "Northwind Air", datetime.now(UTC).date(), {"read": 300}, {"read": 5_000}
    )
    ada = await look("ada", "/monitor")

    panel = ada.page.locator("section", has_text="Paid to networks today")
    await expect(panel.get_by_role("row").last).to_have_text("xNorthwind Air1.50")


async def test_range_and_brand_are_in_the_address_and_each_chart_is_a_table_too(simple, look):
    await simple.save([now(1, 90, topic="baggage"), now(2, 10, brand="Other", topic="billing")])
    ada = await look("ada", "/monitor?range=1h&brand=Other")
    await expect(ada.page.get_by_role("button", name="1 hour")).to_have_attribute(
        "aria-pressed", "true"
    )
    await expect(ada.page.locator(".tile-figure").first).to_contain_text("1")

    await ada.page.get_by_role("combobox").select_option("")
    await ada.page.get_by_role("button", name="7 days").click()
    await ada.page.get_by_role("button", name="by brand").click()
    await expect(ada.page).to_have_url(re.compile(r"/monitor\?range=7d&by=brand$"))
    figure = ada.page.locator("figure", has_text="Where it hurts")
    await figure.get_by_text("As a table").click()
    await expect(figure.get_by_role("row")).to_have_count(3)
    await expect(figure.get_by_role("row").nth(1)).to_contain_text("%")
    await ada.page.go_back()
    await expect(ada.page.get_by_role("button", name="by topic")).to_have_attribute(
        "aria-pressed", "true"
    )


async def test_whoever_is_bound_to_a_brand_sees_its_figures_alone_on_every_page(
    simple, engine, look
):
    await simple.save(
        [now(1, 95, text="ours is secret"), now(2, 95, brand="Other", text="theirs is down")]
    )
    sky = await look("sky", "/monitor?brand=Northwind+Air", phone=True, colours="dark")
    await sky.sees("Nobody said anything")
    await sky.go("/monitor")
    await expect(sky.page.locator(".chart.mood")).to_have_attribute(
        "aria-label", "Negative share by brand: Other 100 % negative of 1."
    )
    await sky.shoot("monitor-phone")
    await sky.go("/alerts")
    await sky.sees("theirs is down")
    assert await sky.page.get_by_text("ours is secret").count() == 0
    await sky.go("/sql?q=select+brand,+excerpt+from+tickets")
    await sky.page.get_by_role("button", name="Run").click()
    await expect(sky.page.locator(".answer-table tbody tr")).to_have_count(1)
    await sky.sees("theirs is down")
    await sky.go("/people")
    await sky.sees("Not for your role")


async def test_an_alert_is_acknowledged_and_snoozed_with_who_and_seen_by_others_at_once(
    simple, engine, look
):
    await simple.save([now(1, 60, text="no signal at all")])
    evidence = {"negative": 60, "expected": 4.2, "words": ["signal", "mast"], "examples": ["x:1"]}
    burst = AlertRecord(
        id="burst:1",
        kind="burst",
        severity=9,
        brand="Northwind Air",
        topic="delay",
        started_at=NOON,
        evidence=evidence,
    )
    ben, vic = await look("ben", "/alerts"), await look("vic", "/alerts")
    await ben.sees("Nothing waits for anybody")

    await Alerts(engine).put_alert(burst)

    for each in (ben, vic):
        await each.sees("60 negative messages where 4.2 were usual")
        await each.sees("mast")
        await each.sees("no signal at all")
    assert await vic.page.get_by_role("button", name="Acknowledge").count() == 0
    await ben.shoot("alerts")
    await ben.page.get_by_role("button", name="Acknowledge", exact=True).click()
    await vic.sees("Nothing waits for anybody")
    await vic.page.get_by_role("button", name="Seen or snoozed").click()
    await vic.sees("seen by ben")
    await ben.page.get_by_role("button", name="Seen or snoozed").click()
    await ben.page.get_by_label("Snooze").select_option("for 4 hours")
    await vic.sees(re.compile("snoozed until .* by ben"))
    assert (await Alerts(engine).show_alert("burst:1")).snoozed_until > datetime.now(UTC)


async def test_an_incident_is_answered_with_a_draft_for_each_of_its_tickets(simple, engine, look):
    await simple.save(
        [now(1, 95, text="my line is down"), now(2, 90, text="no line at all since noon")]
    )
    async with engine.begin() as connection:
        await connection.exec_driver_sql(
            "insert into incidents (id, brand, title, severity, started_at, evidence, version)"
            " values ('i1', 'Northwind Air', 'line down: noon', 7, now(), '{}', 1)"
        )
        await connection.exec_driver_sql(
            "insert into incident_tickets (incident_id, ticket_id, who)"
            " select 'i1', id, 'earshot' from tickets"
        )
    ben = await look("ben", "/alerts")
    incident = ben.page.locator(".incident", has_text="line down: noon")
    await expect(incident.locator(".incident-count b")).to_have_text("2")
    await incident.get_by_text("Its tickets").click()
    await expect(incident.get_by_role("link", name="no line at all since noon")).to_be_visible()

    await drafted(engine, GOOD)  # by the worker, for the first ticket
    words = incident.get_by_label("What everybody is told")
    await words.click()
    await words.fill("A cable is cut. " * 40)
    await incident.get_by_role("button", name="Answer the incident").click()
    await expect(incident.locator(".answered")).to_contain_text("that is too long for x")

    await words.fill("A cable is cut; your line is back by 6 pm.")
    await incident.get_by_role("button", name="Answer the incident").click()

    await expect(incident.locator(".answered")).to_contain_text(
        "2 drafts written, 1 of them in place of earlier drafts;"
        " the policy would refuse a draft of such words (invented number, claim), yours stand."
    )
    drafts = await Replies(engine).newest(["draft"])
    assert len(drafts) == 2
    assert all("A cable is cut; your line is back by 6 pm." in row["text"] for row in drafts)
    assert {row["changed_by"] for row in drafts} == {"ben", None}
    await simple.save([now(3, 95, text="mine is down too")])
    async with engine.begin() as connection:
        await connection.exec_driver_sql(
            "insert into incident_tickets (incident_id, ticket_id, who)"
            " values ('i1', 'x:3', 'earshot')"
        )
    await expect(incident.locator(".incident-count b")).to_have_text("3")


async def test_the_sql_page_runs_an_example_gives_its_csv_and_refuses_a_write(simple, engine, look):
    await simple.save([tweet(1, 90, text="=1+1"), tweet(2, 70)])
    ben = await look("ben", "/sql")
    await ben.page.get_by_role("button", name="What must we answer first").click()
    await expect(ben.page.locator(".answer-table tbody tr")).to_have_count(2)
    await ben.sees("2 rows")
    await ben.shoot("sql")

    async with ben.page.expect_download() as coming:
        await ben.page.get_by_role("button", name="CSV").click()
    file = await (await coming.value).path()
    assert "'=1+1" in file.read_text(encoding="utf-8")

    box = ben.page.get_by_label("SQL statement")
    for statement, why in (
        ("update tickets set owner = 'me'", "read-only transaction"),
        ("set statement_timeout=0; select pg_sleep(60)", "one statement at a time"),
        ("select * from users", "permission denied for table users"),
        (
            "set role postgres",
            "permission denied to set role",
        ),  # each its own words: that of before is still there
        ("select pg_read_file('/etc/passwd')", "permission denied for function"),
    ):
        await box.fill(statement)
        await box.press("Control+Enter")
        await expect(ben.page.get_by_role("alert").filter(has_text=why)).to_be_visible()
    async with engine.begin() as connection:
        noted = list(
            await connection.exec_driver_sql(
                "select who, details from audit where action = 'sql' order by id"
            )
        )
    assert {row.who for row in noted} == {"ben"}
    assert len(noted) == 7
    assert "update tickets" in json.dumps(noted[2].details)


async def test_an_admin_adds_somebody_binds_them_and_a_key_is_shown_once(engine, look):
    ada = await look("ada", "/people")
    form = ada.page.get_by_role("form", name="Add a person")
    await form.get_by_label("Name").fill("eve")
    await form.get_by_label("Brands").fill("Other, Northwind Air")
    await form.get_by_role("button", name="Add").click()
    await ada.sees("The first password of eve")
    password = await ada.page.locator(".token code").inner_text()
    eve = await quick_people(engine).verified("eve", password)
    assert (eve.role, eve.brands) == ("agent", frozenset({"Other", "Northwind Air"}))

    key = ada.page.get_by_role("form", name="Create a key")
    await key.get_by_label("Name").fill("laptop")
    await key.get_by_role("button", name="Create").click()
    await ada.sees("The key laptop")
    token = await ada.page.locator(".token code").inner_text()
    assert (await ApiKeys(engine).find(token)).name == "laptop"
    await ada.page.get_by_role("button", name="I have it").click()
    await expect(ada.page.locator(".token")).to_have_count(0)
    await ada.page.reload()
    await ada.sees("laptop")
    assert token not in await ada.page.content()

    await ada.page.get_by_label("Role of eve").select_option("viewer")
    await ada.sees("eve is viewer of Northwind Air, Other")
    row = ada.page.get_by_role("row", name="eve")
    assert await confirm(row.get_by_role("button", name="Disable")) == "Sure?"
    await ada.sees("eve can log in no more")
    assert await confirm(ada.page.get_by_role("button", name="Revoke")) == "Sure?"
    await ada.sees("opens nothing any more")
    assert await ApiKeys(engine).find(token) is None
    async with engine.begin() as connection:
        rows = list(
            await connection.exec_driver_sql("select who, action, subject from audit order by id")
        )
    assert [tuple(row) for row in rows if row.action != "log in"] == [
        ("ada", "user add", "eve"),
        ("ada", "key create", "laptop"),
        ("ada", "user role", "eve"),
        ("ada", "user disable", "eve"),
        ("ada", "key revoke", "laptop"),
    ]
    await ada.shoot("people")


async def test_the_only_admin_cannot_step_down(look):
    ada = await look("ada", "/people")
    await ada.page.get_by_label("Role of ada").select_option("viewer")
    await expect(
        ada.page.get_by_role("alert").filter(has_text="ada is the only admin")
    ).to_be_visible()
