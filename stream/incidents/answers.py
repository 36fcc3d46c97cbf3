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
from stream.replies.store import Replies, Row, ToDraft

ALIKE = 0.8  # share of common words from which on two texts are the same one

_BATCH = 16
_WORD = re.compile(r"\w+")

# requests, texts sent lately -> drafts
Write = Callable[[Sequence[ReplyRequest], Collection[str]], Sequence[Draft]]


@dataclass(frozen=True, slots=True)
class IncidentAnswers:
    """drafted: replies that wait for approval now, by ticket.

    replaced: the tickets among them whose earlier draft gave way; nobody had changed or approved
    it. alike: tickets without a wording of their own, so that a person has to write; what they had
    before stays. by_person: tickets whose answer a person wrote, changed or approved, left alone.
    settled: tickets that wait for no draft, for another reason. doubts: what the policy has against
    the person's own sentence. It stands all the same: whoever wrote it knows of the event what no
    message says.
    """

    drafted: dict[str, int]
    replaced: list[str]
    alike: list[str]
    by_person: list[str]
    settled: list[str]
    doubts: tuple[str, ...] = ()

    def summary(self) -> str:
        """The counts in one line."""
        parts = [_count(len(self.drafted), "draft") + " written"]
        if self.replaced:
            parts[0] += f", {len(self.replaced)} of them in place of earlier drafts"
        if self.by_person:
            count = len(self.by_person)
            verb = "has" if count == 1 else "have"
            parts.append(f"{_count(count, 'ticket')} {verb} an answer by a person, left alone")
        if self.settled:
            count = len(self.settled)
            verb = "waits" if count == 1 else "wait"
            parts.append(
                f"{_count(count, 'ticket')} {verb} for no draft"
                " (answered, decided, closed or not readable)"
            )
        if self.alike:
            parts.append(
                f"for {_count(len(self.alike), 'ticket')} nothing is left that others were not"
                " told already: write to them yourself"
            )
        if self.doubts:
            rules = ", ".join(self.doubts)
            parts.append(f"the policy would refuse a draft of such words ({rules}), yours stand")
        return "; ".join(parts)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


async def answer(
    tickets: Sequence[str], replies: Replies, write: Write, actor: str, *, say: str | None = None
) -> IncidentAnswers:
    """Draft for every one of these tickets that waits for an answer.

    A draft that no person wrote, changed or approved gives way; its words stay as a candidate.
    Nothing is sent. say: a person's sentence to the matter. Raises UserError where it is too long
    for the network of a ticket.
    """
    messages = await replies.to_draft(tickets, replacing=True)
    topic = _main_topic([message.request for message in messages])
    wordings = {message.ticket_id: _wordings(message.request, topic, say) for message in messages}
    used = await _texts_in_use(messages, tickets, replies)
    written: list[Row] = []
    alike: list[str] = []
    for start in range(0, len(messages), _BATCH):
        part = messages[start : start + _BATCH]
        drafts = await asyncio.to_thread(write, [message.request for message in part], set(used))
        options = [
            [*wordings[message.ticket_id], *(() if _is_told(message, say) else draft.candidates)]
            for message, draft in zip(part, drafts, strict=True)
        ]
        firsts = worded_differently(options, used, shared=say)
        used += [first.text for first in firsts if first is not None]
        worded = _led(part, drafts, firsts)
        written += await replies.store_in_place(worded, actor)
        fitting = {message.ticket_id for message, _ in worded}
        alike += [message.ticket_id for message in part if message.ticket_id not in fitting]
    counted = await _counted(tickets, written, alike, replies)
    return replace(counted, doubts=await asyncio.to_thread(_doubts, say, messages))


def _is_told(message: ToDraft, say: str | None) -> bool:
    """Whether a person's words answer it, and nothing else; who may come to harm is answered for
    itself.
    """
    return say is not None and message.request.gravity is None


