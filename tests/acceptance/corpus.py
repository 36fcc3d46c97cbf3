"""Twenty thousand events: real tweets where they are at hand, otherwise as many that are made up
here.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

from connectors.events import Deleted, Event, Tweet
from connectors.files import open_file

SIZE = 20_000
SEED = 2015
SHARED = Path(os.environ.get("EARSHOT_SHARED", Path(__file__).resolve().parents[3] / "shared"))

# The brand's own answers and real threads come from twcs, the rest from tweets that stand alone.
_REAL = ("airline/Tweets.csv", "twcs/twcs_first5000.csv", "sentiment140/random_27k_dated.csv")


def tweets(size: int = SIZE) -> tuple[list[Event], str]:
    """The events in the order in which they were said or found, and in words where they come from.

    Some are edited, some are deleted, and some edits move to another conversation: afterwards, as
    it should be.
    """
    folder = SHARED / "data" / "tweets"
    if all((folder / name).exists() for name in _REAL):
        return _with_revisions(_real(folder, size)), "real tweets"
    return _with_revisions(_made_up(size)), f"made up: there are no tweets in {folder}"


def _real(folder: Path, size: int) -> list[Event]:
    found: list[Event] = []
    for name in _REAL:
        source = open_file(folder / name, on_bad_row=lambda row: None)
        found += [event for event, _ in islice(source, size - len(found))]
    assert len(found) == size
    return found


OPENINGS = (
    "@northwind",
    "Dear Northwind",
    "hey @telvanta",
    "So",
    "Honestly,",
    "Well",
    "Ok",
    "@telvanta",
)
MATTERS = (
    "my bag never arrived",
    "the flight was two hours late",
    "my line has been down since {n} o'clock",
    "thank you for the kind crew on flight {n}",
    "you charged me {n} dollars twice",
    "is there wifi on board",
    "the agent hung up on me after {n} minutes",
    "what a lovely landing",
    "I was promised a refund {n} days ago",
)
ENDINGS = (
    "",
    "!!",
    " and nobody answers",
    " :(",
    " <3",
    " This is the {n}th time.",
    " I will switch.",
    " Thanks",
)


def _made_up(size: int) -> list[Event]:
    chance = random.Random(SEED)
    start = datetime(2026, 3, 2, 6, tzinfo=UTC)
    made: list[Event] = []
    threads: list[str] = []
    for number in range(size):
        id = f"x:{900_000 + number}"
        goes_on = bool(threads) and chance.random() < 0.3
        conversation = chance.choice(threads[-500:]) if goes_on else id
        if not goes_on:
            threads.append(id)
        parts = (chance.choice(OPENINGS), " ", chance.choice(MATTERS), chance.choice(ENDINGS))
        answers = goes_on and chance.random() < 0.3
        made.append(
            Tweet(
                id=id,
                conversation=conversation,
                occurred_at=start + timedelta(seconds=4 * number),
                direction="outbound" if answers else "inbound",
                author=f"customer{chance.randrange(3000)}",
                followers=chance.randrange(5000),
                text="".join(parts).format(n=chance.randrange(2, 400)),
                in_reply_to=conversation if goes_on else None,
            )
        )
    return made


def _with_revisions(events: Sequence[Event]) -> list[Event]:
    return list(_followed_by_revisions(events, random.Random(SEED)))


def _followed_by_revisions(events: Sequence[Event], chance: random.Random) -> Iterator[Event]:
    late: list[tuple[int, Event]] = []
    for number, event in enumerate(events):
        yield event
        wait = number + chance.randrange(1, 800)
        if number % 50 == 0 and isinstance(event, Tweet):
            late.append(
                (
                    wait,
                    event.model_copy(
                        update={"revision": 1, "text": f"{event.text} (sorry, a typo)"}
                    ),
                )
            )
        if number % 97 == 0:
            deleted = Deleted(
                id=event.id, conversation=event.conversation, occurred_at=event.occurred_at
            )
            late.append((wait + 100, deleted))
        if (
            number % 211 == 0
        ):  # its author found out that it belongs to another thread: another key, another partition
            late.append(
                (
                    wait,
                    event.model_copy(
                        update={"revision": 2, "conversation": events[number // 2].id}
                    ),
                )
            )
        yield from (each for at, each in late if at <= number)
        late = [(at, each) for at, each in late if at > number]
    yield from (each for _, each in late)


def shuffled_with_repeats(events: Sequence[Event], seed: int) -> list[Event]:
    """The same events in any order, a third of them twice."""
    chance = random.Random(seed)
    sent = [*events, *chance.sample(events, len(events) // 3)]
    chance.shuffle(sent)
    return sent
