"""Interfaces of connectors: their errors, a source, a live source, and a replier."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

if TYPE_CHECKING:  # its records take a twentieth of a second to build
    from connectors.events import Events, LiveEvents

Cursor = Any  # JSON-able; only the source that made it can read it


class ConnectorError(Exception):
    """A fault outside; the message is one line for a person, with the remedy."""


class FormatError(ConnectorError):
    """This input is in no format that can be read. Trying again will not help."""


class SourceError(ConnectorError):
    """The source failed in the middle. retry_after: seconds until it may work; None: never."""

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


@runtime_checkable
class Source(Protocol):
    """A source that ends, such as a file. Iterate it once, in a thread: reading may block.

    name: of its stored cursor. total, done: how far the reading is, both in the same unit.
    """

    name: str

    @property
    def total(self) -> int: ...

    @property
    def done(self) -> int: ...

    def __iter__(self) -> Events: ...


@runtime_checkable
class LiveSource(Protocol):
    """A source that does not end. name: of its stored cursor."""

    name: str

    def events(self, cursor: Cursor | None) -> LiveEvents:
        """One connection, which goes on after `cursor` (None: from now) until a SourceError.

        Its reader waits SourceError.retry_after (the network's own back-off, which the source
        counts) and opens it again with the last cursor. No event of the time between is missing
        then; one source yields a revision of an event once.
        """
        ...

    async def close(self) -> None:
        """Let go of the network. A second time it does nothing."""
        ...


class NotSent(ConnectorError):
    """The reply was certainly not sent. retry_after: seconds until it may be; None: never."""

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class SentUnknown(ConnectorError):
    """The reply may have been sent: the connection broke before the network had answered."""


@dataclass(frozen=True, slots=True)
class SentReply:
    """A reply that stands on the network. id: of the event that it comes back as. at: in UTC."""

    id: str
    at: datetime
    url: str | None = None


@dataclass(frozen=True, slots=True)
class PostStatus:
    """State of a post. revision: of the edit that stands now; None: the network does not say."""

    state: Literal["there", "gone", "unknown"]
    revision: int | None = None


@dataclass(frozen=True, slots=True)
class Picture:
    """A PNG or JPEG file without metadata. alt: what it shows, for who cannot see it. width,
    height: in points, as it is shown.
    """

    media_type: str
    content: bytes
    alt: str
    width: int
    height: int


@runtime_checkable
class Replier(Protocol):
    """Answers on one network, by event ids (`x:123`). Raises NotSent and SentUnknown.

    key: names the reply for ever (`reply:42`): where the network can help, it is never sent twice.
    """

    network: str

    async def reply(self, to: str, text: str, *, key: str) -> SentReply:
        """Answer the post `to`. A NotSent without retry_after: it never can be, for this reason."""
        ...

    async def find_reply(
        self, to: str, text: str, *, key: str, since: datetime
    ) -> SentReply | None:
        """The reply, if it stands on the network: after a crash or SentUnknown.

        since: when sending began. None: it does not stand there. Raises NotSent (with retry_after)
        when the network cannot say now.
        """
        ...

    async def lookup(self, ids: Sequence[str]) -> Mapping[str, PostStatus]:
        """The state of every one of these posts. Raises NotSent (with retry_after)."""
        ...

    async def close(self) -> None: ...


@runtime_checkable
class PictureReplier(Replier, Protocol):
    """A replier of a network that takes pictures."""

    async def reply_with_pictures(
        self, to: str, text: str, pictures: Sequence[Picture], *, key: str
    ) -> SentReply:
        """As `reply`, with pictures below the text, in order."""
        ...
