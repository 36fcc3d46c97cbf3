"""Users, sessions and brand-bound logins against a real PostgreSQL."""

from __future__ import annotations

import json

import asyncpg
import pytest
from history import tweet
from people import quick_people
from rows import ask, do
from typer.testing import CliRunner

from stream.accounts.guesses import FREE_GUESSES, FREE_GUESSES_OF_NAME, TooManyGuesses
from stream.accounts.postgres_logins import ensure_login
from stream.accounts.sessions import Sessions, WrongPassword
from stream.accounts.users import People
from stream.cli.main import app
from stream.errors import UserError
from stream.web.console.people_page import _brands_said

SECRET = "four quiet otters sing"
OTHER = "eleven brass kettles hum"


@pytest.fixture
def people(engine):
    return quick_people(engine)


@pytest.fixture
def sessions(engine):
    return Sessions(engine)


async def test_the_first_user_is_an_admin_made_with_a_code_that_works_once(people):
    first, code = await people.setup_code(), await people.setup_code()
    assert first is not None
    assert code is not None

    user = await people.set_up(f" {code.lower()} ", "ada", SECRET)

    assert (user.role, user.brands) == ("admin", None)
    assert await people.setup_code() is None
    for used in (code, first):  # that of another server is worth nothing any more either
        with pytest.raises(UserError, match="wrong, used or older"):
            await people.set_up(used, "eve", SECRET)


async def test_a_code_is_worth_nothing_after_a_quarter_of_an_hour(people, postgres_url):
    code = await people.setup_code()
    await ask(
        postgres_url, "update setup_codes set expires_at = expires_at - interval '15 minutes'"
    )

    with pytest.raises(UserError, match="older than 15 minutes"):
        await people.set_up(code, "ada", SECRET)


async def test_a_password_is_hashed_as_rfc_9106_says_unless_a_test_is_in_a_hurry(
    engine, postgres_url
):
    await People(engine).add("ada", SECRET, "agent")

    [(stored,)] = await ask(postgres_url, "select password_hash from users")
    assert stored.startswith("$argon2id$v=19$m=65536,t=3,p=4$")


async def test_neither_passwords_nor_tokens_nor_codes_are_stored(people, sessions, postgres_url):
    code = await people.setup_code()
    await people.set_up(code, "ada", SECRET)
    token = await sessions.log_in("ada", SECRET, "127.0.0.1")

    stored = str(await ask(postgres_url, "select * from users")) + str(
        await ask(postgres_url, "select * from sessions")
    )
    assert "$argon2id$" in stored
    assert SECRET not in stored
    assert token not in stored


@pytest.mark.parametrize(
    ("name", "password", "why"),
    [
        ("ada", "short", "12 to 200"),
        ("ada", "aaaaaaaaaaaaaaaa", "easily guessed"),
        ("bartholomew", "Bartholomew2026!", "easily guessed"),
        ("ada", "password1234", "easily guessed"),
        ("ada", "123456789012", "easily guessed"),
        ("ada", "qwertyuiop12", "easily guessed"),
        ("ada", "P@ssw0rd1234", "easily guessed"),
        ("ada", "iloveyou2026", "easily guessed"),
        ("ada", "earshotearshot", "easily guessed"),
        ("ada", "qwerty" * 33, "easily guessed"),
        (" ada", SECRET, "printable"),
        ("a\nda", SECRET, "printable"),
    ],
)
async def test_a_poor_name_or_password_is_refused_with_what_would_do(people, name, password, why):
    with pytest.raises(UserError, match=why):
        await people.add(name, password, "agent")


async def test_a_session_is_its_users_until_it_ends(people, sessions, postgres_url):
    await people.add("ada", SECRET, "lead", ["Northwind Air"])
    token = await sessions.log_in("ada", SECRET, "127.0.0.1")
    other = await sessions.log_in("ada", SECRET, "127.0.0.1")

    session = await sessions.session(token)
    assert session is not None
    assert (session.user.name, session.user.brands) == ("ada", frozenset({"Northwind Air"}))
    assert [session.user.may(role) for role in ("agent", "lead", "admin")] == [True, True, False]
    await sessions.log_out(token)
    assert await sessions.session(token) is None
    await ask(postgres_url, "update sessions set expires_at = expires_at - interval '12 hours'")
    assert await sessions.session(other) is None


async def test_whoever_is_disabled_or_gets_a_new_password_is_logged_out(people, sessions):
    await people.add("root", SECRET, "admin")
    await people.add("ada", SECRET, "agent")
    token = await sessions.log_in("ada", SECRET, "127.0.0.1")
    await people.set_password("ada", OTHER)
    assert await sessions.session(token) is None

    token = await sessions.log_in("ada", OTHER, "127.0.0.1")
    await people.disable("ada")
    assert await sessions.session(token) is None
    with pytest.raises(WrongPassword):
        await sessions.log_in("ada", OTHER, "127.0.0.1")


async def test_the_last_admin_stays_one(people):
    await people.add("root", SECRET, "admin")

    with pytest.raises(UserError, match="only admin"):
        await people.disable("root")
    with pytest.raises(UserError, match="only admin"):
        await people.set_role("root", "viewer", None)
    await people.add("boss", SECRET, "admin", ["Acme"])  # who may make nobody
    for brands in (["Acme"], []):
        with pytest.raises(UserError, match="only admin"):
            await people.change_brands("root", brands)
    with pytest.raises(UserError, match="only admin"):
        await people.disable("root")
    root = await people.find("root")
    assert (root.role, root.brands) == ("admin", None)


