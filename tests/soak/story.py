"""Events of the soak: each made from the seed and its number alone, so that no run keeps them.

Of a hundred numbers some six are edits, four are deletions and two are moves to another
conversation, all of a post that came up to two portions before; some come after their deletion.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from acceptance.broken import NO_EVENTS
from acceptance.corpus import ENDINGS, MATTERS, OPENINGS

from connectors.events import Complaint, Deleted, Event, Transcript, Turn, Tweet, encode
from stream.ingest.publish import topic_of
from stream.kafka import INPUTS, Outgoing

DAY = timedelta(hours=24)  # the time that the events are spread over, up to the first start
MESSAGES = 5  # of a conversation, on the average
EDITS, DELETIONS, MOVES = 0.06, 0.04, 0.02  # shares of the numbers
LATE, REPEATS, BROKEN = 0.1, 0.1, 0.01  # shares of a portion
ANSWERED = 50  # every so manieth conversation is answered through the outbox
BROKEN_KEY = b"broken"

_URGENT = "my father's alarm pendant has been dead for {n} hours and he is alone, please help"
_ODD = (
    "my \x00 bag and \x9b31m my case {n}",
    "\u202eحقيبتي ضاعت ولا أحد يرد علي\u202c {n}",
    "\U0001f621" * 200 + " {n}",
    "  \n\t ",
    "flight {n} was late. " * 400,
)


@dataclass(frozen=True)
class Story:
    """events: how many numbers. portion: numbers of a portion. ends: when the last one was said."""

    seed: int
    events: int
    portion: int
    ends: datetime

    @property
    def portions(self) -> int:
        return -(-self.events // self.portion)

    @property
    def conversations(self) -> int:
        return max(1, self.events // MESSAGES)

    def event(self, number: int) -> Event:
        """What the number says: a post, or an edit, a deletion or a move of an earlier post."""
        chance = self._chance(number)
        share = chance.random()
        earlier = number - chance.randrange(1, 2 * self.portion)
        if share >= EDITS + DELETIONS + MOVES or not self.is_post(earlier):
            return self._post(number, chance)
        post = self._post(earlier, self._post_chance(earlier))
        if share < DELETIONS:
            kind = "tweet" if isinstance(post, Deleted) else post.kind
            return Deleted(
                id=post.id,
                conversation=post.conversation,
                occurred_at=post.occurred_at,
                of=kind,
            )
        change: dict[str, object] = {"revision": number}
        if share < DELETIONS + MOVES:
            change["conversation"] = self._conversation(chance.randrange(self.conversations))
        elif isinstance(post, Transcript):
            change["turns"] = (*post.turns, Turn(speaker="customer", text="And nobody called."))
        elif isinstance(post, Tweet | Complaint):
            change["text"] = f"{post.text} (sorry, a typo)"
        return post.model_copy(update=change)

    def is_post(self, number: int) -> bool:
        """Whether the number is an event of its own, and no change of another."""
        return number >= 0 and self.event(number).id == _id(number)

    @cached_property
    def ids(self) -> frozenset[str]:
        """Every id that must be stored, each once."""
        return frozenset(self.event(number).id for number in range(self.events))

    def plain(self, portion: int) -> list[Event]:
        """The events of a portion in the order of their numbers, nothing twice."""
        return [self.event(number) for number in self._numbers(portion)]

    def sent(self, portion: int) -> list[Outgoing]:
        """A portion as it is sent: in any order, with what the one before held back, with repeats
        and with messages that are no events.
        """
        chance = random.Random(f"{self.seed} portion {portion}")
        now = [n for n in self._numbers(portion) if not self._is_late(n)]
        before = [n for n in self._numbers(portion - 1) if self._is_late(n)]
        last = portion == self.portions - 1
        held = [n for n in self._numbers(portion) if self._is_late(n)] if last else []
        numbers = [*now, *before, *held]
        numbers += chance.choices(numbers, k=int(REPEATS * len(numbers)))
        messages = [_message(self.event(number)) for number in numbers]
        broken = list(NO_EVENTS.values())
        messages += [
            Outgoing(chance.choice(INPUTS), BROKEN_KEY, chance.choice(broken))
            for _ in range(max(1, int(BROKEN * len(numbers))))
        ]
        chance.shuffle(messages)
        return messages

    def answered(self, portion: int) -> list[str]:
        """Conversations of this portion that a person answers through the outbox."""
        numbers = {number // MESSAGES for number in self._numbers(portion)}
        return [self._conversation(at) for at in sorted(numbers) if at % ANSWERED == 0]

    def _numbers(self, portion: int) -> range:
        if portion < 0:
            return range(0)
        return range(portion * self.portion, min((portion + 1) * self.portion, self.events))

    def _post(self, number: int, chance: random.Random) -> Event:
        near = number // MESSAGES - chance.randrange(max(1, self.portion // MESSAGES))
        conversation = max(0, near)
        whose = random.Random(f"{self.seed} conversation {conversation}")
        opening, author = whose.choice(OPENINGS), f"customer{whose.randrange(30_000)}"
        outbound = chance.random() < 0.2
        occurred_at = self.ends - DAY * (1 - number / self.events)
        text = self._text(opening, chance)
        fields = {
            "id": _id(number),
            "conversation": self._conversation(conversation),
            "occurred_at": occurred_at,
            "direction": "outbound" if outbound else "inbound",
            "author": "northwind" if outbound else author,
        }
        kind = chance.random()
        if kind < 0.02:
            turns = (Turn(speaker="agent", text="Hello."), Turn(speaker="customer", text=text))
            return Transcript(**fields | {"direction": "inbound"}, turns=turns)  # type: ignore[arg-type]
        if kind < 0.15:
            return Complaint(**fields, text=text, title="A complaint")  # type: ignore[arg-type]
        return Tweet(**fields, text=text, followers=chance.randrange(5000))  # type: ignore[arg-type]

    def _text(self, opening: str, chance: random.Random) -> str:
        share = chance.random()
        matter = _URGENT if share < 0.003 else chance.choice(MATTERS)
        text = f"{opening} {matter}{chance.choice(ENDINGS)}"
        if 0.003 <= share < 0.008:
            text = chance.choice(_ODD)
        return text.replace("{n}", str(chance.randrange(2, 400)))

    def _is_late(self, number: int) -> bool:
        return random.Random(f"{self.seed} late {number}").random() < LATE

    def _chance(self, number: int) -> random.Random:
        return random.Random(f"{self.seed} event {number}")

    def _post_chance(self, number: int) -> random.Random:
        chance = self._chance(number)
        chance.random()
        chance.randrange(1, 2 * self.portion)
        return chance

    def _conversation(self, number: int) -> str:
        return f"x:c{number}"


def plain_messages(events: list[Event]) -> Iterator[Outgoing]:
    for event in events:
        yield _message(event)


def _message(event: Event) -> Outgoing:
    return Outgoing(topic_of(event), event.conversation, encode(event))


def _id(number: int) -> str:
    return f"x:{number}"
