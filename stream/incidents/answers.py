"""Answers for an incident: one answer to all of its tickets, each in words of its own.

An answer is an opening, a sentence to the matter, and an ending. Each is approved by itself. The
model's own drafts for a ticket stand beside it, for a person to choose.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

from models.replier import policy, templates
from models.replier.draft import Candidate, Draft, ReplyRequest
from stream.errors import UserError
from stream.replies.store import Replies, ToDraft

ALIKE = 0.8  # share of common words from which on two texts are the same one

_BATCH = 16
_WORD = re.compile(r"\w+")

# requests, texts sent lately -> drafts
Write = Callable[[Sequence[ReplyRequest], Collection[str]], Sequence[Draft]]


@dataclass(frozen=True, slots=True)
class IncidentAnswers:
    """drafted: replies that wait for approval now, by ticket.

    alike: tickets without a wording of their own, so that a person has to write. waiting: tickets
    that had a draft or an answer before.
    """

    drafted: dict[str, int]
    alike: list[str]
    waiting: list[str]


async def answer(
    tickets: Sequence[str], replies: Replies, write: Write, *, say: str | None = None
) -> IncidentAnswers:
    """Draft for every one of these tickets that waits for an answer and has no draft yet.

    Nothing is sent. say: a person's sentence to the matter. Raises UserError where it is too long
    for the network of a ticket.
    """
    messages = await replies.to_draft(tickets)
    topic = _main_topic([message.request for message in messages])
    wordings = {message.ticket_id: _wordings(message.request, topic, say) for message in messages}
    used = await _texts_in_use(messages, tickets, replies)
    drafted: dict[str, int] = {}
    alike: list[str] = []
    for start in range(0, len(messages), _BATCH):
        part = messages[start : start + _BATCH]
        requests = [message.request for message in part]
        drafts = await asyncio.to_thread(write, requests, set(used))
        options = [
            [*wordings[message.ticket_id], *(() if say else draft.candidates)]
            for message, draft in zip(part, drafts, strict=True)
        ]
        rows: list[tuple[ToDraft, Draft, str | None]] = []
        for message, draft, first in zip(
            part, drafts, worded_differently(options, used), strict=True
        ):
            if first is None:
                alike.append(message.ticket_id)
            else:
                rows.append((message, _led_by(first, draft), None))
                used.append(first.text)
        drafted |= await _store(rows, replies)
    known = {message.ticket_id for message in messages}
    return IncidentAnswers(drafted, alike, [ticket for ticket in tickets if ticket not in known])


async def _texts_in_use(
    messages: Sequence[ToDraft], tickets: Sequence[str], replies: Replies
) -> list[str]:
    """Texts that the brands sent lately, and the drafts that the tickets have."""
    texts: list[str] = []
    for brand in {message.request.brand for message in messages}:
        texts += await replies.lately(brand)
    for ticket in tickets:
        texts += [row["text"] for row in await replies.newest(["draft"], ticket=ticket, limit=1)]
    return texts


def _led_by(first: Candidate, draft: Draft) -> Draft:
    rest = tuple(candidate for candidate in draft.candidates if candidate is not first)
    return replace(draft, candidates=(first, *rest))


async def _store(
    rows: Sequence[tuple[ToDraft, Draft, str | None]], replies: Replies
) -> dict[str, int]:
    """Store the drafts; the numbers of the new ones by ticket."""
    new = set(await replies.store(rows))
    numbers: dict[str, int] = {}
    for message, _, _ in rows:
        for row in await replies.newest(["draft"], ticket=message.ticket_id, limit=1):
            if row["id"] in new:
                numbers[message.ticket_id] = row["id"]
    return numbers


def _main_topic(requests: Sequence[ReplyRequest]) -> str | None:
    """The most frequent topic: an incident's one problem may have been read as several topics."""
    counts = Counter(request.topic for request in requests if request.topic)
    return min(counts, key=lambda topic: (-counts[topic], topic), default=None)


def _wordings(request: ReplyRequest, topic: str | None, say: str | None) -> list[Candidate]:
    """The incident's answer in every wording that fits this ticket."""
    of_incident = replace(request, topic=topic, sentiment="negative")
    limit = policy.limit(request.network)
    texts = [
        text
        for text in templates.wordings(of_incident, say=say)
        if policy.length(text, request.network) <= limit
    ]
    if say and not texts:
        raise UserError(
            "with its opening and its end that is too long for"
            f" {request.network} ({limit} characters)"
        )
    if say:
        return [Candidate(text, 0.0, "person") for text in texts]
    return [
        Candidate(text, 0.0, "template") for text in texts if not policy.check(text, of_incident)
    ]


def worded_differently(
    options: Sequence[Sequence[Candidate]], used: Collection[str] = ()
) -> list[Candidate | None]:
    """For each ticket the first candidate that passes and is unlike all used before; None without.

    A candidate that is picked counts as used for the tickets after it.
    """
    used_words = [_words(text) for text in used]
    picks: list[Candidate | None] = []
    for candidates in options:
        fitting = (
            candidate
            for candidate in candidates
            if candidate.passes and not _is_alike(candidate.text, used_words)
        )
        pick = next(fitting, None)
        picks.append(pick)
        if pick is not None:
            used_words.append(_words(pick.text))
    return picks


def _is_alike(text: str, used: Sequence[frozenset[str]]) -> bool:
    words = _words(text)
    return any(len(words & other) >= ALIKE * max(1, len(words | other)) for other in used)


def _words(text: str) -> frozenset[str]:
    return frozenset(_WORD.findall(text.casefold()))
