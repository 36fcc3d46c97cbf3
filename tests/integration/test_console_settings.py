"""Settings of the console in a real Chromium: set, told where it comes from, and taken back."""

from __future__ import annotations

import re

import pytest
from browsing import person, staff
from people import quick_people
from playwright.async_api import expect
from serving import web

from stream.controls.store import ControlStore


@pytest.fixture
async def ada(simple, engine, postgres_url, chromium):
    await staff(quick_people(engine))
    async with (
        web(simple, url=postgres_url) as address,
        person(chromium, address) as made,
    ):
        await made.log_in("ada")
        await made.go("/settings")
        yield made
        assert made.wrong == []


async def test_a_promise_is_set_told_and_taken_back(ada, engine):
    form = ada.page.get_by_role("form", name="Promises of all brands")
    await expect(form).to_contain_text("earshot's own")
    await form.get_by_label("P1").fill("10 min")
    await form.get_by_role("button", name="Save").click()
    await expect(form).to_contain_text("set here by ada")
    assert (await ControlStore(engine).stored())[0].value["P1"] == 10

    await form.get_by_label("P1").fill("soon")
    await form.get_by_role("button", name="Save").click()
    await expect(ada.page.locator("p.refused")).to_contain_text("15 min, 4 h or 1 d")

    await ada.page.get_by_role("button", name="History").click()
    await ada.page.get_by_role("button", name="Go back to before this change").click()
    await ada.page.get_by_role("button", name="Promises", exact=True).click()
    await expect(form).to_contain_text("earshot's own")
    await expect(form.get_by_label("P1")).to_have_value("15 min")


async def test_a_mistyped_brand_is_asked_back_before_it_gets_a_promise(ada, engine):
    await ControlStore(engine).put("brand", "Fresh Foods", {"name": "Fresh Foods"}, "ada")
    await ada.go("/settings")
    add = ada.page.get_by_role("form", name="Promises of one brand")
    asked = ada.page.locator("p.refused")
    for typed in ("Fresh", "Fresh Food", "fresh-foods"):
        await add.get_by_label("Other promises for a brand").fill(typed)
        await add.get_by_role("button", name="Add").click()
        await expect(asked).to_contain_text(f"called {typed} so far; there is Fresh Foods")
    await add.get_by_label("Other promises for a brand").fill("fresh FOODS")
    await add.get_by_role("button", name="Add").click()
    await expect(ada.page.get_by_role("form", name="Promises of Fresh Foods")).to_be_visible()
    await add.get_by_label("Other promises for a brand").fill("Orchard")
    await add.get_by_role("button", name="Add").click()
    await expect(asked).to_contain_text("called Orchard so far")
    await add.get_by_role("button", name="Add").click()
    await expect(ada.page.get_by_role("form", name="Promises of Orchard")).to_be_visible()


async def test_a_secret_is_typed_and_never_shown(ada, engine):
    await ada.go("/settings?show=alerts")
    add = ada.page.get_by_role("form", name="Add a sink")
    await add.get_by_label("Name of another sink").fill("chat")
    await add.get_by_role("button", name="Add").click()
    form = ada.page.get_by_role("form", name="Sink chat")
    await form.get_by_label("url (secret)").fill("https://hooks.slack.example.com/hidden")
    await form.get_by_role("button", name="Save").click()
    await expect(ada.page.locator("details", has_text="chat").first).to_contain_text(
        "set here by ada"
    )
    await ada.go("/settings?show=alerts")
    await ada.page.locator("summary", has_text="chat").click()
    await expect(form.get_by_label("url (secret)")).to_have_attribute(
        "placeholder", "set, not shown"
    )
    assert "slack.example.com/hidden" not in await ada.page.content()
    [stored] = await ControlStore(engine).stored()
    assert stored.secrets == {"url": "https://hooks.slack.example.com/hidden"}


async def test_rules_of_assignment_and_a_brand_are_set_in_forms(ada, engine):
    await ada.go("/settings?show=assignment")
    form = ada.page.get_by_role("form", name="Assignment")
    await form.get_by_label("give new tickets to people").check()
    await form.get_by_role("button", name="Rule").click()
    rule = form.get_by_role("group", name="Rule 1")
    await rule.get_by_label("Brands").fill("Northwind Air, Other")
    await rule.get_by_label("go to").fill("ben")
    await form.get_by_role("button", name="Save").click()
    await expect(form).to_contain_text("set here by ada")

    await ada.go("/settings?show=brands")
    await ada.page.get_by_label("Name of another brand").fill("Fresh Foods")
    await ada.page.get_by_role("button", name="Add").click()
    await ada.page.locator("summary", has_text="Fresh Foods").click()
    brand = ada.page.get_by_role("form", name="Brand Fresh Foods")
    await brand.get_by_label("Working hours").fill("mon-fri 08:00-20:00\nsat 09:00-18:00")
    await brand.get_by_label("Handles").fill("@freshfoods")
    await brand.get_by_label("What it trades in").fill(" supermarket ")
    await brand.get_by_label("Time zone").fill("Europe/Berlin")
    await brand.get_by_role("button", name="Save").click()
    await expect(brand.get_by_label("Handles")).to_have_value("freshfoods")
    await expect(brand.get_by_label("What it trades in")).to_have_value("supermarket")
    await brand.get_by_label("Time zone").fill("")
    await brand.get_by_label("Handles").fill("@fresh")
    await brand.get_by_role("button", name="Save").click()
    await expect(brand.get_by_label("Handles")).to_have_value("fresh")

    stored = {control.name: control.value for control in await ControlStore(engine).stored()}
    assert stored["assignment"]["rules"][0]["brands"] == ["Northwind Air", "Other"]
    assert stored["brand"]["hours"] == {"mon-fri": "08:00-20:00", "sat": "09:00-18:00"}
    assert stored["brand"]["trade"] == "supermarket"
    assert stored["brand"].get("time_zone") is None


async def test_others_than_admins_are_told_so(ada):
    await ada.page.get_by_role("button", name="Log out").click()
    await expect(ada.page).to_have_url(re.compile("/login"))
    await ada.log_in("ben")
    await ada.go("/settings")
    await ada.sees("Not for your role")
