"""Settlement of a conversation: whether the customer's last word says that the matter is over.

The model's head says so where it read the message (`Message.settled`) and a word speaks for it;
else the words of the last message and the brand's answer before it, by points that were fitted on
real conversations.
"""

from __future__ import annotations

import math
import re
import tomllib
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from importlib import resources
from typing import Final

from stream.records import Level
from stream.triage.cues import Cues, thesaurus
from stream.triage.inbound import read
from stream.triage.points import LEVELS
from stream.triage.ticket import Factor, Message, Ticket

FACTOR = "sorted"  # the name of its factor
# A probability from which on it closes a ticket, or lowers it to P4: by the head, and by the words.
# Of the conversations for choosing the head closes 31 of 38 settled tickets and 2 of 133 that are
# open, the words 53 and 2 %; see `earshot evaluate conversations`.
HEAD_CLOSES, HEAD_LOWERS = 0.27, 0.16
WORDS_CLOSE, WORDS_LOWER = 0.47, 0.36

# Log-odds of each sign that the last message settles the matter (logistic regression on the
# training conversations, rounded).
BASE: Final = -1.5
POINTS: Final[Mapping[str, float]] = {
    # groups of settlement.toml in the last message; those of more weight count at most twice
    "thanks": 0.8,
    "over": 1.0,
    "glad": 0.6,
    "fun": 0.3,
    "yes": -0.3,
    "asks": -0.4,
    "not": -0.3,
    "trouble": -0.1,
    "pending": -0.1,
    # how it is written
    "question": -0.8,
    "ends in a question": -0.4,
    "faces": 0.8,
    "exclaims": 0.5,
    "brief": -0.4,
    # the brand's message before it
    "agent_asks": -0.5,
    "agent_glad": 0.8,
    # what the model makes of it, and of what they wrote before the brand's message
    "need": -1.1,
    "dissatisfied": -0.3,
    "positive": 0.7,
    "was dissatisfied": -0.3,
    "was glad": 0.4,
}

# Groups of the thesaurus: danger that is spoken of ends by plain words alone.
_ENDANGERED = frozenset(
    {
        "danger",
        "injury",
        "self_harm",
        "violence",
        "emergency_calls",
        "alone",
        "fraud",
        "medicine",
        "personal_alarm",
    }
)
_FOR = frozenset({"thanks", "over", "glad", "fun", "faces"})
_ONCE = ("thanks", "over")  # these count once, however often they stand
_AGAINST = ("asks", "not", "trouble")
_LOWEST, _FLOOR = LEVELS[-1]
_REPEATS = 2  # of a sign that counts more than once
_BRIEF = 3  # words
_WORDLESS = re.compile(r"\?|https?://")  # "??", a picture: whoever sends these wants something
_WORDS = re.compile(r"(?<![@#\w/.:])[^\W\d_]{2,}")
_FACES = re.compile(
    "[\U0001f600-\U0001f60f\U0001f617-\U0001f61d\U0001f642\U0001f643\U0001f64c\U0001f64f\U0001f44c"
    "\U0001f44d\U0001f44f\U0001f389\U0001f499-\U0001f49f\U0001f917\U0001f970\u263a\u2665\u2764]"
    "|[:;]-?[)D]"
)


@dataclass(frozen=True, slots=True)
class Settlement:
    """A customer's word that the matter is over. closes: surely enough to close the ticket."""

    at: datetime
    closes: bool


@dataclass(frozen=True, slots=True)
class Weight:
    """What a ticket weighs, and why."""

    factors: tuple[Factor, ...]
    priority: int
    level: Level


def settlement(live: Sequence[Message], needy: Collection[str]) -> Settlement | None:
    """How the conversation is settled; None where it is not.

    live: its messages in order. needy: the ids of those that need a person. Everybody who wrote one
    of these must have said that it is over: what others write, the brand's own people among them,
    settles nothing and opens nothing.
    """
    conversation = _Conversation(live)
    authors = {message.author for message in live if message.id in needy}
    words: list[Settlement] = []
    for author in authors:
        word = _last_word(conversation, author, needy)
        if word is None:
            return None
        words.append(word)
    last = max(words, key=lambda word: word.at, default=None)
    return last and replace(last, closes=all(word.closes for word in words))


