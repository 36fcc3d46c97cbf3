"""Dead letters: nothing buried is lost, nothing replayed is doubled."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

from sqlalchemy import text

from stream.store.dead_letters import DeadLetter

LETTER = DeadLetter("cluster", "tweets", 0, 7, b"x:1", b"not json \x00\xff", "not an event")


async def test_a_letter_keeps_its_bytes_and_its_place(store):
    [number] = await store.bury([LETTER])

    shown = await store.show_dead(number)
    assert (shown.value, shown.key, shown.reason) == (LETTER.value, LETTER.key, LETTER.reason)
    assert (shown.cluster, shown.topic, shown.partition, shown.offset) == (
        "cluster",
        "tweets",
        0,
        7,
    )
    assert (shown.state, shown.attempts, shown.size) == ("dead", 1, 11)
    assert [(one.id, one.value) for one in await store.list_dead()] == [(number, None)]
    assert await store.show_dead(number + 1) is None


async def test_a_message_without_key_and_value_can_be_buried(store):
    [number] = await store.bury([replace(LETTER, key=None, value=None)])

    assert (await store.show_dead(number)).value is None


async def test_the_ids_come_in_the_order_of_the_letters(store):
    letters = [replace(LETTER, offset=offset) for offset in (9, 3, 5)]

    numbers = await store.bury(letters)

    assert [(await store.show_dead(number)).offset for number in numbers] == [9, 3, 5]


async def test_burying_the_same_message_again_keeps_one_row(store):
    [first] = await store.bury([LETTER])
    assert await store.bury([LETTER, LETTER]) == [first, first]

    [shown] = await store.list_dead()
    assert shown.attempts == 1


async def test_a_broker_that_counts_from_zero_again_overwrites_no_letter(store):
    one, other = await store.bury([LETTER, replace(LETTER, value=b"another one")])

    assert one != other
    assert (await store.show_dead(one)).value == LETTER.value


async def test_a_replay_that_fails_again_updates_its_row_however_often_it_is_delivered(store):
    [number] = await store.bury([LETTER])
    assert await store.mark_replayed([number]) == [number]
    again = DeadLetter(
        "cluster", "tweets", 0, 99, b"x:1", LETTER.value, "still not an event", replayed_as=number
    )

    assert await store.bury([again]) == [number]
    assert await store.bury([again]) == [number]

    [shown] = await store.list_dead()
    assert (shown.state, shown.attempts, shown.reason, shown.offset) == (
        "dead",
        2,
        "still not an event",
        7,
    )


async def test_a_replay_that_is_handled_resolves_its_letter_and_stays_resolved(store):
    [number] = await store.bury([LETTER])
    await store.mark_replayed([number])

    assert await store.resolve_dead([number]) == [number]
    assert await store.resolve_dead([number]) == []
    assert await store.mark_replayed([number]) == []
    assert await store.list_dead() == []
    assert await store.bury([LETTER]) == [number], "the original, delivered once more"
    assert (await store.show_dead(number)).state == "resolved"


async def test_a_letter_that_was_marked_and_never_sent_can_be_replayed_again(store):
    [number] = await store.bury([LETTER])
    await store.mark_replayed([number])

    assert [letter.state for letter in await store.list_dead()] == ["replayed"]
    assert await store.mark_replayed([number]) == [number]


async def test_a_replay_of_a_letter_that_was_pruned_meanwhile_is_buried_anew(store):
    [number] = await store.bury([replace(LETTER, replayed_as=4711)])

    assert (await store.show_dead(number)).reason == LETTER.reason


async def test_letters_are_forgotten_after_thirty_days(store):
    old, young = await store.bury([LETTER, replace(LETTER, offset=8)])
    async with store._engine.begin() as connection:
        await connection.execute(
            text(
                f"update dead_letters set updated_at = now() - interval '31 days' where id = {old}"
            )
        )

    assert await store.prune() == 1
    assert [letter.id for letter in await store.list_dead()] == [young]
    assert await store.prune(timedelta(0)) == 1


async def test_workers_that_bury_the_same_letters_agree(store):
    letters = [replace(LETTER, offset=offset) for offset in range(40)]

    found = await asyncio.gather(
        store.bury(letters), store.bury(letters[::-1]), store.bury(letters)
    )

    assert found[0] == found[1][::-1] == found[2]
    assert len(await store.list_dead()) == 40
