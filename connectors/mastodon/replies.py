"""Replies on Mastodon, sent under a key that the server knows: sending twice makes one post."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from connectors.base import NotSent, Picture, PostStatus, SentReply, SentUnknown
from connectors.markup import plain
from connectors.mastodon.client import Answer, MastodonServer
from connectors.mastodon.posts import event_id, moment, native, revision_of

_LOOKS, _PAUSE = 20, 0.5  # for a picture that the server works on; seconds between them


class MastodonReplier:
    """A Replier of the account that the server's token belongs to."""

    network = "mastodon"

    def __init__(self, server: MastodonServer) -> None:
        self._server = server
        self._own: str | None = None

    async def reply(self, to: str, text: str, *, key: str) -> SentReply:
        return await self.reply_with_pictures(to, text, (), key=key)

    async def reply_with_pictures(
        self, to: str, text: str, pictures: Sequence[Picture], *, key: str
    ) -> SentReply:
        post = await self._server.get(f"v1/statuses/{native(to)}")
        if post.status in (404, 410):
            raise NotSent("Mastodon: the post is gone")
        if post.status != 200:
            raise self._not_sent(post, "reading the post")
        visibility = post.body["visibility"]
        form: dict[str, Any] = {
            "status": _addressed(text, f"@{post.body['account']['acct']}"),
            "in_reply_to_id": native(to),
            # An answer is never seen by more people than the post.
            "visibility": "unlisted" if visibility == "public" else visibility,
        }
        if pictures:
            form["media_ids[]"] = [await self._upload(picture) for picture in pictures]
        sent = await self._server.post(
            "v1/statuses", form, key=sha256(f"{to} {key}".encode()).hexdigest()
        )
        if sent.status == 200 and isinstance(sent.body, dict):
            return self._sent(sent.body)
        if (sent.status == 0 and sent.reached) or sent.status >= 500 or sent.status == 200:
            raise SentUnknown(
                "Mastodon: the connection broke while the reply was sent; "
                "whether it stands there is unknown"
            )
        raise self._not_sent(sent, "replying")

    async def _upload(self, picture: Picture) -> str:
        """The id of the picture on the server, which forgets it where no post shows it."""
        sent = await self._server.upload(
            "v2/media", picture.content, picture.media_type, {"description": picture.alt}
        )
        id = str(sent.body["id"]) if isinstance(sent.body, dict) and "id" in sent.body else None
        if id is None or sent.status not in (200, 202):
            raise self._not_sent(sent, "sending a picture")
        for _ in range(_LOOKS):
            if sent.status == 200:
                return id
            await asyncio.sleep(_PAUSE)  # 202, 206: it works on the picture
            sent = await self._server.get(f"v1/media/{id}")
            if sent.status not in (200, 206):
                raise self._not_sent(sent, "looking for the picture")
        raise NotSent("Mastodon: the picture is not ready yet", retry_after=30.0)

    async def find_reply(
        self, to: str, text: str, *, key: str, since: datetime
    ) -> SentReply | None:
        """Our own answer to the post since then with the same text."""
        if self._own is None:
            account = await self._server.get("v1/accounts/verify_credentials")
            if account.status != 200:
                raise self._not_sent(account, "asking who we are")
            self._own = str(account.body["id"])
        answers = await self._server.get(f"v1/statuses/{native(to)}/context")
        if answers.status in (404, 410):
            return None
        if answers.status != 200:
            raise self._not_sent(answers, "looking for the reply")
        for post in answers.body.get("descendants") or []:
            is_ours = str(post["account"]["id"]) == self._own
            is_answer = str(post.get("in_reply_to_id")) == native(to)
            is_recent = _at(post) >= since - timedelta(minutes=2)
            has_text = _bare(plain(post["content"])) == _bare(text)
            if is_ours and is_answer and is_recent and has_text:
                return self._sent(post)
        return None

    async def lookup(self, ids: Sequence[str]) -> Mapping[str, PostStatus]:
        statuses = {}
        for id in ids:
            answer = await self._server.get(f"v1/statuses/{native(id)}")
            if answer.status in (404, 410):
                statuses[id] = PostStatus("gone")
            elif answer.status == 200:
                statuses[id] = PostStatus("there", revision_of(answer.body))
            elif answer.status in (401, 403):
                statuses[id] = PostStatus("unknown")
            else:
                raise self._not_sent(answer, "looking posts up")
        return statuses

    async def close(self) -> None:
        await self._server.close()

    def _sent(self, post: Mapping[str, Any]) -> SentReply:
        return SentReply(event_id(self._server.name, str(post["id"])), _at(post), post.get("url"))

    def _not_sent(self, answer: Answer, action: str) -> NotSent:
        error = self._server.broke(answer, action)
        message = str(error)
        if isinstance(answer.body, dict) and "error" in answer.body:
            message += f" (it says: {answer.body['error']})"
        return NotSent(message, retry_after=error.retry_after)


def _addressed(text: str, handle: str) -> str:
    """On Mastodon only people who are named in an answer hear of it."""
    return text if handle.casefold() in text.casefold() else f"{handle} {text}"


def _bare(text: str) -> str:
    """Without the names before an answer: they are written and shown in several ways."""
    words = text.split()
    while words and words[0].startswith("@"):
        words.pop(0)
    return " ".join(words)


def _at(post: Mapping[str, Any]) -> datetime:
    return moment(post["created_at"])
