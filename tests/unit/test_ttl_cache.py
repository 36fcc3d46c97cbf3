"""Answers that are made once for all who ask."""

from __future__ import annotations

import asyncio

import pytest

from stream.monitor.cache import MAX_ANSWERS, TtlCache


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def made():
    return []


@pytest.fixture
def make(made):
    async def one() -> int:
        await asyncio.sleep(0)
        made.append(1)
        return len(made)

    return one


async def test_many_who_ask_at_once_get_the_same_answer(clock, made, make):
    cache = TtlCache(clock)
    assert await asyncio.gather(*(cache.get("a", 5.0, make) for _ in range(50))) == [1] * 50
    clock.now = 4.9
    assert await cache.get("a", 5.0, make) == 1
    clock.now = 5.0
    assert await cache.get("a", 5.0, make) == 2


async def test_an_error_is_told_to_those_who_wait_and_not_remembered(clock, made, make):
    cache = TtlCache(clock)

    async def fail() -> int:
        raise ValueError("away")

    with pytest.raises(ValueError, match="away"):
        await cache.get("a", 5.0, fail)
    assert await cache.get("a", 5.0, make) == 1


async def test_whoever_gives_up_takes_the_answer_from_nobody(clock, made, make):
    cache = TtlCache(clock)
    waiting = asyncio.Event()

    async def slow() -> str:
        await waiting.wait()
        return "here"

    first = asyncio.create_task(cache.get("a", 5.0, slow))
    second = asyncio.create_task(cache.get("a", 5.0, slow))
    await asyncio.sleep(0)
    first.cancel()
    waiting.set()
    assert await second == "here"


async def test_it_does_not_grow_for_ever(clock, made, make):
    cache = TtlCache(clock)
    for number in range(MAX_ANSWERS + 50):
        await cache.get(number, 5.0, make)
    assert len(cache._answers) == MAX_ANSWERS
