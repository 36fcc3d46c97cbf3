"""A small IMAP4rev1 server of our own: one mailbox, read-only, with the bad days of the real ones
on command.
"""

from __future__ import annotations

import asyncio
import re
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime

START = datetime(2026, 3, 12, 12, 0, tzinfo=UTC)


class ImapServer:
    """One user, one mailbox. mails: by number, what came when. script: what happens to each
    connection.
    """

    def __init__(self, *, tls=None, starttls=None) -> None:
        self.mails: dict[int, tuple[bytes, datetime]] = {}
        self.uidvalidity = 7
        self.next = 1
        # one function a connection: (command line, writer) -> True when it has broken
        self.script: list = []
        self.said: list[str] = []  # every command, the password left out
        self.connections = 0
        self.login = "OK welcome"  # or what a login is refused with
        self.refuses: set[int] = set()  # numbers that FETCH answers NO to
        self.port = 0
        self._tls, self._starttls = tls, starttls

    def get(self, raw: bytes, *, at: datetime = START, uid: int | None = None) -> int:
        """The mailbox gets a message; returns its number."""
        number = self.next if uid is None else uid
        self.next = max(self.next, number) + 1
        self.mails[number] = (raw, at)
        return number

    def renumber(self) -> None:
        """A restore from a backup: the same messages, other numbers."""
        kept = sorted(self.mails.items())
        self.uidvalidity += 1
        self.next = 101
        self.mails = {}
        for _, (raw, at) in kept:
            self.get(raw, at=at)

    @asynccontextmanager
    async def open(self):
        open_ones: set[asyncio.Task] = set()

        async def serve(reader, writer):
            open_ones.add(asyncio.current_task())
            with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await self._serve(reader, writer)
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=self._tls)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for each in open_ones:
                each.cancel()
            await asyncio.gather(*open_ones, return_exceptions=True)

    async def _serve(self, reader, writer) -> None:
        self.connections += 1
        happens = self.script.pop(0) if self.script else None
        writer.write(b"* OK [CAPABILITY IMAP4rev1 STARTTLS] ready\r\n")
        while line := (await reader.readline()).decode().rstrip("\r\n"):
            tag, _, command = line.partition(" ")
            self.said.append(re.sub(r"(LOGIN \S+ ).*", r"\1***", command))
            if happens and happens(command, writer):
                await writer.drain()
                return
            if command == "STARTTLS":
                writer.write(f"{tag} OK begin\r\n".encode())
                await writer.start_tls(self._starttls)
                continue
            writer.write(b"".join(self._answer(tag, command)))
            await writer.drain()
            if command == "LOGOUT":
                return

    def _answer(self, tag: str, command: str):
        done = "OK done"
        if command == "CAPABILITY":
            yield b"* CAPABILITY IMAP4rev1 STARTTLS\r\n"
        elif command.startswith("LOGIN"):
            done = self.login
        elif command.startswith("EXAMINE"):
            if command not in (
                'EXAMINE "INBOX"',
                'EXAMINE "Stra&AN8-e & Co"'.replace("& Co", "&- Co"),
            ):
                done = "NO [NONEXISTENT] no such mailbox"
            yield f"* {len(self.mails)} EXISTS\r\n".encode()
            yield f"* OK [UIDVALIDITY {self.uidvalidity}] valid\r\n".encode()
        elif found := re.fullmatch(r"UID SEARCH UID (?:(\d+):)?\*", command):
            last = max(self.mails, default=0)
            first = (
                min(int(found[1]), last) if found[1] else last
            )  # RFC 3501: `n:*` always holds the last one
            yield self._numbers(uid for uid in self.mails if uid >= first)
        elif found := re.fullmatch(r"UID SEARCH SINCE (\S+)", command):
            day = datetime.strptime(found[1], "%d-%b-%Y").date()
            yield self._numbers(uid for uid, (_, at) in self.mails.items() if at.date() >= day)
        elif found := re.fullmatch(
            r"UID FETCH (\d+) \(UID INTERNALDATE BODY\.PEEK\[\]<0\.(\d+)>\)", command
        ):
            uid = int(found[1])
            if uid in self.refuses:
                done = "NO [CORRUPTION] cannot be read"
            elif uid in self.mails:
                raw, at = self.mails[uid]
                raw = raw[: int(found[2])]
                head = (
                    f'* 1 FETCH (UID {uid} INTERNALDATE "{at:%d-%b-%Y %H:%M:%S +0000}"'
                    f" BODY[]<0> {{{len(raw)}}}\r\n"
                )
                yield head.encode() + raw + b")\r\n* 2 FETCH (FLAGS (\\Seen))\r\n"
        elif command not in ("NOOP", "LOGOUT"):
            done = "BAD what?"
        yield f"{tag} {done}\r\n".encode()

    def _numbers(self, uids) -> bytes:
        return f"* SEARCH {' '.join(str(uid) for uid in sorted(uids))}".rstrip().encode() + b"\r\n"


def cut_in_literal(after: int):
    """The connection is lost in the middle of the literal of message number `after` that is asked
    for.
    """
    asked = [0]

    def happens(command, writer):
        if not command.startswith("UID FETCH"):
            return False
        asked[0] += 1
        if asked[0] < after:
            return False
        uid = command.split()[2]
        writer.write(f"* 1 FETCH (UID {uid} BODY[]<0> {{5000}}\r\nSubject: half a messag".encode())
        return True

    return happens


def says_goodbye(command, writer) -> bool:
    """An orderly BYE at the first look for news."""
    if command != "NOOP":
        return False
    writer.write(b"* BYE Autologout; idle for too long\r\n")
    return True


def announces_gigabytes(command, writer) -> bool:
    if not command.startswith("UID FETCH"):
        return False
    writer.write(b"* 1 FETCH (UID 1 BODY[]<0> {9000000000}\r\nSubject: ")
    return True
