"""X's filtered stream without gaps: the recent search fills them, repeated posts are dropped."""

from __future__ import annotations

import asyncio
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Callable,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from tweepy import StreamRule

from connectors.base import SourceError
from connectors.events import Checkpoint, LiveEvents, SourcedEvent, Tweet
from connectors.revisions import RecentRevisions
from connectors.skipped import TALLY
from connectors.x.client import ERRORS, Api, Stream, StreamBroke, parsed
from connectors.x.costs import Meter
from connectors.x.mentions import XMentions
from connectors.x.posts import (
    EXPANSIONS,
    POST_FIELDS,
    USER_FIELDS,
    first_id_at,
    post_event,
    posted_at,
    users_of,
)
from connectors.x.rules import Rule, Terms, tag_of

SEARCHABLE = timedelta(days=7)  # how far the recent search looks back
SETTLE = 30.0  # seconds until the search knows a post: by default X leaves the last 30 out
RULES_TAKE = 20.0  # seconds until the stream obeys a new rule
OVERLAP = timedelta(seconds=60)  # searched again before a gap: ids do not come in their order
QUIET = 900.0  # seconds with keep-alives alone until the search is asked for missed posts
QUEUE_LIMIT = 20_000  # posts that may wait; then the connection is dropped and searched for later
SAMPLE = 10  # percent of the posts that are read beyond the budget, with on_budget `sample`

Steps = AsyncGenerator[SourcedEvent | Checkpoint, None]
NextLine = Callable[[float], Awaitable[bytes | None]]

_FIELDS = {"tweet_fields": POST_FIELDS, "user_fields": USER_FIELDS, "expansions": EXPANSIONS}


@dataclass(slots=True)
class _Position:
    """since: the id up to which nothing is missing. skip: earlier posts were left out on purpose.

    gap_closes: the time of the event loop at which the gap before the connection can be searched;
    None: there is no gap.
    """

    since: int
    skip: bool = False
    gap_closes: float | None = None

    def pass_post(self, id: int) -> None:
        """Until its gap is closed the position stays where it was."""
        if self.gap_closes is None:
            self.since = max(self.since, id)

    @property
    def cursor(self) -> dict[str, Any]:
        cursor: dict[str, Any] = {"since": str(self.since)}
        return cursor | {"skip": True} if self.skip else cursor


