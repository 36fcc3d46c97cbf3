"""The fold of a conversation: its stored messages in, its one ticket out. No I/O, no clock."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile

from models.time_limit import limited
from stream.triage.cues import thesaurus
from stream.triage.factors import (
    P1,
    P4,
    circumstances,
    content,
    unjudged,
)
from stream.triage.inbound import Inbound, memoized, read
from stream.triage.points import CERTAIN, LEVELS
from stream.triage.settlement import settled, settlement
from stream.triage.sums import at_most, strongest_first, total
from stream.triage.ticket import Factor, Message, Step, Ticket, shortened

Fold = Callable[[Sequence[Message]], Ticket | None]


def fold(history: Sequence[Message]) -> Ticket | None:
    """The one ticket of a conversation, or None when nobody is needed. Order of `history` does not
    matter.
    """
    live = _live(history)
    customers = [_needy(message) for message in live if message.direction == "inbound"]
    needy = [inbound for inbound in customers if inbound is not None]
    if not needy:
        return None
    relevant = [inbound.message for inbound in needy]
    factors = content(needy)
    weight = total(factors)
    if weight < P4:
        return None
    factors += circumstances(live, relevant)
    if weight < P1:
        # A person must look within minutes for what was said alone.
        factors = at_most(P1 - 1, factors)
    decisive = needy[0]
    if len(needy) > 1:
        decisive = max(needy, key=lambda inbound: _alone(inbound.message))
    ticket = _marked(_ticket(live, relevant, decisive.message, factors), needy)
    return settled(ticket, settlement(live, {message.id for message in relevant}))


@memoized
def _needy(message: Message) -> Inbound | None:
    """The customer's message with its cues; None where it needs nobody. Raises TooSlow."""
    inbound = read(message)
    return None if inbound.needs_nobody else inbound


@memoized
def _alone(message: Message) -> int:
    """What the message weighs by itself."""
    return total(content([read(message)]))


@dataclass(frozen=True, slots=True)
class Failure:
    """A step of a judgement that failed. id: of the event, or of the conversation where no event of
    it can be blamed.
    """

    id: str
    step: Step
    error: Exception


def fold_surely(
    history: Sequence[Message], fold: Fold = fold
) -> tuple[Ticket | None, list[Failure]]:
    """The ticket of a conversation, also when `fold` raises for it; and what failed.

    A message that raises by itself counts as one that needs a look; the others are weighed as
    always.
    """
    try:
        return fold(history), []
    except Exception as error:
        # Whatever it is: a conversation that nobody can weigh is one that a person must see.
        whole = Failure(history[0].conversation, "fold", error)
    failures: list[Failure] = []
    weighed: list[Message] = []
    for message in history:
        failure = _failure(message, fold)
        if failure is not None:
            failures.append(failure)
            message = _unweighed(message, failure.step)
        weighed.append(message)
    try:
        return fold(weighed), failures or [whole]
    except Exception:
        return _unjudged(weighed), [whole]


def _failure(message: Message, fold: Fold) -> Failure | None:
    """What fails of a message by itself."""
    step: Step = "cues"
    try:
        with limited():
            thesaurus().find(message.text)
        step = "fold"
        fold([message])
    except Exception as error:
        return Failure(message.id, step, error)
    return None


def _unweighed(message: Message, step: Step) -> Message:
    """The message without anything that is weighed; its text stays for people."""
    return replace(
        message,
        failed=step,
        sentiment=None,
        negative=None,
        complaint=None,
        dissatisfaction=None,
        alarm=None,
        need=None,
        call=None,
    )


def _unjudged(history: Sequence[Message]) -> Ticket | None:
    """A ticket without a weight, for a conversation that cannot be folded."""
    live = _live(history)
    inbound = [message for message in live if message.direction == "inbound"]
    return _ticket(live, inbound, inbound[-1], [unjudged("fold")]) if inbound else None


def _marked(ticket: Ticket, needy: Sequence[Inbound]) -> Ticket:
    """The ticket with what its languages say: not read, or read though nobody could tell them."""
    languages = [inbound.unread_language for inbound in needy]
    unread = [language for language in languages if language]
    is_undecided = any(inbound.is_undecided for inbound in needy)
    if not unread and not is_undecided:
        return ticket
    return replace(
        ticket,
        needs_look=ticket.needs_look or is_undecided,
        unread_language=unread[-1] if unread else None,
    )


def _live(history: Sequence[Message]) -> list[Message]:
    live = [message for message in history if message.kind != "deleted"]
    return sorted(live, key=lambda message: (message.occurred_at, message.id))


def _after(live: Sequence[Message], last: Message) -> list[Message]:
    """The brand's messages after the customers' last one that needs somebody."""
    following = takewhile(lambda message: message.id != last.id, reversed(live))
    return [message for message in following if message.direction == "outbound"]


def _ticket(
    live: Sequence[Message],
    relevant: Sequence[Message],
    decisive: Message,
    factors: Sequence[Factor],
) -> Ticket:
    """relevant: the messages that need a person. decisive: the one of them that weighs most."""
    first, last = relevant[0], relevant[-1]
    priority = min(total(factors), 100)
    answers = [message.occurred_at for message in _after(live, last)]
    is_unsure = priority < CERTAIN or all(message.abstained for message in relevant)
    return Ticket(
        id=first.conversation,
        network=first.conversation.partition(":")[0],
        brand=next((message.brand for message in live if message.brand), None),
        author=first.author,
        priority=priority,
        level=next(level for level, threshold in LEVELS if priority >= threshold),
        factors=tuple(sorted(factors, key=strongest_first)),
        needs_look=is_unsure or any(message.failed for message in relevant),
        topic=decisive.topic,
        problem=decisive.problem,
        sentiment=decisive.sentiment,
        dissatisfaction=decisive.dissatisfaction,
        excerpt=shortened(decisive.text, 280),
        messages=len(live),
        first_at=first.occurred_at,
        last_inbound_at=last.occurred_at,
        answered_at=max(answers, default=None),
    )
