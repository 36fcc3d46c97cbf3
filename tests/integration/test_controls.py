"""Settings of the console: what stands, what is refused, the history, and who takes them."""

from __future__ import annotations

import pytest
from desk_client import Office
from history import ANY_AGE, tweet, worst
from rows import ask, do
from serving import web
from stores import Stores

from stream.alerts.notifier import Notifier
from stream.bootstrap.controls import Following
from stream.bursts.detector import Sensitivity
from stream.controls.defaults import Defaults
from stream.controls.desk import ControlDesk
from stream.controls.records import ControlError
from stream.controls.store import ControlStore, Stale
from stream.postgres.database import open_engine

DEFAULTS = Defaults(
    brands={
        "Northwind Air": {"name": "Northwind Air", "handles": ["northwind"]},
        "Other": {"name": "Other", "words": ["Other Mobile"]},
    },
    brands_place="brands.toml",
    sinks={
        "desk": {"type": "webhook", "url": "https://alerts.example.com/a", "secret": "env:HOOK"}
    },
    sinks_place="alerts.toml",
    environment={"HOOK": "whsec_c2VjcmV0LXNlY3JldC1zZWNyZXQ="},
)


@pytest.fixture
def controls(engine):
    return ControlDesk(engine, DEFAULTS, ("airline", "telecom"))


async def test_without_a_change_every_setting_is_what_the_files_and_earshot_say(controls):
    standing = {(s.name, s.subject): s for s in await controls.settings()}

    assert standing["promises", ""].value == {"P1": 15, "P2": 60, "P3": 240, "P4": 1440}
    assert standing["promises", ""].source == "earshot"
    assert (standing["brand", "Other"].source, standing["brand", "Other"].place) == (
        "file",
        "brands.toml",
    )
    sink = standing["sink", "desk"]
    assert sink.secrets == ["secret"]
    assert "secret" not in sink.value


async def test_a_value_that_is_nested_without_end_is_refused(controls):
    nested: list = []
    for _ in range(900):
        nested = [nested]

    for value in ({"type": "slack", "brands": nested}, {"words": nested}):
        with pytest.raises(ControlError, match="nested in 20 others at most"):
            await controls.put("sink" if "type" in value else "brand", "Other", value, "ada")


async def test_a_promise_of_the_console_moves_the_clocks_of_open_tickets(
    controls, simple, postgres_url
):
    await simple.save([tweet(1, 95), tweet(2, 95, brand="Other")])

    await controls.put("promises", "", {"P1": 5, "P2": 30, "P3": 60, "P4": 90}, "ada")
    await controls.put("promises", "Other", {"P1": 2}, "ada")
    assert await promised(postgres_url) == {"x:1": 5, "x:2": 2}

    await simple.save([tweet(3, 95, brand="Other")])
    assert (await promised(postgres_url))["x:3"] == 2
    await controls.reset("promises", "Other", "ada")
    await controls.reset("promises", "", "ada")
    assert await promised(postgres_url) == {"x:1": 15, "x:2": 15, "x:3": 15}


async def test_the_queue_grows_urgent_by_the_promise_of_the_brand(controls, simple, postgres_url):
    brands = {1: "Northwind Air", 2: "Other", 3: None}
    await simple.save([tweet(n, 95, brand=brand, author=f"a{n}") for n, brand in brands.items()])
    await controls.put("promises", "", {"P1": 60, "P2": 60, "P3": 60, "P4": 60}, "ada")
    await controls.put("promises", "Other", {"P1": 240, "P2": 240, "P3": 240, "P4": 240}, "ada")
    await do(
        postgres_url,
        "update tickets set received_at = now() - interval '30 minutes',"
        " waiting_since = now() - interval '30 minutes', priority = 50",
    )

    rows = await ask(postgres_url, "select id, queue_priority from open_tickets order by id")

    assert [tuple(row) for row in rows] == [("x:1", 60), ("x:2", 52), ("x:3", 60)]


async def promised(url):
    rows = await ask(
        url,
        "select id, extract(epoch from sla_due_at - received_at)::int / 60 as minutes from tickets",
    )
    return {row["id"]: row["minutes"] for row in rows}