class XStream:
    """A LiveSource. Its cursor has `since`, the id up to which nothing is missing; `skip`, when a
    budget ended the reading and the posts after it were left out on purpose; and `mentions`, the
    cursor of the poller.

    without_own: mentions of the own account are left out: a poller reads them. mentions: polled
    when the budget is reached and `on_budget` is "poll". on_line: called with a line for the
    operator.
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
        settle: float = SETTLE,
        rules_take: float = RULES_TAKE,
        quiet: float = QUIET,
        on_line: Callable[[str], None] = lambda line: None,
    ) -> None:
        self.name = name
        self._api = api
        self._terms = terms
        self._without_own = without_own
        self._rules: list[Rule] = []
        self._meter = meter
        self._brand = brand
        self._mentions = mentions
        self._settle = settle
        self._rules_take = rules_take
        self._quiet = quiet
        self._on_line = on_line
        self._seen = RecentRevisions()

    async def events(self, cursor: Any | None) -> LiveEvents:
        cursor = cursor or {}
        await self._meter.settle()
        try:
            steps = self._steps(cursor)
            if steps is None:
                yield Checkpoint(cursor | {"skip": True})
                raise SourceError(
                    "X: today's budget is spent", retry_after=self._meter.until_tomorrow()
                )
            before = self._budget_state()
            async with aclosing(steps):
                async for step in steps:
                    yield step
                    if self._budget_state() != before:
                        skip = {"skip": True} if self._meter.exhausted else {}
                        yield Checkpoint(step.cursor | skip)
                        raise SourceError(
                            "X: another way of reading, because of the budget", retry_after=0.0
                        )
        finally:
            await self._meter.settle()

    async def close(self) -> None:
        await self._api.close()

    def _steps(self, cursor: Mapping[str, Any]) -> Steps | None:
        """The reading that the budget allows; None: none until tomorrow."""
        if not self._meter.exhausted:
            return self._listen(cursor, percent=None)
        if self._meter.finished:
            return None
        if self._meter.on_budget == "poll" and self._mentions is not None:
            return self._poll(self._mentions, cursor)
        if self._meter.on_budget == "sample":
            return self._listen({**cursor, "skip": True}, percent=SAMPLE)
        return None

    def _budget_state(self) -> tuple[bool, bool]:
        return self._meter.exhausted, self._meter.finished

    async def _poll(self, mentions: XMentions, cursor: Mapping[str, Any]) -> Steps:
        async for step in mentions.events(cursor.get("mentions")):
            now = {"skip": True, "mentions": step.cursor}
            if isinstance(step, SourcedEvent):
                yield SourcedEvent(step.event, now)
            else:
                yield Checkpoint(now)

    async def _listen(self, cursor: Mapping[str, Any], percent: int | None) -> Steps:
        """One connection. percent: of the posts; None: all of them."""
        self._rules = self._rules or await self._required_rules()
        changed = await self._keep_rules([rule.sampled(percent) for rule in self._rules])
        since = int(cursor.get("since", 0))
        has_past = bool(since) and not cursor.get("skip")
        position = _Position(since, skip=percent is not None)
        if not has_past:  # it is kept before the connection, for the posts until then
            position.since = first_id_at(self._api.clock())
            yield Checkpoint(position.cursor)
        async with self._connected() as next_line:
            opened = asyncio.get_running_loop().time()
            if has_past or (changed and percent is None):
                rules_take = self._rules_take if changed else 0.0
                position.gap_closes = opened + self._settle + rules_take
            if has_past:
                async for step in self._past(since, position):
                    yield step
            async for step in self._follow(next_line, position, opened):
                yield step

    async def _past(self, since: int, position: _Position) -> Steps:
        """The posts between two connections."""
        searched = self._api.clock()
        async for event in self._search(since):
            yield SourcedEvent(event, position.cursor)
        # All that the search knew is read. The rest of the gap begins where its knowledge ends.
        settled = first_id_at(searched - timedelta(seconds=self._settle))
        position.since = max(since, settled)
        yield Checkpoint(position.cursor)

    async def _follow(self, next_line: NextLine, position: _Position, opened: float) -> Steps:
        """The posts of a connection as they come, and searches when they are due."""
        loop = asyncio.get_running_loop()
        last_line_at = opened
        while True:
            if position.gap_closes is not None and loop.time() >= position.gap_closes:
                async for event in self._search(position.since):
                    yield SourcedEvent(event, position.cursor)
                position.gap_closes = None
            if position.gap_closes is None and loop.time() >= last_line_at + self._quiet:
                async for event in self._missed(position.since):
                    yield SourcedEvent(event, position.cursor)
                last_line_at = loop.time()
            deadline = position.gap_closes or last_line_at + self._quiet
            line = await self._line(next_line, deadline - loop.time())
            if line is None:
                continue
            last_line_at = loop.time()
            post = self._event(line)
            if post is None:
                continue
            id, event = post
            position.pass_post(id)
            if self._seen.is_new(event):
                yield SourcedEvent(event, position.cursor)

    async def _line(self, next_line: NextLine, patience: float) -> bytes | None:
        """The next line within so many seconds, or None sooner, where costs have to be written."""
        if self._meter.due_in == 0.0:
            await self._meter.settle()
        return await next_line(min(self._meter.due_in, max(0.0, patience)))

    def _event(self, line: bytes) -> tuple[int, Tweet] | None:
        """The id and the event of a line's post; None for a post of other rules.

        Raises StreamBroke when the stream ends.
        """
        message = parsed(line)
        if "data" not in message:
            first = (message.get("errors") or [message])[0]
            raise StreamBroke(
                str(first.get("detail") or first.get("title") or "X ended the stream")
            )
        post = message["data"]
        self._meter.read([str(post.get("id"))])
        rules = message.get("matching_rules")
        tag = tag_of(self._brand)
        if rules and tag not in [str(rule.get("tag")) for rule in rules]:
            return None
        event = self._readable(post, users_of(message))
        return (int(post["id"]), event) if event else None

    def _readable(
        self, post: Mapping[str, Any], users: Mapping[str, Mapping[str, Any]]
    ) -> Tweet | None:
        try:
            return post_event(post, users, brand=self._brand)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            TALLY.add("post")
            self._on_line(
                f"X: the post {post.get('id')} cannot be read and is left out "
                f"({type(error).__name__})"
            )
            return None

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[NextLine]:
        """tweepy's stream, once X has taken the connection, as a function that waits some seconds
        for a line; None: none came.
        """
        queue: asyncio.Queue[bytes] = asyncio.Queue()

        def on_line(line: bytes | None) -> None:
            self._api.waits.reset()
            if queue.qsize() >= QUEUE_LIMIT:
                raise StreamBroke("we read too slowly")
            if line is not None:
                queue.put_nowait(line)

        stream = self._api.stream(on_line)
        running = stream.filter(**_FIELDS)

        async def next_line(patience: float) -> bytes | None:
            line = asyncio.ensure_future(queue.get())
            done, _ = await asyncio.wait(
                {line, running}, timeout=patience, return_when=asyncio.FIRST_COMPLETED
            )
            if line in done:
                return line.result()
            line.cancel()
            if running in done:
                raise stream.broke or StreamBroke("the stream ended")
            return None

        try:
            with self._explained("the filtered stream", stream):
                opened = asyncio.ensure_future(stream.opened.wait())
                await asyncio.wait({opened, running}, return_when=asyncio.FIRST_COMPLETED)
                opened.cancel()
                if not stream.opened.is_set():
                    raise stream.broke or StreamBroke("the stream ended")
                yield next_line
        finally:
            await _stopped(stream, running)

    async def _search(self, since: int) -> AsyncIterator[Tweet]:
        """The new posts of the recent search after this id."""
        oldest = first_id_at(self._api.clock() - SEARCHABLE + timedelta(minutes=5))
        if since < oldest:
            span = f"{posted_at(since):%Y-%m-%d %H:%M} to {posted_at(oldest):%Y-%m-%d %H:%M} UTC"
            self._on_line(f"X: posts from {span} are missing: the recent search looks back 7 days")
        after = max(oldest, first_id_at(posted_at(since) - OVERLAP))
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
                for post in posts:
                    event = self._readable(post, users)
                    if event is not None and self._seen.is_new(event):
                        yield event
                token = (page.get("meta") or {}).get("next_token")
                if not token:
                    break

    async def _missed(self, since: int) -> AsyncIterator[Tweet]:
        """Posts that a stream of keep-alives left out. Raises StreamBroke after them."""
        count = 0
        async for event in self._search(since):
            count += 1
            yield event
        if count:
            raise StreamBroke(f"the stream was silent about {count} posts")

    async def _required_rules(self) -> list[Rule]:
        own: str | None = None
        if self._without_own:
            client = self._api.client()
            with self._explained("asking whose keys these are", client):
                answer = await client.get_me(user_auth=True)
            own = str((answer.get("data") or {}).get("username") or "")
            self._meter.read([self._api.keys.own_id], owned=True)
        rules = self._terms.rules(brand=self._brand, without=own)
        if not rules:
            raise SourceError(
                f"X: besides @{own} there is nothing to listen for; set EARSHOT_X_LISTEN=mentions"
            )
        return rules

    async def _keep_rules(self, required: Sequence[Rule]) -> bool:
        """Make our rules on X the required ones; returns whether there are new ones.

        New rules come first, so that no post falls between.
        """
        client = self._api.stream(lambda line: None)
        tag = tag_of(self._brand)
        with self._explained("the rules of the filtered stream", client):
            answer = await client.get_rules()
            ours = [rule for rule in answer.get("data") or [] if rule.get("tag") == tag]
            known_values = {rule["value"] for rule in ours}
            required_values = {rule.value for rule in required}
            missing = [
                StreamRule(rule.value, rule.tag)
                for rule in required
                if rule.value not in known_values
            ]
            stale = [rule["id"] for rule in ours if rule["value"] not in required_values]
            if missing:
                _refuse_invalid(await client.add_rules(missing))
            if stale:
                await client.delete_rules(stale)
        return bool(missing)

    def _explained(self, action: str, client: Any) -> _Explained:
        return _Explained(self._api, action, client)


class _Explained:
    """Turns the errors of tweepy and aiohttp into a SourceError that names the action."""

    def __init__(self, api: Api, action: str, client: Any) -> None:
        self._api, self._action, self._client = api, action, client

    def __enter__(self) -> None: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: object
    ) -> None:
        # A body that is no JSON (a gateway's page) makes tweepy raise a ValueError.
        if isinstance(error, (*ERRORS, ValueError)):
            raise self._api.explain(error, self._action, self._client) from error


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
