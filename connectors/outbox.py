"""Replies into a file instead of onto a network: for a trial, and for another system."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from connectors.base import NotSent, Picture, PostStatus, SentReply


class FileReplier:
    """Appends a JSON object a line: id, to, key, text, at, and pictures where there are any.

    Several processes may write together.
    """

    network = "file"

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = asyncio.Lock()

    async def reply(self, to: str, text: str, *, key: str) -> SentReply:
        return await self.reply_with_pictures(to, text, (), key=key)

    async def reply_with_pictures(
        self, to: str, text: str, pictures: Sequence[Picture], *, key: str
    ) -> SentReply:
        """The pictures lie in a folder beside the file, named by their content."""
        async with self._lock:
            return await asyncio.to_thread(self._reply, to, text, key, pictures)

    async def find_reply(
        self, to: str, text: str, *, key: str, since: datetime
    ) -> SentReply | None:
        return await asyncio.to_thread(self._find, key)

    async def lookup(self, ids: Sequence[str]) -> Mapping[str, PostStatus]:
        """A file takes nothing back: every post is taken to be there."""
        return {id: PostStatus("there") for id in ids}

    async def close(self) -> None:
        """Nothing is held open."""

    def _reply(self, to: str, text: str, key: str, pictures: Sequence[Picture]) -> SentReply:
        known = self._find(key)
        if known is not None:
            return known
        sent = SentReply(id=f"file:{sha256(key.encode()).hexdigest()[:16]}", at=datetime.now(UTC))
        fields: dict[str, Any] = {
            "id": sent.id,
            "to": to,
            "key": key,
            "text": text,
            "at": sent.at.isoformat(),
        }
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            if pictures:
                fields["pictures"] = [
                    {"file": self._keep(picture), "alt": picture.alt} for picture in pictures
                ]
            line = json.dumps(fields, ensure_ascii=False).encode() + b"\n"
            with self._path.open("ab") as file:
                file.write(self._end_of_a_broken_line() + line)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise NotSent(
                f"{self._path}: cannot be written: {error.strerror}", retry_after=5.0
            ) from error
        return sent

    def _keep(self, picture: Picture) -> str:
        """The picture's path, from the file's folder."""
        name = f"{sha256(picture.content).hexdigest()[:16]}.{picture.media_type.rpartition('/')[2]}"
        folder = self._path.with_suffix(".pictures")
        folder.mkdir(exist_ok=True)
        (folder / name).write_bytes(picture.content)
        return f"{folder.name}/{name}"

    def _end_of_a_broken_line(self) -> bytes:
        """A writer that died may have left half a line: the next one must not be joined to it."""
        with self._path.open("rb") as file:
            if file.seek(0, os.SEEK_END) == 0:
                return b""
            file.seek(-1, os.SEEK_END)
            return b"" if file.read(1) == b"\n" else b"\n"

    def _find(self, key: str) -> SentReply | None:
        for line in self._lines():
            if line.get("key") == key:
                return SentReply(id=line["id"], at=datetime.fromisoformat(line["at"]))
        return None

    def _lines(self) -> Iterator[dict[str, Any]]:
        try:
            with self._path.open("rb") as file:
                for line in file:
                    with suppress(ValueError):  # half a line: never sent as a whole
                        fields = json.loads(line)
                        if isinstance(fields, dict):
                            yield fields
        except FileNotFoundError:
            return
        except OSError as error:
            raise NotSent(
                f"{self._path}: cannot be read: {error.strerror}", retry_after=5.0
            ) from error


def open_file(path: Path) -> FileReplier:
    """Replies as lines of `path` (outbox.jsonl), which is made when the first one goes."""
    return FileReplier(path)
