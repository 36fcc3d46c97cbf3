"""A new connector is one file and one line in the catalog: a network of pigeons, added and used."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys

import pytest
from acceptance.earshot import Home

from connectors import catalog
from connectors.base import ConnectorError
from connectors.network import Context
from stream.ingest.networks import open_replier
from stream.settings import read_networks, read_settings

FILE = '''
"""Pigeons: posts that come by air."""

from datetime import UTC, datetime

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from connectors.base import ConnectorError, PostStatus, SentReply
from connectors.events import SourcedEvent, Tweet
from connectors.keywords import KeywordFilter
from connectors.network import Network

POSTS = ("delta lost my bag", "nice weather", "delta was late again")


class PigeonNetwork(Network):
    model_config = SettingsConfigDict(env_prefix="EARSHOT_PIGEON_")

    loft: str | None = Field(None, description="where the pigeons live")
    wings: int = Field(2, ge=2, description="of a pigeon")
    whistle: SecretStr | None = Field(None, description="calls them home")

    def open_sources(self, query, context):
        if not self.loft:
            raise ConnectorError("Pigeons: set EARSHOT_PIGEON_LOFT")
        return [Pigeons(KeywordFilter(query.keywords, query.handles), query.brand)]

    def open_replier(self, brand, context):
        return PigeonReplier()


class Pigeons:
    name = "pigeon:loft"

    def __init__(self, keyword_filter, brand):
        self._keyword_filter, self._brand = keyword_filter, brand

    async def events(self, cursor):
        for number, text in enumerate(POSTS):
            if number > (-1 if cursor is None else cursor) and self._keyword_filter(text):
                id = f"pigeon:{number}"
                now = datetime.now(UTC)
                tweet = Tweet(
                    id=id, conversation=id, occurred_at=now, text=text, brand=self._brand
                )
                yield SourcedEvent(tweet, number)

    async def close(self):
        pass


class PigeonReplier:
    network = "pigeon"

    async def reply(self, to, text, *, key):
        return SentReply(f"pigeon:{key}", datetime.now(UTC))

    async def find_reply(self, to, text, *, key, since):
        return None

    async def lookup(self, ids):
        return {id: PostStatus("there") for id in ids}

    async def close(self):
        pass
'''
NAME, LINE = "pigeon", "pigeon:PigeonNetwork"
# The line is in the catalog of this process alone, not in the worker's.
EARSHOT = f"""
from connectors.catalog import NETWORKS
NETWORKS[{NAME!r}] = {LINE!r}
from stream.cli.main import main
main()
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "pigeon.py").write_text(FILE)
    return tmp_path


@pytest.fixture
def installed(folder, monkeypatch):
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setitem(catalog.NETWORKS, NAME, LINE)
    yield
    sys.modules.pop("pigeon", None)


def earshot(home: Home, folder, *arguments: str, **settings: str):
    environment = home.environment(drafts="false", threads="1", **settings)
    paths = [str(folder), environment.get("PYTHONPATH", ""), os.getcwd()]
    return subprocess.run(
        [sys.executable, "-c", EARSHOT, *arguments],
        capture_output=True,
        text=True,
        timeout=180,
        env=environment | {"PYTHONPATH": os.pathsep.join(paths)},
        cwd=home.folder,
    )


def test_its_settings_are_read_and_its_secrets_hidden(installed, monkeypatch):
    monkeypatch.setenv("EARSHOT_PIGEON_WHISTLE", "two-tones")
    assert read_networks()[NAME].whistle.get_secret_value() == "two-tones"
    assert "two-tones" not in repr(read_networks())

    monkeypatch.setenv("EARSHOT_PIGEON_WINGS", "1")
    with pytest.raises(ConnectorError, match=r"^EARSHOT_PIGEON_WINGS: .*deploy/env\.example$"):
        read_settings()


def test_it_answers(installed):
    sent = asyncio.run(open_replier(NAME, Context(None)).reply("pigeon:1", "Sorry.", key="7"))

    assert sent.id == "pigeon:7"


def test_it_is_listed_and_says_what_must_be_set(home: Home, folder):
    listed = earshot(home, folder, "connector", "list").stdout.splitlines()
    assert listed[:2] == [
        "in        bluesky, demo, file, imap, mastodon, pigeon, x",
        "answers   bluesky, file, mastodon, pigeon, x",
    ]

    refused = earshot(home, folder, "ingest", NAME, "--keyword", "delta")
    assert (refused.returncode, refused.stderr) == (
        2,
        "earshot: Pigeons: set EARSHOT_PIGEON_LOFT\n",
    )


def test_its_posts_become_events(home: Home, folder):
    done = earshot(home, folder, "ingest", NAME, "--keyword", "delta", pigeon_loft="roof")
    assert done.returncode == 0, done.stderr

    asked = home.run("sql", "select id, text from events order by id", "--format", "csv")
    assert asked.stdout.splitlines()[1:] == [
        "pigeon:0,delta lost my bag",
        "pigeon:2,delta was late again",
    ], asked.stderr
