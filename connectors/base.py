"""What every way from and to the outside world has in common: errors, the shape of a source, the
shape of answering.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol, runtime_checkable

from connectors.events import Events, LiveEvents

Cursor = Any  # JSON-able; only the source that made it can read it


class ConnectorError(Exception):
    """Something is wrong outside; the message is one line for a person and says what to do."""


class FormatError(ConnectorError):
    """This input is in no format that can be read. Trying again will not help."""


class SourceError(ConnectorError):
    """The source failed in the middle. retry_after: seconds after which it may work again, None
    when it will not.
    """

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


@runtime_checkable
class Source(Protocol):
    """A source that ends, such as a file: iterate it once, in a thread of its own where reading may
    block.

    name: what its cursor is stored under. total, done: how far the reading is, both in the same
    unit.
    """

    name: str

    @property
    def total(self) -> int: ...

    @property
    def done(self) -> int: ...

    def __iter__(self) -> Events: ...


@runtime_checkable
class LiveSource(Protocol):
    """A source that does not end. It goes on after `cursor` (None: from now) and raises SourceError
    when it breaks.

    name: what its cursor is stored under. `events` is one connection: whoever reads it waits
    SourceError.retry_after (the network's own back-off, which the source counts) and opens it again
    with the last cursor. No event of the time between is missing then; one source yields a revision
    of an event once.
    """

    name: str

    def events(self, cursor: Cursor | None) -> LiveEvents: ...


class NotSent(ConnectorError):
    """The reply was certainly not sent. retry_after: seconds after which it may be, None when it
    will never be.
    """

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class SentUnknown(ConnectorError):
    """Nobody knows whether the reply was sent: the connection broke before the network had
    answered.
    """


@dataclass(frozen=True, slots=True)
class SentReply:
    """A reply that stands on the network. id: the event id that it will come back under. at: in
    UTC.
    """

    id: str
    at: datetime
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """What became of a post. revision: of an edit, the one that stands now; None where the network
    does not say.
    """

    state: Literal["there", "gone", "unknown"]
    revision: int | None = None


@runtime_checkable
class Replier(Protocol):
    """Answers on one network. Events are named by their ids (`x:123`); raises NotSent and
    SentUnknown.

    key: names the reply for ever (such as `reply:42`): the same key is never sent twice where the
    network can help.
    """

    network: str

    async def reply(self, to: str, text: str, *, key: str) -> SentReply:
        """Answer the post `to`. A NotSent without retry_after says why it never can be."""
        ...

    async def find_reply(
        self, to: str, text: str, *, key: str, since: datetime
    ) -> SentReply | None:
        """The reply, if it stands on the network: asked after a crash or SentUnknown. since: when
        sending began.

        None: it is not there. Raises NotSent (with retry_after) when the network cannot tell just
        now.
        """
        ...

    async def lookup(self, ids: Sequence[str]) -> Mapping[str, Standing]:
        """What became of these posts, each of them. Raises NotSent (with retry_after) when nobody
        can tell.
        """
        ...

    async def close(self) -> None: ...
