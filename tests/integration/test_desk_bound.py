"""Who is bound to brands: Postgres itself keeps the others from them, whatever a query of ours
forgets.
"""

from __future__ import annotations

from dataclasses import replace

import asyncpg
import pytest
from desk_client import Office
from history import tweet
from people import quick_people
from rows import ask
from serving import web
from sqlalchemy import text

from models.replier.draft import Candidate, Draft
from stream.accounts.api_keys import ApiKeys
from stream.accounts.postgres_logins import ensure_login
from stream.accounts.row_security import BoundEngine, NotTheirs
from stream.controls.store import ControlStore
from stream.desk.actions import Claim
from stream.desk.corrections import Corrections
from stream.desk.filters import Filter
from stream.desk.queue import QueueReader
from stream.desk.saved_queries import SavedQueries
from stream.desk.tickets import Desk, NoTicket
from stream.postgres.database import dsn, open_engine
from stream.postgres.roles import BOUND_READABLE, OUT_OF_REACH
from stream.replies.store import NoReply, Replies
from stream.reports.ratings import Ratings
from stream.web.desk_services import DeskServices, _over
from stream.web.docs import examples

WORD = "xylophone"  # in what was written to Northwind Air alone
OTHERS = frozenset({"Other"})


@pytest.fixture
async def engine(postgres_url):
    """One connection: whoever takes it next must find it as if nobody had been bound."""
    made = open_engine(postgres_url, pool_size=1)
    yield made
    await made.dispose()


@pytest.fixture
async def filled(simple, engine):
    """Of each brand a P1 ticket with a draft (x:1: 1; x:2: 2), a correction, a note who looks."""
    await simple.save(
        [tweet(1, 95, text=f"my {WORD} is lost", author=f"{WORD}_ada"), tweet(2, 95, brand="Other")]
    )
    replies, desk = Replies(engine), Desk(engine)
    for wanted in sorted(await replies.to_draft(["x:1", "x:2"]), key=lambda one: one.ticket_id):
        words = f"Sorry about: {wanted.request.text}"
        await replies.store([(wanted, Draft((Candidate(words, -1.5),), "replier-1"), None)])
    for ticket in ("x:1", "x:2"):
        await desk.act(ticket, Claim(), "ada")
        await desk.enter(ticket, "ada")
        await Corrections(engine).correct(ticket, "sentiment", "neutral", "ada")
    for brand, reply in (("Northwind Air", 1), ("Other", 2)):
        await ControlStore(engine).put("promises", brand, {"P1": 5}, "ada")
        await Ratings(engine).rate(reply, "good")
    await SavedQueries(engine).put("shop", f"select '{WORD}'", "table", "ada", leads=True)
    return simple


async def rows_of(engine, table: str) -> int:
    async with engine.connect() as connection:
        return int((await connection.execute(text(f"select count(*) from {table}"))).scalar_one())


async def test_a_query_without_any_condition_finds_nothing_of_another_brand(filled, engine):
    bound, nobody = BoundEngine(engine, OTHERS), BoundEngine(engine, [])
    for table in BOUND_READABLE:
        every, theirs = await rows_of(engine, table), await rows_of(bound, table)
        assert await rows_of(nobody, table) == 0, table
        if every:
            assert 2 * theirs == every, table
    async with bound.connect() as connection:
        told = str(
            (
                await connection.execute(
                    text("select * from events, tickets, replies, ticket_changes")
                )
            ).all()
        )
    assert WORD not in told
    for table in {*OUT_OF_REACH, "event_ids"} - {*BOUND_READABLE}:
        with pytest.raises(Exception, match="permission denied"):
            await rows_of(bound, table)


async def test_what_the_desk_reads_is_theirs_alone_also_where_nobody_says_which_brands(
    filled, engine
):
    bound = BoundEngine(engine, OTHERS)
    queue, desk, replies = QueueReader(bound), Desk(bound), Replies(bound)

    assert [row["id"] for row in await queue.queue(Filter())] == ["x:2"]
    assert [row["id"] for row in await queue.urgent(Filter())] == ["x:2"]
    assert [row["id"] for row in (await queue.page(Filter()))[0]] == ["x:2"]
    assert (await queue.facets(Filter()))["brand"] == {"Other": 1}
    with pytest.raises(NoTicket):
        await desk.ticket("x:1")
    assert await desk.conversation("x:1") == await desk.history("x:1") == []
    assert [row["id"] for row in await replies.newest()] == [2]
    with pytest.raises(NoReply):
        await replies.find(1)
    assert await replies.lately("Northwind Air") == []
    assert await Corrections(bound).of(["x:1"]) == []


