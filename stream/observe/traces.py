"""Traces of a message, from the process that produced it to its commit."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

Headers = tuple[tuple[str, bytes], ...]


class Traces(Protocol):
    """What can be timed. No span ever holds a word of what a message says, nor of an error."""

    def producing(self, topics: Collection[str], count: int) -> AbstractContextManager[Headers]:
        """So many messages are sent; yields the headers by which whoever reads them finds this span
        again.
        """
        ...

    def batch(
        self, topic: str, headers: Iterable[Mapping[str, bytes]], waited: float | None
    ) -> AbstractContextManager[object]:
        """A batch is processed. headers: of its messages. waited: seconds since the first of them
        was produced.
        """
        ...

    def stage(self, name: str) -> AbstractContextManager[object]:
        """A stage of the batch that is processed."""
        ...

    def close(self) -> None:
        """Send what is left; gives up after a few seconds."""
        ...


class _Off:
    """Nothing is traced."""

    def __init__(self) -> None:
        self._nothing = nullcontext()
        self._no_headers: AbstractContextManager[Headers] = nullcontext(())

    def producing(self, topics: Collection[str], count: int) -> AbstractContextManager[Headers]:
        return self._no_headers

    def batch(
        self, topic: str, headers: Iterable[Mapping[str, bytes]], waited: float | None
    ) -> AbstractContextManager[object]:
        return self._nothing

    def stage(self, name: str) -> AbstractContextManager[object]:
        return self._nothing

    def close(self) -> None: ...


OFF: Traces = _Off()
