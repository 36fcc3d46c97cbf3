"""A made-up week of seven brands, from `data/week.toml`: events, and what agents do with them.

It ends at a moment that is given, so that its clocks run as those of a desk do. The same seed and
end give the same week.
"""

from __future__ import annotations

import random
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from connectors.events import Event, Tweet

STORIES = Path(__file__).parent / "data" / "week.toml"
DAYS = 7
AGENTS = ("ada", "ben", "chloe", "dev", "emre", "freya")
NETWORKS = {"x": 6, "bluesky": 2, "mastodon": 1}
# The week ends at four in the afternoon of its own clock, whatever hour it is elsewhere: at night a
# queue is empty.
CLOSING = 16
# How much of a day's messages comes in each hour from 0 on: few at night, two humps.
_BUSY = (1, 1, 1, 1, 1, 2, 4, 7, 9, 10, 10, 9, 9, 9, 9, 9, 10, 11, 11, 10, 8, 6, 4, 2)
_WEEKEND = 0.6
_FORGOTTEN = timedelta(hours=3)  # nothing stays open for longer
_SLOT = re.compile(r"\{(\w+)\}")
_HALF_NAMES = (
    ("quiet", "north", "paper", "tin", "early", "second", "salt", "green", "slow", "inky"),
    ("heron", "kettle", "lantern", "ferry", "orchard", "marten", "button", "harbour", "ladder"),
)


@dataclass(frozen=True, slots=True)
class Act:
    """What an agent does with a ticket. action: as `stream.desk.actions` names it; text: of a note;
    tag: of a tag.
    """

    at: datetime
    ticket: str
    who: str
    action: str
    text: str = ""


@dataclass(slots=True)
class Week:
    """events and acts, each in order of time."""

    events: list[Event] = field(default_factory=list)
    acts: list[Act] = field(default_factory=list)


def brands_file() -> str:
    """The week's brands as `EARSHOT_BRANDS` reads them."""
    lines = []
    for brand in _stories()["brand"]:
        lines += ["[[brand]]", f'name = "{brand["name"]}"', f'handles = ["{brand["handle"]}"]']
        lines += [f'words = ["{brand["name"]}"]', f'trade = "{brand["trade"]}"']
        lines += [f'time_zone = "{brand["time_zone"]}"', ""]
    return "\n".join(lines)


def made_week(end: datetime, seed: int = 1) -> Week:
    """The week up to `end`: tickets of the last hours are still open, most of the others not."""
    return _Maker(end, random.Random(seed)).week()


def _stories() -> dict[str, Any]:
    return tomllib.loads(STORIES.read_text(encoding="utf-8"))