async def test_what_they_change_is_written_and_the_connection_is_anybodys_again(filled, engine):
    desk = Desk(BoundEngine(engine, OTHERS))

    assert (await desk.act("x:2", Claim(force=True), "bob", brands=OTHERS))["owner"] == "bob"
    with pytest.raises(NoTicket):
        await desk.act("x:1", Claim(force=True), "bob", brands=OTHERS)
    assert (await Desk(engine).ticket("x:1"))["owner"] == "ada"
    assert await rows_of(engine, "tickets") == 2


async def test_nobodys_own_login_can_take_the_role_or_choose_its_brands(
    filled, engine, postgres_url
):
    bob = await quick_people(engine).add("bob", "four quiet otters sing", "agent", ["Other"])
    url = await ensure_login(engine, postgres_url, bob)
    connection = await asyncpg.connect(dsn(url))
    try:
        for attempt in (
            "set role earshot_bound",
            "select set_config('role', 'earshot_bound', false)",
        ):
            with pytest.raises(asyncpg.PostgresError):
                await connection.execute(attempt)
        await connection.execute("set earshot.brands = '{Northwind Air}'")
        assert [row[0] for row in await connection.fetch("select id from tickets")] == ["x:2"]
    finally:
        await connection.close()
    [role] = await ask(
        postgres_url, "select rolcanlogin, rolsuper from pg_roles where rolname = 'earshot_bound'"
    )
    assert tuple(role) == (False, False)


async def test_no_route_tells_a_word_of_another_brand(filled, postgres_url):
    """Every route of the document, as its examples ask, once for their own ticket and once for the
    other brand's.
    """
    engine = open_engine(postgres_url)
    async with (
        web(filled, url=postgres_url, keys=ApiKeys(engine)) as address,
        Office(address, engine) as office,
    ):
        bob = await office.person("bob", "lead", "Other")
        document = (await bob.get("/openapi.json")).told
        alerts = {
            row["brand"]: row["id"]
            for row in await ask(postgres_url, "select id, brand from alerts")
        }
        assert WORD in str((await (await office.person("lea", "lead")).get("/v1/tickets")).told), (
            "who may, sees it"
        )
        walked, found = 0, set()
        for path, methods in document["paths"].items():
            for method, told in methods.items():
                bodies = [each.body for each in examples(document, path, method, told)] or [None]
                for ticket, number, alert in (
                    ("x:1", 1, alerts["Northwind Air"]),
                    ("x:2", 2, alerts["Other"]),
                ):
                    where = path.replace("{ticket_id}", ticket).replace("{number}", str(number))
                    where = where.replace("{alert_id}", alert).replace("{name}", "shop")
                    where += {"/v1/export": "?of=events", "/v1/stream": "?seconds=0.2"}.get(
                        path, ""
                    )
                    for body in bodies:
                        answer = await bob(
                            method.upper(), where.replace(":", "%3A"), body, If_Match="*"
                        )
                        walked += 1
                        found.add(answer.status)
                        assert answer.status < 500, (method, where, answer.told)
                        assert WORD not in str(answer.told), (method, where)
                        if (
                            ticket == "x:1"
                            and where != path
                            and method != "get"
                            and "hooks" not in path
                            and "/v1/views" not in path  # of the person, not of a brand
                            and (method, path) != ("put", "/v1/queries/{name}")
                        ):
                            assert answer.status in (403, 404), (method, where, answer.status)
    await engine.dispose()
    assert walked > 60
    assert {200, 201, 404} <= found


# Conditions of our own forget everything: the session is one that sees all brands, its services are
# those of somebody who is bound to one. These routes write elsewhere, by rules of their own.
ELSEWHERE = ("/v1/events", "/v1/forget", "/v1/hooks")
WRITTEN = ("tickets", "ticket_changes", "replies", "alerts", "corrections", "presence", "events")


async def written(url):
    """What there is of each ticket, by table."""
    return {
        table: {
            str(row[0])
            for row in await ask(url, f"select to_jsonb(t) from {table} t where {where}")
        }
        for table, where in {
            **dict.fromkeys(WRITTEN, "ticket_id = 'x:1'"),
            "tickets": "id = 'x:1'",
            "events": "id = 'x:1'",
            "corrections": "event_id = 'x:1'",
        }.items()
    }