def _led(
    messages: Sequence[ToDraft], drafts: Sequence[Draft], firsts: Sequence[Candidate | None]
) -> list[tuple[ToDraft, Draft]]:
    """The drafts, each led by its first candidate; without those that have none."""
    return [
        (message, _led_by(first, draft))
        for message, draft, first in zip(messages, drafts, firsts, strict=True)
        if first is not None
    ]


async def _counted(
    tickets: Sequence[str], written: Sequence[Row], alike: list[str], replies: Replies
) -> IncidentAnswers:
    drafted = {row["ticket_id"]: row["id"] for row in written}
    left = [ticket for ticket in tickets if ticket not in drafted and ticket not in alike]
    touched = await replies.touched(left)
    return IncidentAnswers(
        drafted,
        replaced=[row["ticket_id"] for row in written if row["version"]],
        alike=alike,
        by_person=[ticket for ticket in left if ticket in touched],
        settled=[ticket for ticket in left if ticket not in touched],
    )


def _doubts(say: str | None, messages: Sequence[ToDraft]) -> tuple[str, ...]:
    """The rules that a person's sentence breaks for any of them, beside those that the whole answer
    is held to.
    """
    if say is None:
        return ()
    refusals = [refusal for message in messages for refusal in policy.check(say, message.request)]
    return tuple(dict.fromkeys(refusal.rule for refusal in policy.of_the_matter(refusals)))


async def _texts_in_use(
    messages: Sequence[ToDraft], tickets: Sequence[str], replies: Replies
) -> list[str]:
    """Texts that the brands sent lately, and the drafts of the tickets that stay."""
    texts: list[str] = []
    for brand in {message.request.brand for message in messages}:
        texts += await replies.lately(brand)
    give_way = {message.ticket_id for message in messages if message.replaces is not None}
    for ticket in tickets:
        if ticket not in give_way:
            drafts = await replies.newest(["draft"], ticket=ticket, limit=1)
            texts += [row["text"] for row in drafts]
    return texts


def _led_by(first: Candidate, draft: Draft) -> Draft:
    rest = tuple(candidate for candidate in draft.candidates if candidate is not first)
    return replace(draft, candidates=(first, *rest))


def _main_topic(requests: Sequence[ReplyRequest]) -> str | None:
    """The most frequent topic: an incident's one problem may have been read as several topics."""
    counts = Counter(request.topic for request in requests if request.topic)
    return min(counts, key=lambda topic: (-counts[topic], topic), default=None)


def _wordings(request: ReplyRequest, topic: str | None, say: str | None) -> list[Candidate]:
    """The incident's answer in every wording that fits this ticket; [] where somebody may come to
    harm: that ticket is answered for itself.
    """
    if request.gravity is not None:
        return []
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
        return [Candidate(text, 0.0, "incident") for text in texts]
    return [
        Candidate(text, 0.0, "template") for text in texts if not policy.check(text, of_incident)
    ]


def worded_differently(
    options: Sequence[Sequence[Candidate]], used: Collection[str] = (), shared: str | None = None
) -> list[Candidate | None]:
    """For each ticket the first candidate that passes and is unlike all used before; None without.

    A candidate that is picked counts as used for the tickets after it. shared: a sentence that all
    are told; the words beside it make them unlike, however long it is.
    """
    common = _words(shared or "")
    used_words = [_words(text) - common for text in used]
    picks: list[Candidate | None] = []
    for candidates in options:
        fitting = (
            candidate
            for candidate in candidates
            if candidate.passes and not _is_alike(_words(candidate.text) - common, used_words)
        )
        pick = next(fitting, None)
        picks.append(pick)
        if pick is not None:
            used_words.append(_words(pick.text) - common)
    return picks


def _is_alike(words: frozenset[str], used: Sequence[frozenset[str]]) -> bool:
    return any(words == other or len(words & other) >= ALIKE * len(words | other) for other in used)


def _words(text: str) -> frozenset[str]:
    return frozenset(_WORD.findall(text.casefold()))
