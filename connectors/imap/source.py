"""The mail of a mailbox as a live source: asked again and again, by the numbers that the server
gives its messages.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from connectors.backoff import exponential
from connectors.base import SourceError
from connectors.events import LiveEvents, Passed, Sourced
from connectors.imap.client import Account, Away, Letter, Mailbox, Refused
from connectors.imap.mails import NoComplaint, mail_event
from connectors.seen import Seen

_TRIES = 3  # of a message that the server refuses to hand out
_AGAIN = timedelta(
    days=2
)  # read once more when the numbers have changed: servers count days in their own zone
T = TypeVar("T")


class Mails:
    """A LiveSource of one mailbox. Its cursor: the last number read, for which UIDVALIDITY, and
    when that mail came.

    When the server numbers its messages anew (another UIDVALIDITY), what came since is read again
    by its date; a mail is known by its Message-ID, so nothing comes twice.
    """

    def __init__(
        self,
        account: Account,
        *,
        brand: str | None = None,
        days: int = 0,
        poll_seconds: float = 30.0,
        told: Callable[[str], None] = lambda line: None,
        open: Callable[[Account], Mailbox] = Mailbox,
    ) -> None:
        self.name = f"imap:{account.name}"[:200]
        self.read = 0
        self._account = account
        self._brand = brand
        self._days = days
        self._pause = poll_seconds
        self._told = told
        self._open = open
        self._seen = Seen()
        self._trouble = exponential(1.0, 300.0)
        self._refused: dict[int, int] = {}

    async def events(self, cursor: Any | None) -> LiveEvents:
        """One connection to the server. Raises SourceError when it ends."""
        try:
            mailbox = await _opened(lambda: self._open(self._account))
        except (Away, Refused) as error:
            raise self._broke(error) from None
        try:
            place, waiting = await self._begin(mailbox, cursor)
            yield Passed(dict(place))
            while True:
                for uid in waiting:
                    letter = await self._letter(mailbox, uid)
                    place["uid"] = max(uid, place["uid"])
                    if letter is not None:
                        place["at"] = max(
                            letter.received, datetime.fromisoformat(place["at"])
                        ).isoformat()
                        event = await asyncio.to_thread(self._event, letter)
                        if event is not None and self._seen.is_new(event):
                            yield Sourced(event, dict(place))
                            continue
                    yield Passed(dict(place))
                self._trouble.reset()
                yield Passed(dict(place))
                await asyncio.sleep(self._pause)
                waiting = await asyncio.to_thread(mailbox.news, place["uid"])
        except (Away, Refused) as error:
            raise self._broke(error) from None
        finally:
            mailbox.close()

    async def _begin(
        self, mailbox: Mailbox, cursor: Any | None
    ) -> tuple[dict[str, Any], list[int]]:
        """Where the reading stands, and the numbers that are to be read now."""
        now = datetime.now(UTC)
        if cursor is not None and cursor["uidvalidity"] == mailbox.uidvalidity:
            return dict(cursor), await asyncio.to_thread(mailbox.news, cursor["uid"])
        place: dict[str, Any] = {"uidvalidity": mailbox.uidvalidity, "at": now.isoformat()}
        day: datetime | None = None  # from which on messages are read that are there already
        if cursor is not None:
            self._told(
                "IMAP: the server has numbered the mailbox anew; what came lately is read again by its date"
            )
            place["at"] = cursor["at"]
            day = datetime.fromisoformat(cursor["at"]) - _AGAIN
        elif self._days:
            day = now - timedelta(days=self._days)
            place["at"] = day.isoformat()
        last = await asyncio.to_thread(mailbox.last)
        waiting = await asyncio.to_thread(mailbox.since, day.date()) if day is not None else []
        return place | {"uid": min(waiting) - 1 if waiting else last}, waiting

    async def _letter(self, mailbox: Mailbox, uid: int) -> Letter | None:
        """The message; None for one that is gone, or that the server refuses again and again."""
        try:
            letter = await asyncio.to_thread(mailbox.fetch, uid)
        except Refused as error:
            tries = self._refused[uid] = self._refused.get(uid, 0) + 1
            if tries < _TRIES:
                raise Away(str(error)) from None
            self._told(f"IMAP: message {uid} cannot be read and is left out ({error})")
            return None
        self.read += letter is not None
        return letter

    def _event(self, letter: Letter) -> Any | None:
        """The event of a message that somebody wrote. In a thread: a large one takes its time."""
        try:
            return mail_event(
                letter.raw, letter.received, own=self._account.username, brand=self._brand
            )
        except NoComplaint:
            return None
        except Exception as error:
            # Mails are made by anybody, also to break whoever reads them: one that cannot be read
            # must not keep the others from being heard.
            self._told(
                f"IMAP: message {letter.uid} cannot be read and is left out ({type(error).__name__})"
            )
            return None

    def _broke(self, error: Exception) -> SourceError:
        where = f"IMAP {self._account.host}"
        if isinstance(error, Away):
            return SourceError(f"{where}: {error}", retry_after=self._trouble.next())
        remedy = ""
        if "logging in" in str(error):
            remedy = "; check EARSHOT_IMAP_USERNAME and EARSHOT_IMAP_PASSWORD (many providers want an app password)"
        elif "EXAMINE" in str(error):
            remedy = f"; is there a mailbox {self._account.mailbox!r}? See EARSHOT_IMAP_MAILBOX"
        return SourceError(f"{where}: {error}{remedy}")


async def _opened(open: Callable[[], Mailbox]) -> Mailbox:
    """A connection that nobody waits for any more is closed as soon as it stands."""
    opening = asyncio.ensure_future(asyncio.to_thread(open))
    try:
        return await asyncio.shield(opening)
    except asyncio.CancelledError:
        opening.add_done_callback(lambda done: None if done.exception() else done.result().close())
        raise