def settled(ticket: Ticket, word: Settlement | None) -> Ticket:
    """The ticket after the customer's last word: it falls to the lowest level, or closes."""
    if word is None:
        return ticket
    points = min(_FLOOR - max(sum(factor.points for factor in ticket.factors), 0), 0)
    factor = Factor(FACTOR, points, "Their last word is that it is settled")
    weight = _weight([*ticket.factors, factor])
    return replace(
        ticket,
        factors=weight.factors,
        priority=weight.priority,
        level=weight.level,
        settled_at=word.at if word.closes else None,
    )


def unsettled(ticket: Ticket) -> Ticket:
    """The ticket as it is where somebody found that the last word does not settle it."""
    weight = weight_before(ticket.factors)
    return replace(
        ticket,
        factors=weight.factors,
        priority=weight.priority,
        level=weight.level,
        settled_at=None,
    )


def weight_before(factors: Iterable[Factor]) -> Weight:
    """What a settled ticket weighed before the last word."""
    return _weight([factor for factor in factors if factor.name != FACTOR])


def needs_person(message: Message) -> bool:
    """Whether a customer's message may open a ticket again: praise, thanks, news and adverts do
    not.
    """
    if not _WORDS.search(message.text):
        return _WORDLESS.search(message.text) is not None
    try:
        return not read(message).needs_nobody
    except Exception:
        # Whatever it is: what cannot be read is for a person.
        return True


def _weight(factors: Sequence[Factor]) -> Weight:
    priority = min(max(round(sum(factor.points for factor in factors)), 0), 100)
    level = next((level for level, threshold in LEVELS if priority >= threshold), _LOWEST)
    return Weight(tuple(factors), priority, level)


class _Conversation:
    """The messages in order, and where the brand and each customer wrote."""

    def __init__(self, live: Sequence[Message]) -> None:
        self.live = live
        self.places: dict[str | None, list[int]] = defaultdict(list)  # of customers, by author
        self._brand: list[int] = []
        for at, message in enumerate(live):
            if message.direction == "inbound":
                self.places[message.author].append(at)
            elif message.direction == "outbound":
                self._brand.append(at)

    def answer(self, at: int) -> int | None:
        """Where the brand's last message before `at` stands."""
        before = bisect_left(self._brand, at)
        return self._brand[before - 1] if before else None

    def run(self, at: int) -> list[Message]:
        """What the author of `at` wrote since the brand's last message, with it."""
        answer, places = self.answer(at), self.places[self.live[at].author]
        first = 0 if answer is None else bisect_left(places, answer)
        return [self.live[place] for place in places[first : bisect_left(places, at) + 1]]


def _probability(conversation: _Conversation, at: int) -> float:
    """How surely the words of the customer's message at `at` settle the conversation, 0 to 1.
    Nothing speaks for it: 0. A question is open, whatever stands beside it.
    """
    text = conversation.live[at].text
    if "?" in text or (_FOR.isdisjoint(_lexicon().find(text)) and not _FACES.search(text)):
        return 0.0  # most messages: the brand's and the earlier ones need not be read
    words = _words_of(conversation.run(at))
    if not _speaks_for_it(words):
        return 0.0
    weights = words | _signs_around(conversation, at)
    odds = BASE + sum(POINTS[name] * weight for name, weight in weights.items() if name in POINTS)
    return 1 / (1 + math.exp(-odds))


def _speaks_for_it(words: Mapping[str, float]) -> bool:
    """Whether a word or a face says so, and nothing is asked. By the head alone 2 % of the open
    conversations close before half of the settled ones do; with such a word two thirds do.
    """
    return any(words.get(name) for name in _FOR) and not words["question"]


def _signs_around(conversation: _Conversation, at: int) -> dict[str, float]:
    """The signs besides the words of the message and of its run."""
    live, answer = conversation.live, conversation.answer(at)
    counts = _mood_of(conversation.run(at))
    earlier = [other for other in live[: answer or 0] if other.direction == "inbound"]
    counts |= _past_of(earlier)
    return counts if answer is None else counts | _answer_of(live[answer])