class _Maker:
    def __init__(self, end: datetime, chance: random.Random) -> None:
        self._end, self._chance = end, chance
        self._begin = end - timedelta(days=DAYS)
        self._told = _stories()
        self._handles = {brand["name"]: brand["handle"] for brand in self._told["brand"]}
        self._number = 0
        self._week = Week()
        self._said: set[str] = set()

    def week(self) -> Week:
        for brand in self._told["brand"]:
            stories = [story for story in self._told["story"] if story["brand"] == brand["name"]]
            for at in self._moments(brand["busy"]):
                weights = [story["often"] for story in stories]
                self._play(self._chance.choices(stories, weights)[0], at)
        for event in self._told["event"]:
            begins = self._at(event["day"], event["hour"])
            for _ in range(event["many"]):
                spread = self._chance.triangular(0, event["minutes"], event["minutes"] / 5)
                self._play(event, begins + timedelta(minutes=spread))
        for story in self._told["alone"]:
            said = story | {"says": [story["text"]], "answer": [story.get("answer", "")]}
            self._play(said, self._at(story["day"], story["hour"]), alone=True)
        self._week.events.sort(key=lambda event: event.occurred_at)
        self._week.acts.sort(key=lambda act: act.at)
        return self._week

    def _moments(self, busy: int) -> Iterator[datetime]:
        for day in range(DAYS):
            today = self._begin + timedelta(days=day)
            share = _WEEKEND if today.weekday() > 4 else 1.0
            for _ in range(round(busy * share)):
                own_hour = self._chance.choices(range(24), _BUSY)[0]
                hour = (own_hour - CLOSING + self._end.hour) % 24
                start = today.replace(hour=hour, minute=0, second=0, microsecond=0)
                if start < today:  # a day of the week begins at the hour in which the week ends
                    start += timedelta(days=1)
                at = start + timedelta(seconds=self._chance.uniform(0, 3600))
                if at < self._end:
                    yield at

    def _at(self, day: int, hour: float) -> datetime:
        """On the last day hours count back from the end: 15.6 of 16 are 24 minutes ago."""
        if day == DAYS - 1:
            return self._end - timedelta(hours=CLOSING - hour)
        midnight = (self._begin + timedelta(days=day)).replace(hour=0, minute=0, second=0)
        return midnight + timedelta(hours=hour)

    def _play(self, story: dict[str, Any], at: datetime, *, alone: bool = False) -> None:
        """One conversation: what is said, answered, said again, noted and done."""
        chance, brand = self._chance, story["brand"]
        if at >= self._end:
            return
        slots = {name: chance.choice(words) for name, words in self._told["slots"].items()}
        text = self._fresh(story["says"], slots)
        author = "_".join(chance.choice(half) for half in _HALF_NAMES) + str(chance.randint(2, 99))
        network = chance.choices(list(NETWORKS), list(NETWORKS.values()))[0]
        first = self._post(network, None, brand, author, text, at)
        answers = [answer for answer in story.get("answer", ()) if answer]
        waits = chance.lognormvariate(3.4, 0.9)  # minutes; half are answered within 30
        if alone:
            waits = min(waits, 15)
        answered_at = at + timedelta(minutes=waits)
        is_left = not alone and chance.random() < 0.12
        if not answers or is_left or answered_at >= self._end:
            self._maybe_hold(story, first, at, chance, alone)
            return
        who = chance.choice(AGENTS)
        self._do(answered_at - timedelta(minutes=min(3, waits / 2)), first, who, "claim")
        if "tags" in story or "tag" in story:
            tags = story.get("tags", [story.get("tag")])
            self._do(answered_at - timedelta(minutes=1), first, who, "tag", chance.choice(tags))
        answer = _filled(chance.choice(answers), slots)
        self._post(network, first, brand, self._handles[brand], answer, answered_at, out=True)
        last = answered_at
        if story.get("then") and (alone or chance.random() < 0.55):
            last = answered_at + timedelta(minutes=chance.uniform(3, 20 if alone else 90))
            if last >= self._end:
                return
            then = _filled(chance.choice(story["then"]), slots)
            self._post(network, first, brand, author, then, last)
        if story.get("note") and chance.random() < 0.5:
            self._do(last + timedelta(minutes=2), first, who, "note", chance.choice(story["note"]))
        done = last + timedelta(minutes=chance.uniform(5, 240))
        is_old = self._end - done > _FORGOTTEN
        if done < self._end and (is_old or chance.random() < 0.86) and not alone:
            self._do(done, first, who, "resolve")

    def _maybe_hold(
        self, story: dict[str, Any], first: str, at: datetime, chance: random.Random, alone: bool
    ) -> None:
        """Somebody has it and has not answered yet; old ones are put away without an answer."""
        soon = at + timedelta(minutes=chance.uniform(2, 25))
        if self._end - at > _FORGOTTEN:
            self._do(soon + timedelta(hours=2), first, chance.choice(AGENTS), "resolve")
        elif soon < self._end and not alone and chance.random() < 0.35:
            self._do(soon, first, chance.choice(AGENTS), "claim")

    def _fresh(self, says: list[str], slots: dict[str, str]) -> str:
        """A wording that nobody used yet, as long as there is one."""
        filled = [_filled(text, slots) for text in says]
        self._chance.shuffle(filled)
        text = next((text for text in filled if text not in self._said), filled[0])
        self._said.add(text)
        return text

    def _post(
        self,
        network: str,
        first: str | None,
        brand: str,
        author: str,
        text: str,
        at: datetime,
        *,
        out: bool = False,
    ) -> str:
        self._number += 1
        id = f"{network}:{7_000_000 + self._number}"
        self._week.events.append(
            Tweet(
                id=id,
                conversation=first or id,
                in_reply_to=first,
                occurred_at=at,
                brand=brand,
                author=author,
                direction="outbound" if out else "inbound",
                language="en",
                text=text,
            )
        )
        return id

    def _do(self, at: datetime, ticket: str, who: str, action: str, text: str = "") -> None:
        if at < self._end:
            self._week.acts.append(Act(at, ticket, who, action, text))


def _filled(text: str, slots: dict[str, str]) -> str:
    return _SLOT.sub(lambda slot: slots[slot[1]], text)
