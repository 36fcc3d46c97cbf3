"""Offers of a reply: what was sent for such a message, answers of our own, the models' texts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from models.replier.answers import answers_to
from models.replier.draft import ReplyRequest, Source
from models.replier.slots import FACT, Slots, Slotted, brand_names


class Offer(NamedTuple):
    """A text with its slots that could answer a message.

    score: mean log probability of a token, 0 where nothing judged it.
    """

    text: str
    score: float
    source: Source


def sent_before(slots: Slots, request: ReplyRequest, message: Slotted) -> Iterator[str]:
    """The replies that were sent for messages like this one, with slots, the nearest first.

    One that holds a fact which its own message does not say is left out, and so is one whose
    particulars this message does not have.
    """
    names = brand_names(request.brand)
    for text, reply in request.past:
        slotted = slots.reply(reply, slots.message(text, names), names)
        if slotted and FACT not in slotted:
            yield slotted


def wordings(
    request: ReplyRequest, message: Slotted, passes: Callable[[str], bool] = lambda text: True
) -> list[str]:
    """Every wording that `passes` of our own answer to such a message, with slots.

    The most special kind of answer that has one; [] where none fits.
    """
    for answer in answers_to(request, message):
        texts = [text for text in answer.wordings(request, message) if passes(text)]
        if texts:
            return texts
    return []


def ordered(sent: Sequence[Offer], own: Sequence[Offer], new: Sequence[Offer]) -> Iterator[Offer]:
    """Offers in the order in which they are tried.

    What people sent for such a message comes first, then an answer of our own to its kind, the
    wording before that both models find likeliest, then what they write themselves.
    """
    yield from sent
    yield from own
    yield from new
