"""Many requests, one model."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import pytest

from stream.web.batcher import Batcher, Busy


class Model:
    """Doubles numbers; waits to be let go, and remembers its batches."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.go = asyncio.Event()
        self.go.set()

    async def __call__(self, batch: list[int]) -> list[int]:
        self.batches.append(list(batch))
        await self.go.wait()
        if 13 in batch:
            raise ValueError("thirteen")
        return [2 * number for number in batch]


@asynccontextmanager
async def busy(model: Model, **given):
    """A batcher whose model is held at its first batch, [0]."""
    batcher = Batcher(model, **given)
    async with batcher.running():
        model.go.clear()
        first = asyncio.create_task(batcher([0]))
        while not model.batches:
            await asyncio.sleep(0)
        yield batcher
        model.go.set()
        assert await first == [0]


async def turn() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_each_request_gets_its_own_results_in_order():
    model = Model()
    batcher = Batcher(model, limit=4)
    async with batcher.running():
        asked = [list(range(10 * n, 10 * n + n)) for n in range(1, 8)]
        told = await asyncio.gather(*(batcher(each) for each in asked))

    assert told == [[2 * number for number in each] for each in asked]
    assert max(map(len, model.batches)) <= 4
    assert batcher.waiting == 0


async def test_what_arrives_while_the_model_is_busy_is_one_batch():
    model = Model()
    async with busy(model) as batcher:
        waiting = [asyncio.create_task(batcher([number])) for number in (1, 2, 3)]
        await turn()
        model.go.set()
        assert await asyncio.gather(*waiting) == [[2], [4], [6]]

    assert model.batches == [[0], [1, 2, 3]]


async def test_two_batches_are_under_way_at_once_where_the_model_takes_them():
    model = Model()
    async with busy(model, limit=2, runners=2) as batcher:
        later = [asyncio.create_task(batcher(items)) for items in ([1], [2, 3, 4])]
        await turn()

        assert model.batches == [[0], [1, 2]]  # the second while the first is held, and no third
        model.go.set()
        assert await asyncio.gather(*later) == [[2], [4, 6, 8]]
    assert sorted(number for batch in model.batches for number in batch) == [0, 1, 2, 3, 4]


async def test_a_large_request_does_not_hold_up_a_small_one():
    model = Model()
    async with busy(model, limit=4) as batcher:
        large = asyncio.create_task(batcher(list(range(100, 120))))
        await turn()
        small = asyncio.create_task(batcher([7]))
        await turn()
        model.go.set()
        assert await small == [14]
        await large

    assert 7 in model.batches[1]


async def test_what_is_cancelled_before_its_turn_costs_nothing():
    model = Model()
    async with busy(model) as batcher:
        given_up = asyncio.create_task(batcher([5, 6]))
        kept = asyncio.create_task(batcher([8]))
        await turn()
        given_up.cancel()
        await turn()
        assert batcher.waiting == 1
        model.go.set()
        assert await kept == [16]

    assert model.batches == [[0], [8]]
    assert given_up.cancelled()


async def test_more_than_may_wait_is_refused_and_not_kept():
    model = Model()
    async with busy(model, waiting=3) as batcher:
        kept = asyncio.create_task(batcher([1, 2, 3]))
        await turn()
        with pytest.raises(Busy) as refused:
            await batcher([4])
        assert refused.value.retry_after > 0
        model.go.set()
        assert await kept == [2, 4, 6]
        assert await batcher([4]) == [8]


async def test_who_would_wait_too_long_is_refused():
    model = Model()
    async with busy(model, limit=2, patience=0.0) as batcher:
        model.go.set()
        await batcher([1, 2])  # a full batch: its speed is known now
        model.go.clear()
        held = asyncio.create_task(batcher([3]))
        await turn()
        kept = asyncio.create_task(batcher([4]))
        await turn()
        with pytest.raises(Busy):
            await batcher([5])
        model.go.set()
        assert [await held, await kept] == [[6], [8]]


async def test_a_batch_that_fails_fails_those_who_asked_and_nobody_else():
    model = Model()
    batcher = Batcher(model, limit=2)
    async with batcher.running():
        with pytest.raises(ValueError, match="thirteen"):
            await batcher([13, 1, 2, 3, 4])
        assert batcher.waiting == 0
        assert await batcher([1]) == [2]
