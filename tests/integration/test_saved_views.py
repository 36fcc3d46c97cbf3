"""Saved views: kept by a person, shared by a lead, and shown to who sees their brand."""

from __future__ import annotations

import pytest
from browsing import expect, person
from desk_client import Office
from history import tweet
from serving import web

from stream.accounts.row_security import BoundEngine
from stream.desk.actions import Resolve
from stream.desk.saved_views import Keeper, NoView, SavedViews
from stream.desk.tickets import Desk


def names(answer) -> list[str]:
    return [view["name"] for view in answer.told["views"]]


async def test_views_are_kept_shared_and_deleted_over_rest(store, engine, postgres_url):
    async with web(store, url=postgres_url) as address, Office(address, engine) as office:
        ada = await office.person("ada", "lead")
        ben = await office.person("ben", "agent")
        sky = await office.person("sky", "agent", "Other")
        late = {"query": {"text": "is:late", "sort": "newest"}}
        north = {"query": {"brand": "Northwind Air"}, "shared": True}

        assert (await ben.get("/v1/views")).told == {"views": []}
        kept = await ben("PUT", "/v1/views/my%20late", late)
        assert (kept.status, kept.told["owner"]) == (200, "ben")
        assert (await ben("PUT", "/v1/views/x", late | {"shared": True})).status == 403
        assert (await ada("PUT", "/v1/views/north", north)).status == 200
        assert (await ada("PUT", "/v1/views/all", {"query": {}, "shared": True})).status == 200

        assert names(await ben.get("/v1/views")) == ["all", "my late", "north"]
        assert names(await ada.get("/v1/views")) == ["all", "north"]
        assert names(await sky.get("/v1/views")) == ["all"], "north is another brand's"
        assert (await sky("PUT", "/v1/views/mine", late)).status == 200
        assert (await sky("PUT", "/v1/views/other", {"query": north["query"]})).status == 422
        assert (await ben("DELETE", "/v1/views/north")).status == 404
        assert names(await ben("DELETE", "/v1/views/my%20late")) == ["all", "north"]
        assert names(await ben.get("/v1/views")) == ["all", "north"]


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"colour": "red"}, "colour: there is brand, network"),
        ({"sort": "size"}, "sort size: there is priority, newest"),
        ({"text": "brnd:volt"}, "brnd: is no operator"),
        ({"k" * 1_000_000: "red"}, "kkkkkkkk"),
    ],
)
async def test_a_view_that_could_show_nothing_is_refused_in_one_line(
    store, engine, postgres_url, query, words
):
    async with web(store, url=postgres_url) as address, Office(address, engine) as office:
        ben = await office.person("ben", "agent")
        refused = await ben("PUT", "/v1/views/x", {"query": query})
        assert (refused.status, words in refused.told["detail"]) == (422, True)
        assert len(refused.told["detail"]) <= 1_000


async def test_postgres_itself_keeps_other_brands_views_from_people_who_are_bound(engine):
    everything = SavedViews(engine)
    await everything.save(Keeper("ada"), "north", {"brand": "Northwind Air"}, shared=True)
    bound = SavedViews(BoundEngine(engine, frozenset({"Other"})))

    assert await bound.list(Keeper("ada")) == [], "also where a query forgot to ask"
    with pytest.raises(NoView):
        await bound.drop(Keeper("ada"), "north")
    assert [view["name"] for view in await everything.list(Keeper("ada"))] == ["north"]


@pytest.mark.parametrize(
    ("query", "seen"),
    [
        ({"text": "is:late level:P1 since:2d"}, True),
        ({"state": "waiting", "sort": "newest"}, True),
        ({"text": "author:zora_quill"}, False),
        ({"text": "is:late brand:north"}, False),
        ({"text": "heating of zora"}, False),
        ({"text": '-"zora"'}, False),
        ({"tag": "zora"}, False),
    ],
)
async def test_a_shared_search_that_may_name_another_brand_stays_with_who_sees_all(
    engine, query, seen
):
    everything = SavedViews(engine)
    await everything.save(Keeper("ada"), "shared", query, shared=True)
    await everything.save(Keeper("ada"), "shared", query, shared=True)
    bound = SavedViews(BoundEngine(engine, frozenset({"Other"})))

    for views in (everything, bound):
        assert bool(await views.list(Keeper("sky", frozenset({"Other"})))) is seen
    assert len(await everything.list(Keeper("ben"))) == 1


async def test_the_console_finds_sorts_and_keeps_a_view(simple, engine, chromium, site):
    await simple.save(
        [tweet(1, 90, text="no heating"), tweet(2, 70, text="heating fails"), tweet(3, 95)]
    )
    await Desk(engine).act("x:1", Resolve(), "ada")
    async with person(chromium, site) as ada:
        await ada.log_in("ada")
        lines = ada.page.locator("a.line .excerpt")
        await expect(lines).to_have_count(2)
        await ada.press("/")
        await ada.page.keyboard.type("heating is:resolved")
        await expect(lines).to_have_text(["no heating"])
        search = ada.page.get_by_label("Search all tickets")
        await search.fill("brnd:volt")
        await expect(ada.page.get_by_role("alert")).to_contain_text("brnd: is no operator")
        await search.fill("heating")
        await expect(lines).to_have_text(["heating fails", "no heating"])
        await ada.page.get_by_label("order").select_option("received")
        await expect(lines).to_have_count(2)

        await ada.page.get_by_role("button", name="Save this view").click()
        await ada.page.get_by_label("Name of the view").fill("cold homes")
        await ada.shoot("console-view-dialog")
        await ada.page.get_by_role("button", name="Save", exact=True).click()
        await ada.sees("Kept.")
        await ada.shoot("console-views")
        await ada.page.get_by_role("link", name="All open").click()
        await expect(lines).to_have_count(2)
        await expect(lines.filter(has_text="no heating")).to_have_count(0)
        await ada.page.get_by_role("link", name="cold homes").click()
        await expect(lines.filter(has_text="no heating")).to_have_count(1)
        await ada.go("/?text=heating&sort=newest")
        await expect(lines).to_have_count(2)
        await ada.page.get_by_role("button", name="Delete the view cold homes").click()
        await expect(ada.page.get_by_role("link", name="cold homes")).to_have_count(0)
        await ada.page.set_viewport_size({"width": 400, "height": 800})
        await ada.page.emulate_media(color_scheme="dark")
        await ada.shoot("console-views-narrow")
        assert ada.wrong == []
