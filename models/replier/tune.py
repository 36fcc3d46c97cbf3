"""Tune of a reply: its mood, and whether it takes leave where somebody waits for help."""

from __future__ import annotations

from collections.abc import Iterator

from models.replier.conditions import traits
from models.replier.draft import Refusal, ReplyRequest
from models.replier.rules import needs, table


def out_of_tune(text: str, request: ReplyRequest) -> Iterator[Refusal]:
    """An apology to somebody who is pleased, or cheers where there is nothing to cheer."""
    apology = traits(text)["apology"]
    pleased = request.sentiment == "positive" and needs(request).calm
    if pleased and apology and not table().trouble.search(request.text):
        yield Refusal("wrong mood", "it apologises to somebody who is pleased")
    cheer = table().cheer.search(text)
    if cheer and (apology or request.sentiment == "negative" or (request.severity or 0) >= 2):
        yield Refusal("wrong mood", f"it cheers ({cheer[0]!r}) where there is nothing to cheer")


def beside_the_need(text: str, request: ReplyRequest) -> Iterator[Refusal]:
    """A goodbye, or thanks for waiting, to somebody who has asked for something or complained."""
    rules = table()
    is_open = request.sentiment in (None, "negative") or "?" in request.text
    goodbye = rules.goodbye.search(text) if is_open and not _asks(text) else None
    if goodbye:
        yield Refusal(
            "goodbye", f"it takes leave ({goodbye[0]!r}), and the message needs an answer"
        )
    cheer = rules.cheer.search(text) if request.sentiment is None else None
    if cheer:
        yield Refusal("wrong mood", f"it cheers ({cheer[0]!r}), and nobody knows the mood")
    waiting = rules.waiting.search(text)
    if waiting and (is_open or not rules.waits.search(request.text)):
        yield Refusal(
            "thanks for waiting", f"it thanks for patience ({waiting[0]!r}) that nobody offered"
        )


def _asks(text: str) -> bool:
    """Whether it asks for something that would help to answer."""
    return traits(text)["handover"] or "?" in text
