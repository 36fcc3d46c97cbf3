"""Live source of a mailbox, polled by the numbers that the server gives its messages."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.backoff import doubling
from connectors.base import SourceError
from connectors.events import Checkpoint, Complaint, LiveEvents, SourcedEvent
from connectors.imap.client import Account, CommandRefused, Mailbox, RawMail, ServerAway
from connectors.imap.mails import NoComplaint, attached_files, mail_event
from connectors.revisions import RecentRevisions
from connectors.skipped import TALLY

POLL_SECONDS = 30.0  # between two looks for new mail
_TRIES = 3  # of a message that the server refuses to hand out
# Read once more when the numbers have changed: servers count days in their own zone.
_REREAD = timedelta(days=2)
_UNREADABLE = "it cannot be read"


class Mails:
    """A LiveSource of one mailbox. Its cursor: the last number read, its UIDVALIDITY, and the
    arrival of that mail.

    When the server numbers its messages anew (another UIDVALIDITY), later mail is read again by its
    date; a mail is known by its Message-ID, so nothing comes twice.
    """

    def __init__(
        self,
        account: Account,
        *,
        brand: str | None = None,
        days: int = 0,
        poll_seconds: float = POLL_SECONDS,
        on_line: Callable[[str], None] = lambda line: None,
        open: Callable[[Account], Mailbox] = Mailbox,
    ) -> None:
        self.name = f"imap:{account.name}"[:200]
        self.read = 0
        self._account = account
        self._brand = brand
        self._days = days
        self._pause = poll_seconds
        self._on_line = on_line
        self._open = open
        self._seen = RecentRevisions()
        self._backoff = doubling(1.0, 300.0)
        self._refused: dict[int, int] = {}

    async def events(self, cursor: Any | None) -> LiveEvents:
        """One connection to the server. Raises SourceError when it ends."""
        try:
            mailbox = await _opened(lambda: self._open(self._account))
        except (ServerAway, CommandRefused) as error:
            raise self._broke(error) from None
        try:
            place, waiting = await self._begin(mailbox, cursor)
            yield Checkpoint(dict(place))
            while True:
                for uid in waiting:
                    mail, skipped = await self._fetch(mailbox, uid)
                    place["uid"] = max(uid, place["uid"])
                    if mail is None:
                        yield Checkpoint(dict(place), skipped=skipped)
                        continue
                    at = datetime.fromisoformat(place["at"])
                    place["at"] = max(mail.received, at).isoformat()
                    yield await self._step(mail, place)
                self._backoff.reset()
                yield Checkpoint(dict(place))
                await asyncio.sleep(self._pause)
                waiting = await asyncio.to_thread(mailbox.news, place["uid"])
        except (ServerAway, CommandRefused) as error:
            raise self._broke(error) from None
        finally:
            mailbox.close()

    async def close(self) -> None:
        """Nothing is held open between connections."""

    async def _begin(
        self, mailbox: Mailbox, cursor: Any | None
    ) -> tuple[dict[str, Any], list[int]]:
        """The place to read from, and the numbers to read now."""
        now = datetime.now(UTC)
        if cursor is not None and cursor["uidvalidity"] == mailbox.uidvalidity:
            return dict(cursor), await asyncio.to_thread(mailbox.news, cursor["uid"])
        place: dict[str, Any] = {"uidvalidity": mailbox.uidvalidity, "at": now.isoformat()}
        day: datetime | None = None  # from which on messages are read that are there already
        if cursor is not None:
            self._on_line(
                "IMAP: the server has numbered the mailbox anew; "
                "what came lately is read again by its date"
            )
            place["at"] = cursor["at"]
            day = datetime.fromisoformat(cursor["at"]) - _REREAD
        elif self._days:
            day = now - timedelta(days=self._days)
            place["at"] = day.isoformat()
        last = await asyncio.to_thread(mailbox.last)
        waiting = await asyncio.to_thread(mailbox.since, day.date()) if day is not None else []
        return place | {"uid": min(waiting) - 1 if waiting else last}, waiting

    async def _fetch(self, mailbox: Mailbox, uid: int) -> tuple[RawMail | None, str | None]:
        """The message; None for one that is gone. Of one that the server refuses again and again,
        the reason why there is none.
        """
        try:
            mail = await asyncio.to_thread(mailbox.fetch, uid)
        except CommandRefused as error:
            tries = self._refused[uid] = self._refused.get(uid, 0) + 1
            if tries < _TRIES:
                raise ServerAway(str(error)) from None
            TALLY.add("mail")
            self._on_line(f"IMAP: message {uid} cannot be read and is left out ({error})")
            return None, _UNREADABLE
        self.read += mail is not None
        return mail, None

    async def _step(self, mail: RawMail, place: dict[str, Any]) -> SourcedEvent | Checkpoint:
        """The event of a mail, or why it has none. In a thread: a large one takes time."""
        event, skipped = await asyncio.to_thread(self._event, mail)
        if skipped is not None:
            TALLY.add("mail")
            self._on_line(f"IMAP: message {mail.uid} is not taken: {skipped}")
            return Checkpoint(dict(place), skipped=skipped)
        if event is None or not self._seen.is_new(event):
            return Checkpoint(dict(place))
        if files := await asyncio.to_thread(attached_files, mail.raw):
            TALLY.add("mail_part", files)
            subject = "a file is" if files == 1 else f"{files} files are"
            self._on_line(f"IMAP: message {mail.uid}: {subject} attached, and not read")
        return SourcedEvent(event, dict(place))

    def _event(self, mail: RawMail) -> tuple[Complaint | None, str | None]:
        """The event, or the reason why there is none."""
        try:
            event = mail_event(
                mail.raw, mail.received, own=self._account.username, brand=self._brand
            )
            return event, None
        except NoComplaint as reason:
            return None, str(reason)
        except Exception as error:
            # Anybody can send a mail, also one that is made to break its reader. It must not keep
            # the others from being read.
            return None, f"{_UNREADABLE} ({type(error).__name__})"

    def _broke(self, error: Exception) -> SourceError:
        where = f"IMAP {self._account.host}"
        if isinstance(error, ServerAway):
            return SourceError(f"{where}: {error}", retry_after=self._backoff.next())
        remedy = ""
        if "logging in" in str(error):
            remedy = (
                "; check EARSHOT_IMAP_USERNAME and EARSHOT_IMAP_PASSWORD "
                "(many providers want an app password)"
            )
        elif "EXAMINE" in str(error):
            remedy = f"; is there a mailbox {self._account.mailbox!r}? See EARSHOT_IMAP_MAILBOX"
        return SourceError(f"{where}: {error}{remedy}")


async def _opened(open: Callable[[], Mailbox]) -> Mailbox:
    """Connect. If the caller is cancelled meanwhile, the connection is closed once it stands."""
    opening = asyncio.ensure_future(asyncio.to_thread(open))
    try:
        return await asyncio.shield(opening)
    except asyncio.CancelledError:
        opening.add_done_callback(lambda done: None if done.exception() else done.result().close())
        raise
