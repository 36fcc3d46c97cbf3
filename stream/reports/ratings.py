"""Ratings of answers: signed links for mails, and what customers said by them.

A link names the answer and is signed with a key that the database alone holds, so that nobody rates
what they did not get. Opening it changes nothing: programs that look for harm in mails open every
link. One press on its page counts, and the last press of several.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import Literal

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncEngine

from stream.postgres.database import reachable
from stream.postgres.desk_tables import signing_keys

PATH = "/rate"
Rating = Literal["good", "bad"]
# Where a link can go along with an answer, and why it cannot elsewhere.
ALLOWED = frozenset({"imap"})
REASONS = {
    "x": "a post with a link costs money, and reads like an advertisement",
    "bluesky": "answers are public: anybody could press the link",
    "mastodon": "answers are public: anybody could press the link",
}
OTHERWISE = "this network has no private answers that a link could go along with"

_TOKEN = re.compile(r"([1-9]\d{0,17})\.([0-9a-f]{32})")
_RATE = text("""
    insert into ratings (reply_id, ticket_id, brand, rating)
    select id, ticket_id, brand, :rating from replies where id = :reply
    on conflict (reply_id) do update set rating = excluded.rating, rated_at = now()
""")


class Ratings:
    """The table `ratings`. The key is read once."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._key: bytes | None = None

    async def token(self, reply: int) -> str:
        """The signed name of the answer, for the addresses of its links."""
        return f"{reply}.{_signature(await self._signing_key(), reply)}"

    async def reply_of(self, token: str) -> int | None:
        """The answer that the token names; None for one that was not signed here."""
        match = _TOKEN.fullmatch(token)
        if match is None:
            return None
        reply = int(match[1])
        signature = _signature(await self._signing_key(), reply)
        return reply if hmac.compare_digest(signature, match[2]) else None

    async def rate(self, reply: int, rating: Rating) -> bool:
        """Whether the answer is still there to be rated."""
        values = {"reply": reply, "rating": int(rating == "good")}
        async with reachable(), self._engine.begin() as connection:
            return (await connection.execute(_RATE, values)).rowcount > 0

    async def footer(self, reply: int, base_url: str) -> str:
        """The lines at the end of a mail that ask how the answer was."""
        address = f"{base_url.rstrip('/')}{PATH}/{await self.token(reply)}"
        return f"\n\nWas this answer good? Tell us: {address}"

    async def _signing_key(self) -> bytes:
        if self._key is None:
            query = select(signing_keys.c.key).where(signing_keys.c.name == "ratings")
            async with reachable(), self._engine.connect() as connection:
                self._key = bytes((await connection.execute(query)).scalar_one())
        return self._key


def _signature(key: bytes, reply: int) -> str:
    return hmac.new(key, f"rating {reply}".encode(), hashlib.sha256).hexdigest()[:32]
