"""What the tests of the store share."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import pytest
from history import worst
from sqlalchemy.ext.asyncio import AsyncEngine

from stream.database import open_engine
from stream.store import Store

if TYPE_CHECKING:
    from playwright.async_api import Browser


@pytest.fixture
async def simple(postgres_url: str) -> AsyncIterator[Store]:
    """A store whose fold is `history.worst`."""
    engine = open_engine(postgres_url)
    yield Store(engine, fold=worst)
    await engine.dispose()


@pytest.fixture
async def engine(postgres_url: str) -> AsyncIterator[AsyncEngine]:
    made = open_engine(postgres_url)
    yield made
    await made.dispose()


@pytest.fixture
async def chromium() -> AsyncIterator[Browser]:
    from browsing import browser  # which few of the tests need

    async with browser() as made:
        yield made