@pytest.mark.parametrize(
    ("name", "subject", "value", "words"),
    [
        ("promises", "", {"P1": 0}, "P1"),
        ("promises", "", {"P1": 60, "P2": 30}, "cannot be promised later"),
        ("promises", "", {"P5": 3}, "P5"),
        ("bursts", "", {"threshold": "much"}, "threshold"),
        ("bursts", "", {"fewest": 0}, "fewest"),
        ("assignment", "Other", {"on": True}, "one for everybody"),
        ("assignment", "", {"limit": 0}, "limit"),
        ("brand", "", {"name": ""}, "has a name"),
        ("brand", "New", {"handles": ["northwind"]}, "already there"),
        ("brand", "New", {"hours": {"mon": "25:00-26:00"}}, "no hours"),
        ("brand", "New", {"time_zone": "Mars/Base"}, "no time zone"),
        ("brand", "Other", {"name": "Else"}, "keeps its name"),
        ("brand", "Other", {"trade": "arline"}, "it has airline, telecom, and other"),
        ("sink", "new", {"type": "pigeon"}, "one of"),
        ("sink", "new", {"type": "slack"}, "url"),
        ("sink", "new", {"type": "slack", "url": "https://x.example"}, "secret"),
        ("sink", "New Sink", {"type": "slack"}, "sinks"),
    ],
)
async def test_what_cannot_be_is_refused_in_one_line(controls, name, subject, value, words):
    with pytest.raises(ControlError, match=words) as refused:
        await controls.put(name, subject, value, "ada")

    assert "\n" not in str(refused.value)
    assert await controls.history() == []


async def test_a_secret_goes_only_where_it_was_meant_to_go(controls):
    moved = {"type": "webhook", "url": "https://elsewhere.example.com/b"}
    with pytest.raises(ControlError, match="type it again"):
        await controls.put("sink", "desk", moved, "ada")
    same = {"type": "webhook", "url": "https://alerts.example.com/a", "min_severity": 5}
    assert (await controls.put("sink", "desk", same, "ada")).secrets == ["secret"]
    with pytest.raises(ControlError, match="env: and file:"):
        await controls.put("sink", "desk", moved, "ada", secrets={"secret": "env:HOOK"})
    typed = {"secret": "whsec_YW5vdGhlci1zZWNyZXQtb25l"}
    await controls.put("sink", "desk", moved, "ada", secrets=typed)
    with pytest.raises(ControlError, match="type it again"):
        await controls.put("sink", "desk", moved | {"url": "https://third.example.com"}, "ada")

    shown = [*await controls.settings(), *await controls.history()]
    assert not any("YW5vdGhlci" in record.model_dump_json() for record in shown)
    assert (await controls.history())[0].secrets == ["secret"]


async def test_the_history_says_who_and_leads_back(controls):
    await controls.put("bursts", "", {"threshold": 20}, "ada")
    await controls.put("bursts", "", {"threshold": 30}, "eve")
    [second, first] = await controls.history()
    assert (first.actor, first.before, second.actor) == ("ada", None, "eve")

    await controls.go_back(second.id, "ada")
    assert (await controls.setting("bursts", "")).value["threshold"] == 20
    await controls.go_back(first.id, "ada")
    assert (await controls.setting("bursts", "")).source == "earshot"
    assert [change.goes_back_to for change in await controls.history()][:2] == [
        first.id,
        second.id,
    ]


async def test_nobody_overwrites_what_they_have_not_seen(controls):
    standing = await controls.put("bursts", "", {"threshold": 20}, "ada", seen=0)
    await controls.put("bursts", "", {"threshold": 30}, "eve", seen=standing.version)
    with pytest.raises(Stale, match="eve changed this"):
        await controls.put("bursts", "", {"threshold": 40}, "ada", seen=standing.version)


