"""Replies on Bluesky. A reply's key names its record, so that it cannot stand there twice."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import aiohttp

from connectors.backoff import seconds_in
from connectors.base import NotSent, Picture, PostStatus, SentReply, SentUnknown
from connectors.bluesky.accounts import PUBLIC
from connectors.bluesky.posts import POSTS, event_id, tid, uri_of
from connectors.guard import connector, refused

PDS = "https://bsky.social"
# Microseconds: the names of our records lie in the year after 2023-01-01.
_EPOCH = 1_672_531_200_000_000
_YEAR = 365 * 24 * 3600 * 1_000_000
_BATCH = 25  # posts of one request, the interface's limit
_LINK = re.compile(rb"https?://[^\s<>]+[^\s<>.,;:!?)\]'\"]")
_MENTION = re.compile(rb"(?<!\S)@([A-Za-z0-9][A-Za-z0-9-]*(?:\.[A-Za-z0-9-]+)+)")


class BlueskyReplier:
    """A Replier of one account. password: an app password, not the account's own."""

    network = "bluesky"

    def __init__(
        self,
        handle: str,
        password: str,
        *,
        host: str = PDS,
        public: str = PUBLIC,
        allow_private: bool = False,
    ) -> None:
        self._handle = handle
        self._password = password
        self._host = host.rstrip("/")
        self._public = public.rstrip("/")
        self._allow_private = allow_private
        self._session: aiohttp.ClientSession | None = None
        self._account = ""  # the DID of the handle
        self._token = ""

    async def reply(self, to: str, text: str, *, key: str) -> SentReply:
        return await self.reply_with_pictures(to, text, (), key=key)

    async def reply_with_pictures(
        self, to: str, text: str, pictures: Sequence[Picture], *, key: str
    ) -> SentReply:
        parent = await self._record(uri_of(to))
        if parent is None:
            raise NotSent("Bluesky: the post is gone")
        post = {"uri": uri_of(to), "cid": parent["cid"]}
        root = (parent["value"].get("reply") or {}).get("root") or post
        at = datetime.now(UTC)
        record = {
            "$type": POSTS,
            "text": text,
            "createdAt": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "reply": {"root": {"uri": root["uri"], "cid": root["cid"]}, "parent": post},
            "facets": await self._facets(text),
        }
        rkey = _rkey(to, key)
        if await self._own_post(rkey) is None:
            if pictures:
                images = [await self._image(picture) for picture in pictures]
                record["embed"] = {"$type": "app.bsky.embed.images", "images": images}
            await self._write(
                {"repo": self._account, "collection": POSTS, "rkey": rkey, "record": record}
            )
        return self._sent(rkey, at)

    async def find_reply(
        self, to: str, text: str, *, key: str, since: datetime
    ) -> SentReply | None:
        await self._log_in()
        rkey = _rkey(to, key)
        post = await self._own_post(rkey)
        if post is None:
            return None
        return self._sent(rkey, datetime.fromisoformat(post["createdAt"]))

    async def lookup(self, ids: Sequence[str]) -> Mapping[str, PostStatus]:
        statuses: dict[str, PostStatus] = {}
        for start in range(0, len(ids), _BATCH):
            uris = {id: uri_of(id) for id in ids[start : start + _BATCH]}
            status, answer = await self._ask(
                "GET",
                self._public,
                "app.bsky.feed.getPosts",
                params=[("uris", uri) for uri in uris.values()],
            )
            if status != 200:
                raise _away("looking posts up", status, answer)
            present = {post["uri"] for post in answer.get("posts", [])}
            for id, uri in uris.items():
                statuses[id] = PostStatus("there" if uri in present else "gone")
        return statuses

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _sent(self, rkey: str, at: datetime) -> SentReply:
        return SentReply(
            event_id(self._account, rkey),
            at,
            f"https://bsky.app/profile/{self._handle}/post/{rkey}",
        )

    async def _write(self, record: dict[str, Any]) -> None:
        status, answer = await self._ask(
            "POST", self._host, "com.atproto.repo.createRecord", json=record, own=True, writes=True
        )
        if status >= 500:
            raise SentUnknown(
                f"Bluesky: HTTP {status} while the reply was sent; "
                "whether it stands there is unknown"
            )
        if status != 200:
            raise _away("replying", status, answer)

    async def _image(self, picture: Picture) -> dict[str, Any]:
        """The picture as a record names it, once the account's server has its bytes."""
        status, answer = await self._ask(
            "POST",
            self._host,
            "com.atproto.repo.uploadBlob",
            data=picture.content,
            headers={"Content-Type": picture.media_type},
            own=True,
        )
        if status != 200:
            raise _away("sending a picture", status, answer)
        ratio = {"width": picture.width, "height": picture.height}
        return {"alt": picture.alt, "image": answer["blob"], "aspectRatio": ratio}

    async def _record(self, uri: str) -> dict[str, Any] | None:
        """The record with its cid; None where it is gone."""
        await self._log_in()
        repo, collection, rkey = uri.removeprefix("at://").split("/")
        query = [("repo", repo), ("collection", collection), ("rkey", rkey)]
        # Our own server knows our posts at once, and passes requests for others on.
        status, answer = await self._ask(
            "GET", self._host, "com.atproto.repo.getRecord", params=query, own=True
        )
        if status == 200:
            return answer
        if status == 400 and answer.get("error") in (
            "RecordNotFound",
            "RepoNotFound",
            "RepoDeactivated",
        ):
            return None
        raise _away("reading the post", status, answer)

    async def _own_post(self, rkey: str) -> dict[str, Any] | None:
        record = await self._record(f"at://{self._account}/{POSTS}/{rkey}")
        return None if record is None else record["value"]

    async def _facets(self, text: str) -> list[dict[str, Any]]:
        """Links and handles of a text, by their bytes in UTF-8: Bluesky shows nothing as a link by
        itself.
        """
        raw, facets = text.encode(), []
        for link in _LINK.finditer(raw):
            feature = {"$type": "app.bsky.richtext.facet#link", "uri": link[0].decode()}
            facets.append(_facet(link.start(), link.end(), feature))
        for mention in _MENTION.finditer(raw):
            query = [("handle", mention[1].decode())]
            status, answer = await self._ask(
                "GET", self._public, "com.atproto.identity.resolveHandle", params=query
            )
            if status == 200 and answer.get("did"):
                feature = {"$type": "app.bsky.richtext.facet#mention", "did": answer["did"]}
                facets.append(_facet(mention.start(), mention.end(), feature))
        return facets

    async def _log_in(self) -> None:
        if self._token:
            return
        login = {"identifier": self._handle, "password": self._password}
        status, answer = await self._ask(
            "POST", self._host, "com.atproto.server.createSession", json=login
        )
        if status == 401:
            raise NotSent(
                "Bluesky: the password is refused; make an app password in Bluesky's settings "
                "and set EARSHOT_BLUESKY_HANDLE and EARSHOT_BLUESKY_PASSWORD"
            )
        if status != 200:
            raise _away("logging in", status, answer)
        self._account, self._token = str(answer["did"]), str(answer["accessJwt"])

    async def _ask(
        self,
        verb: str,
        host: str,
        method: str,
        *,
        own: bool = False,
        writes: bool = False,
        **options: Any,
    ) -> tuple[int, dict[str, Any]]:
        """(status, body). A session that has run out is renewed once."""
        status, answer = await self._ask_once(verb, host, method, own, writes, options)
        if own and status in (400, 401) and answer.get("error") in ("ExpiredToken", "InvalidToken"):
            self._token = ""
            await self._log_in()
            status, answer = await self._ask_once(verb, host, method, own, writes, options)
        return status, answer

    async def _ask_once(
        self, verb: str, host: str, method: str, own: bool, writes: bool, options: dict[str, Any]
    ) -> tuple[int, dict[str, Any]]:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=connector(allow_private=self._allow_private),
                timeout=aiohttp.ClientTimeout(total=20),
            )
        head = {"Authorization": f"Bearer {self._token}"} if own else {}
        head |= options.get("headers", {})
        url = f"{host}/xrpc/{method}"
        try:
            async with self._session.request(
                verb, url, allow_redirects=False, **(options | {"headers": head})
            ) as answer:
                wait = seconds_in(answer.headers.get("retry-after", ""))
                try:
                    body = await answer.json(content_type=None)
                except ValueError:
                    body = None
                fields: dict[str, Any] = dict(body) if isinstance(body, dict) else {}
                fields.pop("retry_after", None)  # the header alone says it
                if wait is not None:
                    fields["retry_after"] = wait
                return answer.status, fields
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            if refused(error):
                raise NotSent(f"Bluesky: {error}") from error
            if writes and not isinstance(error, aiohttp.ClientConnectorError):
                raise SentUnknown(
                    "Bluesky: the connection broke while the reply was sent; "
                    "whether it stands there is unknown"
                ) from error
            raise NotSent(f"Bluesky: {error or type(error).__name__}", retry_after=15.0) from error


def _rkey(to: str, key: str) -> str:
    """The name of this reply's record: a TID, as of every post, and always the same."""
    number = int.from_bytes(sha256(f"{to} {key}".encode()).digest()[:12], "big")
    return tid(_EPOCH + number % _YEAR, number >> 80)


def _facet(start: int, end: int, feature: dict[str, Any]) -> dict[str, Any]:
    return {"index": {"byteStart": start, "byteEnd": end}, "features": [feature]}


def _away(action: str, status: int, answer: Mapping[str, Any]) -> NotSent:
    if status == 429 or status >= 500:
        return NotSent(
            f"Bluesky: {action}: HTTP {status}", retry_after=float(answer.get("retry_after", 30))
        )
    reason = answer.get("message") or answer.get("error") or "no reason"
    return NotSent(f"Bluesky: {action} is refused ({status}): {reason}")
