"""Answers for an incident: the same answer to each of its tickets, each worded differently, each
approved by itself.

Everybody who wrote about one problem is told the same: an opening, what there is to say to the
matter, and an ending, in words that nobody else of them got. What the model drafts for a ticket
stands beside it, for a person to choose.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

from models.replier import policy
from models.replier.draft import Candidate, Draft, ReplyRequest
from models.replier.templates import wordings
from stream.errors import UserError
from stream.replies.store import Replies, ToDraft

ALIKE = 0.8  # share of common words from which on two texts are the same one

_BATCH = 16
_WORD = re.compile(r"\w+")

Write = Callable[
    [Sequence[ReplyRequest], Collection[str]], Sequence[Draft]
]  # requests, texts sent lately -> drafts


@dataclass(frozen=True, slots=True)
class Answered:
    """drafted: replies that wait for approval now, by ticket; alike: tickets for which no wording
    of their own was found, so that a person has to write; waiting: those that had a draft or an
    answer before.
    """

    drafted: dict[str, int]
    alike: list[str]
    waiting: list[str]


async def answer(
    tickets: Sequence[str], replies: Replies, write: Write, *, say: str | None = None
) -> Answered:
    """Draft for every one of these tickets that waits for an answer and has none drafted yet;
    nothing is sent.

    say: what a person wants said to the matter. Raises UserError for one that is too long for where
    they wrote.
    """
    wanted = await replies.to_draft(tickets)
    topic = _topic([one.request for one in wanted])
    ways = {one.ticket_id: _ways(one.request, topic, say) for one in wanted}
    brands = {one.request.brand for one in wanted}
    taken = [text for brand in brands for text in await replies.lately(brand)]
    before = [
        row["text"]
        for ticket in tickets
        for row in await replies.newest(["draft"], ticket=ticket, limit=1)
    ]
    taken += before
    drafted: dict[str, int] = {}
    alike: list[str] = []
    for start in range(0, len(wanted), _BATCH):
        some = wanted[start : start + _BATCH]
        written = await asyncio.to_thread(write, [one.request for one in some], set(taken))
        own = [() if say else draft.candidates for draft in written]
        options = [[*ways[one.ticket_id], *drafted] for one, drafted in zip(some, own, strict=True)]
        chosen = worded_differently(options, taken)
        kept: list[tuple[ToDraft, Draft, str | None]] = []
        for one, draft, first in zip(some, written, chosen, strict=True):
            if first is None:
                alike.append(one.ticket_id)
                continue
            others = tuple(each for each in draft.candidates if each is not first)
            kept.append((one, replace(draft, candidates=(first, *others)), None))
            taken.append(first.text)
        new = set(await replies.store(kept))
        for one, _, _ in kept:
            for row in await replies.newest(["draft"], ticket=one.ticket_id, limit=1):
                if row["id"] in new:
                    drafted[one.ticket_id] = row["id"]
    asked = {one.ticket_id for one in wanted}
    return Answered(drafted, alike, [ticket for ticket in tickets if ticket not in asked])


def _topic(requests: Sequence[ReplyRequest]) -> str | None:
    """What most of them are about: the incident's one problem may have been read as several topics."""
    counted = Counter(request.topic for request in requests if request.topic)
    return min(counted, key=lambda topic: (-counted[topic], topic), default=None)


def _ways(request: ReplyRequest, topic: str | None, say: str | None) -> list[Candidate]:
    """The incident's answer in every wording that fits this ticket."""
    of_incident = replace(request, topic=topic, sentiment="negative")
    most = policy.limit(request.network)
    found = [
        text
        for text in wordings(of_incident, say=say)
        if policy.length(text, request.network) <= most
    ]
    if say and not found:
        raise UserError(
            f"with its opening and its end that is too long for {request.network} ({most} characters)"
        )
    if say:
        return [Candidate(text, 0.0, "person") for text in found]
    return [
        Candidate(text, 0.0, "template") for text in found if not policy.check(text, of_incident)
    ]


def worded_differently(
    options: Sequence[Sequence[Candidate]], taken: Collection[str] = ()
) -> list[Candidate | None]:
    """For each ticket the first candidate that passes and is like none chosen or taken before; None
    without one.
    """
    said = [_words(text) for text in taken]
    chosen: list[Candidate | None] = []
    for candidates in options:
        first = next(
            (each for each in candidates if each.passes and not _is_alike(each.text, said)), None
        )
        chosen.append(first)
        if first is not None:
            said.append(_words(first.text))
    return chosen


def _is_alike(text: str, said: Sequence[frozenset[str]]) -> bool:
    words = _words(text)
    return any(len(words & other) >= ALIKE * max(1, len(words | other)) for other in said)


def _words(text: str) -> frozenset[str]:
    return frozenset(_WORD.findall(text.casefold()))