def _words_of(run: Sequence[Message]) -> dict[str, float]:
    """The signs in the words of the last message of the run."""
    text = run[-1].text
    cues = dict(_lexicon().find(text))
    brief = len(_WORDS.findall(text)) <= _BRIEF
    if "over" not in cues or not cues.keys().isdisjoint(_AGAINST):
        # What they asked a moment before their thanks still waits for an answer.
        text = "\n".join(other.text for other in run)
        for group in _AGAINST:
            of_run = [cue for other in run for cue in _lexicon().find(other.text).get(group, ())]
            cues |= {group: tuple(of_run)} if of_run else {}
    counts = {name: float(min(len(cues[name]), _REPEATS)) for name in cues}
    counts |= {name: 1.0 for name in _ONCE if name in cues}
    return counts | {
        "question": float("?" in text),
        "ends in a question": float("?" in text.rstrip()[-2:]),
        "faces": float(_FACES.search(text) is not None),
        "exclaims": float("!" in text),
        "brief": float(brief),
        "agent_asks": 0.0,  # the brand's alone
        "agent_glad": 0.0,
    }


def _answer_of(message: Message) -> dict[str, float]:
    cues = _lexicon().find(message.text)
    return {name: float(name in cues) for name in ("agent_asks", "agent_glad")}


def _mood_of(run: Sequence[Message]) -> dict[str, float]:
    return {
        "need": max((message.need or 0.0 for message in run), default=0.0),
        "dissatisfied": _mean([_share(message.dissatisfaction) for message in run]),
        "positive": _mean([_positive(message) for message in run]),
    }


def _past_of(earlier: Sequence[Message]) -> dict[str, float]:
    shares = [_share(message.dissatisfaction) for message in earlier]
    groups = {group for message in earlier for group in _lexicon().find(message.text)}
    return {
        "was dissatisfied": max(shares, default=0.0),
        "was glad": float("glad" in groups and "trouble" not in groups),
    }


def _last_word(
    conversation: _Conversation, author: str | None, needy: Collection[str]
) -> Settlement | None:
    """The author's last word that counts, where it settles what they needed before."""
    live, own = conversation.live, conversation.places[author]
    first = next((number for number, at in enumerate(own) if live[at].id in needy), len(own))
    for at in reversed(own[first + 1 :]):
        word = _word(conversation, at)
        if live[at].id in needy or _merely_asks(live[at]):
            return word
        if word is not None and word.closes:
            return word
    return None


def _merely_asks(message: Message) -> bool:
    """A question mark alone."""
    return "?" in message.text and not _WORDS.search(message.text)


def _word(conversation: _Conversation, at: int) -> Settlement | None:
    message = conversation.live[at]
    if message.call is not None or message.failed is not None:
        return None
    if message.settled is None:
        share, closes, lowers = _probability(conversation, at), WORDS_CLOSE, WORDS_LOWER
    else:
        share, closes, lowers = message.settled, HEAD_CLOSES, HEAD_LOWERS
    if share < lowers or not _is_over(message):
        return None
    if message.settled is not None and not _speaks_for_it(_words_of(conversation.run(at))):
        return None
    return Settlement(message.occurred_at, share >= closes)


def _is_over(message: Message) -> bool:
    """Whether no danger stands: a word of danger needs plain words that it is past, and none
    against them.
    """
    if _ENDANGERED.isdisjoint(thesaurus().find(message.text)):
        return True
    cues = _lexicon().find(message.text)
    return "over" in cues and not any(group in cues for group in _AGAINST)


@cache
def _lexicon() -> Cues:
    file = resources.files("stream.triage").joinpath("settlement.toml")
    return Cues(tomllib.loads(file.read_text("utf-8")), lists={})


def _share(dissatisfaction: float | None) -> float:
    return 0.4 if dissatisfaction is None else dissatisfaction / 100


def _positive(message: Message) -> float:
    return 0.3 if message.sentiment is None else float(message.sentiment == "positive")


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0
