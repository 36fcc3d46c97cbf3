"""Backlog of made-up tickets, filled by SQL: as many open ones as a benchmark asks for.

Each has one message of words drawn from a short list of sentences, so that a search for a common
word finds thousands and one for a rare word a few. Nothing is judged by a model.
"""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

BRANDS = ("Northwind Air", "Volt Energy", "Meridian Bank", "Fresh Basket", "Loop Mobile")

_FILL = """
create temporary table said on commit drop as
with words as (
    select
        array[
            'my suitcase never arrived in Lisbon', 'the flight was cancelled without a word',
            'nobody answers the phone', 'you charged my card twice', 'the app logs me out',
            'the delivery is four days late', 'the router blinks red since Monday',
            'your agent hung up on me', 'I want my money back', 'the seat was broken'
        ] as matters,
        array[
            'please help', 'this is the third time', 'my mother waits',
            'I am so tired',
            'what now', 'still no answer', 'my booking is in the mail', 'fix it today',
            'unbelievable',
            'I will leave you'
        ] as pleas
)
select
    number,
    'bench:' || number as id,
    (cast(:brands as text[]))[1 + number % 5] as brand,
    'writer' || number % :authors as author,
    matters[1 + (number * 7) % 10] || ', ' || pleas[1 + (number / 10) % 10]
        || ' (case' || number || ')' || case
            when number % 1000 = 0 then ' the pendant alarm of my neighbour' else '' end as text,
    5 + (number * 31) % 86 as priority,
    now() - make_interval(secs => (number * 37) % 1209600) as at
from words, generate_series(1, :tickets) as number
"""
_EVENTS = """
insert into event_ids (id, revision, occurred_at, conversation, received_at)
select id, 0, at, id, at from said;
insert into events (id, revision, kind, network, conversation, direction, author, brand, language,
    text, occurred_at, received_at, sentiment, scores, dissatisfaction, topic, problem, abstained,
    model_version)
select id, 0, 'tweet', 'bench', id, 'inbound', author, brand, 'en', text, at, at, 'negative',
    '{}', priority, topic, problem, false, 'bench'
from said, lateral (select
    (array['baggage', 'delay', 'billing', 'network', 'service'])[1 + number % 7 % 5] as topic,
    (array['lost baggage', 'cancelled', 'charged twice', null, 'rude agent'])[1 + number % 5]
        as problem) as about
"""
_TICKETS = """
insert into tickets (id, network, brand, author, priority, level, factors, needs_look, topic,
    problem, sentiment, dissatisfaction, excerpt, messages, first_at, last_inbound_at, received_at,
    waiting_since, version, state, owner, tags)
select said.id, 'bench', said.brand, said.author, priority,
    case when priority >= 80 then 'P1' when priority >= 60 then 'P2'
         when priority >= 30 then 'P3' else 'P4' end,
    jsonb_build_array(
        jsonb_build_object('name', 'dissatisfaction', 'points', priority - 12,
                           'words', 'very dissatisfied, and says so'),
        jsonb_build_object('name', 'waiting', 'points', 8, 'words', 'waits for an answer'),
        jsonb_build_object('name', 'again', 'points', 4, 'words', 'wrote before')),
    number % 40 = 0, topic, problem, 'negative', priority, said.text, 1, at, at, at, at, 1,
    case when number % 10 = 0 then 'open' else 'new' end,
    case when number % 10 = 0 then 'agent ' || number % 8 end,
    case when number % 25 = 0 then array['vip'] else '{}' end
from said join events on events.id = said.id
"""


async def fill(engine: AsyncEngine, tickets: int) -> None:
    """Put so many open tickets of the last fourteen days into an empty database."""
    values = {"tickets": tickets, "brands": list(BRANDS), "authors": max(1, tickets * 3 // 4)}
    async with engine.begin() as connection:
        await connection.execute(text(_FILL), values)
        for statement in (*_EVENTS.split(";\n"), _TICKETS):
            await connection.execute(text(statement))
    async with engine.connect() as connection:
        autocommit = await connection.execution_options(isolation_level="AUTOCOMMIT")
        await autocommit.execute(text("vacuum analyze"))