async def test_a_worker_takes_changes_of_brands_sinks_and_bursts(engine, controls, simple):
    brands = DEFAULTS_BRANDS()
    notifier = Notifier(simple, simple, [])
    judge, dealer = Taker(), Taker()
    following = Following(ControlStore(engine), DEFAULTS, engine, brands, judge, notifier, dealer)
    await following.look()
    assert judge.taken is None
    assert brands.find("hello @fresh") is None

    await controls.put("brand", "Fresh", {"handles": ["fresh"]}, "ada")
    await controls.put("bursts", "Other", {"threshold": 50}, "ada")
    url = {"url": "https://hooks.slack.example.com/services/x"}
    await controls.put("sink", "chat", {"type": "slack"}, "ada", secrets=url)
    await controls.put("assignment", "", {"on": True}, "ada")
    await following.look()

    assert brands.find("hello @fresh") == "Fresh"
    assert judge.taken("Other") == Sensitivity(threshold=50)
    assert judge.taken("Northwind Air") == Sensitivity()
    assert dealer.taken.on
    await notifier.round()
    assert [route.name for route, _ in notifier._sinks] == ["chat", "desk"]

    off = {"type": "slack", "off": True}
    await controls.put("sink", "chat", off, "ada")
    await controls.put("assignment", "", {"on": False}, "ada")
    await following.look()
    await notifier.round()
    assert [route.name for route, _ in notifier._sinks] == ["desk"]
    assert dealer.taken is None
    await notifier.close()


def DEFAULTS_BRANDS():
    from stream.brands import brands_of

    return brands_of(DEFAULTS.brands.values(), "brands.toml")


class Taker:
    """What was handed on last."""

    taken = None

    def become(self, taken):
        self.taken = taken


@pytest.fixture
async def office(engine, postgres_url):
    made = open_engine(postgres_url)
    store = Stores(made, fold=worst, history_after=ANY_AGE)
    async with web(store, url=postgres_url) as address, Office(address, engine) as office:
        yield office
    await made.dispose()


async def test_admins_of_all_brands_alone_see_and_change_settings(office):
    ada = await office.person("ada", "admin")
    assert (await ada.get("/v1/settings")).status == 200
    for role, brands in (("lead", ()), ("agent", ()), ("admin", ("Other",))):
        other = await office.person(f"{role}{len(brands)}", role, *brands)
        assert (await other.get("/v1/settings")).status == 403
        assert (await other.get("/v1/settings/changes")).status == 403
        assert (await other.get("/v1/keys")).status == 403
        body = {"value": {"threshold": 20}}
        assert (await other("PUT", "/v1/settings/bursts", body)).status == 403
    assert (await (await office.nobody()).get("/v1/settings")).status == 401


async def test_rest_sets_resets_and_goes_back(office):
    ada = await office.person("ada", "admin")
    body = {"value": {"threshold": 20}}
    put = await ada("PUT", "/v1/settings/bursts", body)
    assert (put.status, put.told["source"], put.told["changed_by"]) == (200, "console", "ada")
    tag = put.headers["ETag"]
    assert (await ada("PUT", "/v1/settings/bursts", body, If_Match='"0"')).status == 409
    assert (await ada("PUT", "/v1/settings/bursts?of=Other", body, If_Match='"0"')).status == 200
    assert (await ada("DELETE", "/v1/settings/bursts", If_Match=tag)).status == 204
    changes = (await ada.get("/v1/settings/changes")).told["changes"]
    assert [change["name"] for change in changes] == ["bursts"] * 3
    undone = await ada.post(f"/v1/settings/changes/{changes[0]['id']}/undo")
    assert undone.status == 200
    values = {(s["name"], s["subject"]): s["value"] for s in undone.told["settings"]}
    assert values["bursts", ""]["threshold"] == 20
    wrong = await ada("PUT", "/v1/settings/bursts", {"value": {"threshold": 1}})
    assert (wrong.status, "threshold" in wrong.told["detail"]) == (422, True)
    assert (await ada.post("/v1/settings/changes/999/undo")).status == 404
    assert (await ada.post("/v1/settings/sink/none/test")).status == 409


async def test_rest_makes_and_revokes_keys(office):
    ada = await office.person("ada", "admin")
    made = await ada.post("/v1/keys", {"name": "warehouse", "scopes": ["read"]})
    assert made.status == 201
    assert (await ada.post("/v1/keys", {"name": "warehouse", "scopes": ["read"]})).status == 409
    [listed] = (await ada.get("/v1/keys")).told["keys"]
    assert listed["name"] == "warehouse"
    assert made.told["token"] not in str(listed)
    assert (await ada("DELETE", "/v1/keys/warehouse")).status == 204
    assert (await ada("DELETE", "/v1/keys/warehouse")).status == 404
