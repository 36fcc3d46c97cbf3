"""X's filtered stream without gaps: what a broken connection missed is searched for, what comes
twice is dropped.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from datetime import timedelta
from typing import Any

from tweepy import StreamRule

from connectors.base import SourceError
from connectors.events import LiveEvents, Passed, Sourced, Tweet
from connectors.seen import Seen
from connectors.x.client import ERRORS, Api, Stream, StreamBroke, parsed
from connectors.x.costs import Meter
from connectors.x.mentions import XMentions
from connectors.x.posts import (
    EXPANSIONS,
    POST_FIELDS,
    USER_FIELDS,
    first_id_at,
    post_event,
    said_at,
    users_of,
)
from connectors.x.rules import Rule, Terms, tag_of

SEARCHABLE = timedelta(days=7)  # how far the recent search looks back
SETTLE = 30.0  # seconds until the search knows a post: by default X leaves the last 30 out
RULES_TAKE = 20.0  # seconds until the stream obeys a new rule
OVERLAP = timedelta(
    seconds=60
)  # searched again before a gap: posts do not come in the order of their ids
QUIET = 900.0  # seconds with keep-alives alone until we ask whether there really was nothing
MOST_WAITING = 20_000  # posts that may wait for us; then we let the connection go and search later

Reading = AsyncGenerator[Sourced | Passed, None]

_FIELDS = {"tweet_fields": POST_FIELDS, "user_fields": USER_FIELDS, "expansions": EXPANSIONS}


class XStream:
    """A LiveSource. Its cursor: `since`, up to which id nothing is missing; `skip`, that a budget
    ended the reading and what follows was left out on purpose; `mentions`, the poller's.

    without_own: mentions of the own account are left out: a poller reads them. mentions: what is
    polled instead when the budget is reached and `on_budget` is "poll". sample: percent of the
    posts that are read then with "sample". told: hears what an operator should know.
    """

    def __init__(
        self,
        api: Api,
        terms: Terms,
        meter: Meter,
        *,
        name: str,
        brand: str | None = None,
        without_own: bool = False,
        mentions: XMentions | None = None,
        sample: int = 10,
        settle: float = SETTLE,
        rules_take: float = RULES_TAKE,
        quiet: float = QUIET,
        told: Callable[[str], None] = lambda line: None,
    ) -> None:
        self.name = name
        self._api = api
        self._terms = terms
        self._without_own = without_own
        self._rules: list[Rule] = []
        self._meter = meter
        self._brand = brand
        self._mentions = mentions
        self._sample = sample
        self._settle = settle
        self._rules_take = rules_take
        self._quiet = quiet
        self._told = told
        self._seen = Seen()

    async def events(self, cursor: Any | None) -> LiveEvents:
        cursor = cursor or {}
        await self._meter.settle()
        try:
            if not self._meter.exhausted:
                listening = self._listen(cursor, percent=None)
            elif (
                self._meter.on_budget == "poll"
                and self._mentions is not None
                and not self._meter.finished
            ):
                listening = self._poll(self._mentions, cursor)
            elif self._meter.on_budget == "sample" and not self._meter.finished:
                listening = self._listen(cursor | {"skip": True}, percent=self._sample)
            else:
                yield Passed(cursor | {"skip": True})
                raise SourceError(
                    "X: today's budget is spent", retry_after=self._meter.until_tomorrow()
                )
            was = self._state()
            async with aclosing(listening):
                async for each in listening:
                    yield each
                    if self._state() != was:
                        yield Passed(
                            each.cursor | ({"skip": True} if self._meter.exhausted else {})
                        )
                        raise SourceError(
                            "X: another way of reading, because of the budget", retry_after=0.0
                        )
        finally:
            await self._meter.settle()

    def _state(self) -> tuple[bool, bool]:
        return self._meter.exhausted, self._meter.finished

    async def _poll(self, mentions: XMentions, cursor: Mapping[str, Any]) -> Reading:
        async for each in mentions.events(cursor.get("mentions")):
            now = {"skip": True, "mentions": each.cursor}
            yield Sourced(each.event, now) if isinstance(each, Sourced) else Passed(now)

    async def _listen(self, cursor: Mapping[str, Any], percent: int | None) -> Reading:
        """One connection. Until its gap is closed the cursor stays where it was."""
        self._rules = self._rules or await self._wanted_rules()
        changed = await self._keep_rules([rule.sampled(percent) for rule in self._rules])
        since = int(cursor.get("since", 0))
        skips = bool(cursor.get("skip")) or not since
        if skips:
            since = first_id_at(self._api.clock())
        place = {"since": str(since)} | ({"skip": True} if percent else {})
        yield Passed(place)
        loop = asyncio.get_running_loop()
        async with self._connected() as lines:
            opened = heard_at = loop.time()
            closes = opened + self._settle + (self._rules_take if changed else 0.0)
            gap = not skips or (changed and percent is None)
            if not skips:
                searched = self._api.clock()
                async for event in self._search(since):
                    yield Sourced(event, place)
                # All that the search knew is read: the rest of the gap begins where its knowledge
                # ends.
                since = max(since, first_id_at(searched - timedelta(seconds=self._settle)))
                place = {"since": str(since)}
                yield Passed(place)
            while True:
                if gap and loop.time() >= closes:
                    async for event in self._search(since):
                        yield Sourced(event, place)
                    gap = False
                if not gap and loop.time() >= heard_at + self._quiet:
                    async for event in self._missed(since):
                        yield Sourced(event, place)
                    heard_at = loop.time()
                patience = closes - loop.time() if gap else heard_at + self._quiet - loop.time()
                line = await lines(max(0.0, patience))
                if line is None:
                    continue
                heard_at = loop.time()
                if (told := self._event(line)) is not None:
                    id, event = told
                    since = since if gap else max(since, id)
                    place = place if gap else place | {"since": str(since)}
                    if self._seen.is_new(event):
                        yield Sourced(event, place)

    def _event(self, line: bytes) -> tuple[int, Tweet] | None:
        """The post of a line, and its id; None where it is none of ours. Raises StreamBroke when
        the stream ends.
        """
        said = parsed(line)
        if "data" not in said:
            first = (said.get("errors") or [said])[0]
            raise StreamBroke(
                str(first.get("detail") or first.get("title") or "X ended the stream")
            )
        post = said["data"]
        self._meter.read([str(post.get("id"))])
        tags = [
            str(rule.get("tag"))
            for rule in said.get("matching_rules") or [{"tag": tag_of(self._brand)}]
        ]
        if tag_of(self._brand) not in tags:
            return None
        event = self._readable(post, users_of(said))
        return (int(post["id"]), event) if event else None

    def _readable(
        self, post: Mapping[str, Any], users: Mapping[str, Mapping[str, Any]]
    ) -> Tweet | None:
        try:
            return post_event(post, users, brand=self._brand)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            self._told(
                f"X: the post {post.get('id')} cannot be read and is left out ({type(error).__name__})"
            )
            return None

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[Callable[[float], Any]]:
        """tweepy's stream as a function that waits so many seconds for the next line: None where
        none came.
        """
        waiting: asyncio.Queue[bytes] = asyncio.Queue()

        def heard(line: bytes | None) -> None:
            self._api.trouble.over()
            if waiting.qsize() >= MOST_WAITING:
                raise StreamBroke("we read too slowly")
            if line is not None:
                waiting.put_nowait(line)

        stream = self._api.stream(heard)
        running = stream.filter(**_FIELDS)

        async def next_line(patience: float) -> bytes | None:
            getting = asyncio.ensure_future(waiting.get())
            done, _ = await asyncio.wait(
                {getting, running}, timeout=patience, return_when=asyncio.FIRST_COMPLETED
            )
            if getting in done:
                return getting.result()
            getting.cancel()
            if running in done:
                raise stream.broke or StreamBroke("the stream ended")
            return None

        try:
            with self._explained("the filtered stream", stream):
                yield next_line
        finally:
            await _stopped(stream, running)

    async def _search(self, since: int) -> AsyncIterator[Tweet]:
        """What the recent search knows after this id, as far as it is new."""
        oldest = first_id_at(self._api.clock() - SEARCHABLE + timedelta(minutes=5))
        if since < oldest:
            self._told(
                f"X: posts from {said_at(since):%Y-%m-%d %H:%M} to {said_at(oldest):%Y-%m-%d %H:%M} UTC are missing: "
                "the recent search looks back 7 days"
            )
        after = max(oldest, first_id_at(said_at(since) - OVERLAP))
        for rule in self._rules:
            token: str | None = None
            while not self._meter.exhausted:
                client = self._api.client()
                with self._explained("the recent search", client):
                    page = await client.search_recent_tweets(
                        rule.value,
                        since_id=str(after),
                        max_results=100,
                        next_token=token,
                        **_FIELDS,
                    )
                posts, users = page.get("data") or [], users_of(page)
                self._meter.read(str(post.get("id")) for post in posts)
                await self._meter.settle()
                for event in filter(None, (self._readable(post, users) for post in posts)):
                    if self._seen.is_new(event):
                        yield event
                token = (page.get("meta") or {}).get("next_token")
                if not token:
                    break

    async def _missed(self, since: int) -> AsyncIterator[Tweet]:
        """Posts that a stream of keep-alives has kept from us. Raises StreamBroke after them, if
        there were any.
        """
        found = 0
        async for event in self._search(since):
            found += 1
            yield event
        if found:
            raise StreamBroke(f"the stream was silent about {found} posts")

    async def _wanted_rules(self) -> list[Rule]:
        own: str | None = None
        if self._without_own:
            client = self._api.client()
            with self._explained("asking whose keys these are", client):
                told = await client.get_me(user_auth=True)
            own = str((told.get("data") or {}).get("username") or "")
            self._meter.read([self._api.keys.own_id], owned=True)
        rules = self._terms.rules(brand=self._brand, without=own)
        if not rules:
            raise SourceError(
                f"X: besides @{own} there is nothing to listen for; set EARSHOT_X_LISTEN=mentions"
            )
        return rules

    async def _keep_rules(self, wanted: Sequence[Rule]) -> bool:
        """Make our rules on X the wanted ones; says whether there are new ones. Those come first,
        so that nothing falls between.
        """
        client = self._api.stream(lambda line: None)
        tag = tag_of(self._brand)
        with self._explained("the rules of the filtered stream", client):
            known = (await client.get_rules()).get("data") or []
            ours = [rule for rule in known if rule.get("tag") == tag]
            missing = [
                rule for rule in wanted if rule.value not in {each["value"] for each in ours}
            ]
            if missing:
                _refuse_invalid(
                    await client.add_rules([StreamRule(rule.value, rule.tag) for rule in missing])
                )
            values = {rule.value for rule in wanted}
            if stale := [rule["id"] for rule in ours if rule["value"] not in values]:
                await client.delete_rules(stale)
        return bool(missing)

    def _explained(self, doing: str, client: Any) -> _Explained:
        return _Explained(self._api, doing, client)


class _Explained:
    """Turns what tweepy and aiohttp raise into a SourceError that says what was being done."""

    def __init__(self, api: Api, doing: str, client: Any) -> None:
        self._api, self._doing, self._client = api, doing, client

    def __enter__(self) -> None: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: object
    ) -> None:
        # A body that is no JSON (a gateway's page) makes tweepy raise a ValueError.
        if isinstance(error, (*ERRORS, ValueError)):
            raise self._api.explain(error, self._doing, self._client) from error


def _refuse_invalid(answer: Mapping[str, Any]) -> None:
    for error in _rule_errors(answer):
        raise SourceError(
            f"X: a rule is refused: {error}; change the brand's words, or the keywords"
        )


def _rule_errors(answer: Mapping[str, Any]) -> Iterator[str]:
    for error in answer.get("errors") or []:
        if error.get("title") != "DuplicateRule":
            details = error.get("details") or [
                error.get("detail") or error.get("title") or "no reason given"
            ]
            yield f"{error.get('value', '')!r}: {details[0]}"


async def _stopped(stream: Stream, running: asyncio.Task[None]) -> None:
    stream.disconnect()
    with suppress(asyncio.CancelledError):
        await running
