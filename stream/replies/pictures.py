"""Pictures of replies, from the moment a person adds one until the reply leaves."""

from __future__ import annotations

import asyncio
from typing import Any

from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncEngine

from connectors.base import Picture
from connectors.catalog import NETWORKS, network
from connectors.pictures import MAX_PICTURES, picture
from stream.errors import UserError
from stream.postgres.database import reachable, storable
from stream.postgres.tables import reply_pictures
from stream.replies.store import Row, note, set_, to_change

_OPEN = ("draft", "failed")  # states in which a reply may still be changed


class NoPicture(UserError):
    """There is no such picture, or none that this person may see."""


def why_none(name: str) -> str | None:
    """Why replies on this network go without pictures, in one line; None where they take them."""
    if name in NETWORKS and network(name).takes_pictures:
        return None
    takers = sorted(taker.capitalize() for taker in NETWORKS if network(taker).takes_pictures)
    return f"earshot sends pictures on {' and '.join(takers)}; on {name} replies are words alone"


class Pictures:
    """The pictures of the table `replies`. A change of them is a change of the reply: `seen` is the
    version that the person looked at, as for its words.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def add(
        self, number: int, actor: str, content: bytes, alt: str, *, seen: int | None = None
    ) -> Row:
        """The reply with one picture more, the last of them.

        Raises FormatError as `connectors.pictures.picture`; UserError where the network takes none,
        the reply has MAX_PICTURES of them, or it is decided already; LostReply.
        """
        clean = await asyncio.to_thread(picture, content, alt)
        async with reachable(), self._engine.begin() as connection:
            row = await to_change(connection, number, seen)
            _refuse_decided(row)
            reason = why_none(row["network"])
            if reason is not None:
                raise UserError(reason)
            if len(row["pictures"]) >= MAX_PICTURES:
                raise UserError(f"a reply has {MAX_PICTURES} pictures at most; remove one first")
            put = insert(reply_pictures).values(reply_id=number, content=clean.content)
            result = await connection.execute(put.returning(reply_pictures.c.id))
            fields = {
                "id": result.scalar_one(),
                "type": clean.media_type,
                "alt": storable(clean.alt),
                "width": clean.width,
                "height": clean.height,
                "size": len(clean.content),
            }
            await note(connection, actor, "add picture", number, {})
            return await set_(connection, number, actor, pictures=[*row["pictures"], fields])

    async def remove(
        self, number: int, picture_id: int, actor: str, *, seen: int | None = None
    ) -> Row:
        """The reply without it. Raises NoPicture, UserError and LostReply."""
        async with reachable(), self._engine.begin() as connection:
            row = await to_change(connection, number, seen)
            _refuse_decided(row)
            rest = [fields for fields in row["pictures"] if fields["id"] != picture_id]
            if len(rest) == len(row["pictures"]):
                raise NoPicture(f"reply {number} has no picture {picture_id}")
            removal = delete(reply_pictures).where(
                reply_pictures.c.id == picture_id, reply_pictures.c.reply_id == number
            )
            await connection.execute(removal)
            await note(connection, actor, "remove picture", number, {})
            return await set_(connection, number, actor, pictures=rest)

    async def of(self, row: Row) -> list[Picture]:
        """The pictures of a reply, in order; without those that were removed since it was read."""
        return [file for _, file in await self._files(row)]

    async def find(self, row: Row, picture_id: int) -> Picture:
        """Raises NoPicture, also where it was removed since the reply was read."""
        for id, file in await self._files(row):
            if id == picture_id:
                return file
        raise NoPicture(f"reply {row['id']} has no picture {picture_id}")

    async def _files(self, row: Row) -> list[tuple[int, Picture]]:
        if not row["pictures"]:
            return []
        query = select(reply_pictures).where(reply_pictures.c.reply_id == row["id"])
        async with reachable(), self._engine.connect() as connection:
            contents = {stored.id: stored.content for stored in await connection.execute(query)}
        return [
            (fields["id"], _picture(fields, contents[fields["id"]]))
            for fields in row["pictures"]
            if fields["id"] in contents
        ]


def _refuse_decided(row: Row) -> None:
    if row["state"] not in _OPEN:
        raise UserError(f"reply {row['id']} is {row['state']} already")


def _picture(fields: dict[str, Any], content: bytes) -> Picture:
    return Picture(
        media_type=fields["type"],
        content=content,
        alt=fields["alt"],
        width=fields["width"],
        height=fields["height"],
    )
