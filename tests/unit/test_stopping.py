"""Ends of a long-lived command: by a signal in order, by anything else with a line and a code."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator

import pytest

from stream.bootstrap.duties import until_one_ends
from stream.bootstrap.stopping import SIGNALS, until_signal
from stream.errors import UserError


@pytest.fixture(autouse=True)
def _signals_kept() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in SIGNALS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


async def forever() -> None:
    await asyncio.Event().wait()


async def library_that_cancels_itself() -> None:
    """As one does whose own time-out is lost on the way."""
    await asyncio.sleep(0)
    raise asyncio.CancelledError


async def task_that_somebody_cancels() -> None:
    task = asyncio.create_task(forever())
    asyncio.get_running_loop().call_soon(task.cancel)
    await task


async def future_that_was_cancelled() -> None:
    future = asyncio.get_running_loop().create_future()
    future.cancel()
    await future


@pytest.mark.parametrize(
    "part", [library_that_cancels_itself, task_that_somebody_cancels, future_that_was_cancelled]
)
@pytest.mark.parametrize("beside", [0, 2])
def test_a_part_that_is_cancelled_without_a_signal_is_no_end_in_order(part, beside):
    """A worker ended so with exit code 0 and without a word, when its broker had come back."""

    async def work() -> None:
        await until_one_ends(part(), *(forever() for _ in range(beside)))

    with pytest.raises(UserError, match="nobody had asked for it"):
        asyncio.run(until_signal(work()))


def test_the_reason_of_an_end_survives_a_clean_up_that_is_cancelled():
    async def work() -> None:
        try:
            raise UserError("the Kafka consumer stopped")
        finally:
            await library_that_cancels_itself()

    with pytest.raises(UserError, match="the Kafka consumer stopped"):
        asyncio.run(until_signal(work()))


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_is_an_end_in_order(number):
    async def work() -> None:
        asyncio.get_running_loop().call_soon(os.kill, os.getpid(), number)
        await until_one_ends(forever(), forever())

    asyncio.run(until_signal(work()))