async def test_no_route_writes_a_row_of_another_brand_whatever_it_forgets_to_ask(
    filled, postgres_url, monkeypatch
):
    bound = {}

    def of(services, _caller):
        if not bound:
            bound[0] = replace(
                services,
                **_over(BoundEngine(services.engine, OTHERS), services.send_delay),
                _bound={},
            )
        return bound[0]

    monkeypatch.setattr(DeskServices, "of", of)
    engine = open_engine(postgres_url)
    async with (
        web(filled, url=postgres_url, keys=ApiKeys(engine)) as address,
        Office(address, engine) as office,
    ):
        lea = await office.person("lea", "lead")
        document = (await lea.get("/openapi.json")).told
        alerts = {
            row["brand"]: row["id"]
            for row in await ask(postgres_url, "select id, brand from alerts")
        }
        before, walked, accepted = await written(postgres_url), 0, set()
        for path, methods in document["paths"].items():
            for method, told in methods.items():
                if method == "get" or path.startswith(ELSEWHERE):
                    continue
                bodies = [each.body for each in examples(document, path, method, told)] or [None]
                for ticket, number, alert in (
                    ("x:1", 1, alerts["Northwind Air"]),
                    ("x:2", 2, alerts["Other"]),
                ):
                    where = path.replace("{ticket_id}", ticket).replace("{number}", str(number))
                    where = where.replace("{alert_id}", alert).replace(":", "%3A")
                    for body in bodies:
                        answer = await lea(method.upper(), where, body, If_Match="*")
                        walked += 1
                        assert answer.status < 500, (method, where, answer.told)
                        if answer.status < 300 and where != path:
                            assert ticket == "x:2", (method, where)
                            accepted.add(path)
    assert await written(postgres_url) == before
    assert walked > 20
    assert len(accepted) > 5, accepted
    await engine.dispose()


@pytest.mark.parametrize(
    "statement",
    [
        "update tickets set owner = 'bob'",
        "update alerts set acknowledged_by = 'bob'",
        "update replies set text = 'bob'",
        "delete from presence",
    ],
)
async def test_a_write_without_any_condition_changes_nothing_of_another_brand(
    filled, engine, postgres_url, statement
):
    before = await written(postgres_url)

    async with BoundEngine(engine, OTHERS).begin() as connection:
        assert (await connection.execute(text(statement))).rowcount == 1
    async with BoundEngine(engine, []).begin() as connection:
        assert (await connection.execute(text(statement))).rowcount == 0

    assert await written(postgres_url) == before


@pytest.mark.parametrize(
    "statement",
    [
        "update tickets set brand = 'Northwind Air'",
        "update alerts set brand = 'Northwind Air'",
        "update replies set ticket_id = 'x:1'",
        "update replies set brand = 'Northwind Air'",
        "insert into presence values ('x:1', 'bob')",
        "insert into corrections (event_id, field, who) values ('x:1', 'topic', 'bob')",
        "insert into ticket_changes (ticket_id, version, kind, who, reason, changes, brand)"
        " values ('x:1', 9, 'edited', 'bob', '', '{}', 'Other')",
        "insert into ticket_changes (ticket_id, version, kind, who, reason, changes, brand)"
        " values ('x:2', 9, 'edited', 'bob', '', '{}', 'Northwind Air')",
        "insert into replies (ticket_id, event_id, text, drafted, network, revision)"
        " values ('x:1', 'x:2', '', '', 'x', 0)",
        "update events set text = ''",
        "delete from tickets",
        "delete from ticket_changes",
        "update audit set who = 'bob'",
        "update users set brands = null",
    ],
)
async def test_a_write_that_is_another_brands_or_no_persons_is_refused(filled, engine, statement):
    with pytest.raises(NotTheirs, match="another brand"):
        async with BoundEngine(engine, OTHERS).begin() as connection:
            await connection.execute(text(statement))


async def test_who_is_bound_decides_on_replies_of_their_own_brands_and_it_is_kept(filled, engine):
    replies = Replies(BoundEngine(engine, OTHERS))
    [own] = await replies.newest(ticket="x:2")

    edited = await replies.edit(own["id"], "sky", "Sorry. Please write to us.")
    approved = await replies.approve(own["id"], "sky")
    await replies.discard(own["id"], "sky")
    await replies.opt_out("x", "ada", "sky")

    assert (edited["text"], approved["state"]) == ("Sorry. Please write to us.", "approved")
    async with engine.connect() as connection:
        query = text("select action from audit where who = 'sky' order by id")
        actions = list((await connection.execute(query)).scalars())
    assert actions == ["edit", "approve", "discard", "opt out"]
