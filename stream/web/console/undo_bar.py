"""Undo bar: what a person just did, and for some seconds the way to take it back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from nicegui.element import Element
from nicegui.events import GenericEventArguments

from stream.web.console.shell import say

SECONDS = 10.0  # for which an act on a ticket can be taken back here


@dataclass(frozen=True, slots=True)
class Undo:
    """The way back from an act. take_back: returns whether it was, and what to say of it."""

    take_back: Callable[[], Awaitable[tuple[bool, str]]]
    seconds: float = field(default_factory=lambda: SECONDS)


class UndoBar(Element, component="desk_undo.js"):
    """The latest act alone can be taken back. What it takes is kept here, not in the browser."""

    def __init__(self) -> None:
        super().__init__()
        self._number, self._undo = 0, None  # type: tuple[int, Undo | None]
        self.on("undo", self._take_back)

    def offer(self, words: str, undo: Undo) -> None:
        self._number, self._undo = self._number + 1, undo
        self._props["offer"] = {"n": self._number, "words": words, "seconds": undo.seconds}
        self.update()

    async def _take_back(self, event: GenericEventArguments) -> None:
        undo, self._undo = self._undo, None
        if undo is None or event.args != self._number:
            return
        is_done, words = await undo.take_back()
        say(words, bad=not is_done)