async def test_guesses_are_slowed_by_name_and_the_right_password_does_not_help_meanwhile(
    people, sessions, postgres_url
):
    await people.add("ada", SECRET, "agent")
    await ask(
        postgres_url,
        "insert into failed_logins (name, address, at) select 'ada', '10.1.0.' || n, now() "
        f"from generate_series(1, {FREE_GUESSES_OF_NAME}) n",
    )

    with pytest.raises(TooManyGuesses) as slowed:
        await sessions.log_in("ada", SECRET, "10.0.0.99")
    assert 1 <= slowed.value.seconds <= 60
    await ask(postgres_url, "update failed_logins set at = at - interval '61 seconds'")
    assert await sessions.log_in("ada", SECRET, "10.0.0.99")
    with pytest.raises(WrongPassword):  # logged in: the count begins anew
        await sessions.log_in("ada", "a wrong password", "10.0.0.99")


async def test_names_that_nobody_has_are_slowed_too(sessions):
    for _ in range(FREE_GUESSES):
        with pytest.raises(WrongPassword):
            await sessions.log_in("nobody", SECRET, "10.0.0.1")
    with pytest.raises(TooManyGuesses):
        await sessions.log_in("nobody", SECRET, "10.0.0.1")


VISIBLE = {
    "tickets": "select id from tickets order by id",
    "open_tickets": "select id from open_tickets order by id",
    "events": "select id from events order by id",
    "ticket_history": "select ticket_id from ticket_history order by 1",
}


async def test_a_login_bound_to_a_brand_sees_its_rows_alone_and_cannot_widen_itself(
    simple, engine, people, postgres_url
):
    await simple.save([tweet(1, 90), tweet(2, 90, brand="Other"), tweet(3, 90, brand=None)])
    bound = await people.add("ada", SECRET, "agent", ["Northwind Air"])
    url = await ensure_login(engine, postgres_url, bound)

    for query in VISIBLE.values():
        assert [row[0] for row in await ask(url, query)] == ["x:1"], query
    assert [row["brand"] for row in await ask(url, "select distinct brand from alerts")] == [
        "Northwind Air"
    ]
    assert [row["brand"] for row in await ask(url, "select brand from brand_health")] == [
        "Northwind Air"
    ]
    for attempt in (
        "set role postgres",
        "set session authorization postgres",
        "set row_security = off; select count(*) from events",
        "select * from users",
        "select * from events_default",
        "set default_transaction_read_only = off; update tickets set owner = 'me'",
        "create temporary table users (login text, brands text[])",
    ):
        with pytest.raises(asyncpg.PostgresError):
            await do(url, attempt)


async def test_what_a_login_sees_follows_the_users_brands_at_once(
    simple, engine, people, postgres_url
):
    await simple.save([tweet(1, 90), tweet(2, 90, brand="Other")])
    await people.add("root", SECRET, "admin")
    user = await people.add("ada", SECRET, "agent", ["Northwind Air"])
    url = await ensure_login(engine, postgres_url, user)
    await ensure_login(engine, postgres_url, user)  # again, as at every start

    await people.set_role("ada", "lead", None)
    assert [row[0] for row in await ask(url, VISIBLE["tickets"])] == ["x:1", "x:2"]
    await people.disable("ada")
    assert await ask(url, VISIBLE["tickets"]) == []


async def test_where_nobody_is_an_admin_nobody_is_taken_for_the_only_one(people):
    await people.add("lena", SECRET, "lead")

    await people.disable("lena")


@pytest.mark.parametrize(
    ("options", "brands"),
    [
        ((), ["Other", "Third"]),
        (("--brand", "Third"), ["Third"]),
        (("--all-brands",), None),
    ],
    ids=["role alone", "another brand", "all of them"],
)
def test_a_new_role_leaves_the_brands_unless_the_command_names_them(command_line, options, brands):
    command_line("add", "lyn", "--role", "viewer", "--brand", "Other", "--brand", "Third")

    answer = command_line("role", "lyn", "agent", *options)

    listed = json.loads(command_line("list", "--json").stdout)
    assert (listed["role"], listed["brands"]) == ("agent", brands)
    assert ", ".join(brands or ["all brands"]) in answer.stdout


def test_one_brand_and_all_brands_are_two_things(command_line):
    command_line("add", "lyn", "--brand", "Other")

    answer = command_line("role", "lyn", "agent", "--brand", "Third", "--all-brands")

    assert isinstance(answer.exception, UserError)
    assert json.loads(command_line("list", "--json").stdout)["brands"] == ["Other"]


@pytest.fixture
def command_line(postgres_url, tmp_path, monkeypatch):
    monkeypatch.setenv("EARSHOT_DATABASE_URL", postgres_url)
    monkeypatch.setenv("EARSHOT_HOME", str(tmp_path))
    return lambda *given: CliRunner().invoke(app, ["user", *given], input=f"{SECRET}\n")


async def test_the_people_page_changes_what_was_said_and_refuses_an_emptied_field(people, engine):
    await people.add("root", SECRET, "admin")
    await people.add("lyn", SECRET, "viewer", ["Other"])

    assert (await people.change_role("lyn", "agent")).brands == {"Other"}
    assert (await people.change_brands("lyn", ["Third"])).role == "agent"
    for emptied in ([], [""], [" ", ""], None, "Other"):
        with pytest.raises(UserError, match="all brands"):
            _brands_said({"brands": emptied})
    assert _brands_said({"brands": ["All brands"]}) is None
    assert _brands_said({"brands": ["Third", "Other"]}) == ["Other", "Third"]
