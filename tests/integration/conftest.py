"""What the tests of the store share."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from history import ANY_AGE, worst
from people import quick_people
from sqlalchemy.ext.asyncio import AsyncEngine
from stores import Stores

from stream.postgres.database import open_engine

if TYPE_CHECKING:
    from browsing import Person
    from playwright.async_api import Browser


@pytest.fixture
async def simple(postgres_url: str) -> AsyncIterator[Stores]:
    """A store whose fold is `history.worst`."""
    engine = open_engine(postgres_url)
    yield Stores(engine, fold=worst, history_after=ANY_AGE)
    await engine.dispose()


@pytest.fixture
async def engine(postgres_url: str) -> AsyncIterator[AsyncEngine]:
    made = open_engine(postgres_url)
    yield made
    await made.dispose()


@pytest.fixture
async def chromium(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Browser]:
    """A browser, for people who may take ten minutes to take back what they did: a machine that
    does many things at once does not press within ten seconds.
    """
    monkeypatch.setattr("stream.web.console.undo_bar.SECONDS", 600.0)
    monkeypatch.setattr("stream.desk.undo.UNDO_WITHIN", timedelta(minutes=20))
    from browsing import browser  # which few of the tests need

    async with browser() as made:
        yield made


@pytest.fixture
async def site(store: Stores, engine: AsyncEngine, postgres_url: str) -> AsyncIterator[str]:
    """Where the console is, with `browsing.staff`."""
    from browsing import staff
    from serving import web

    await staff(quick_people(engine))
    async with web(store, url=postgres_url) as address:
        yield address


@pytest.fixture
async def ben(chromium: Browser, site: str) -> AsyncIterator[Person]:
    """An agent who is logged in; nothing may be wrong in the pages, and nothing come from
    elsewhere.
    """
    from browsing import person

    async with person(chromium, site) as made:
        await made.log_in("ben")
        yield made
        assert made.wrong == []
        assert made.loaded <= {urlsplit(site).netloc, "inline"}, "something came from elsewhere"
