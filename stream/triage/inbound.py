"""A customer's message with its cues: how unhappy, how needy, whether it needs nobody."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, wraps
from typing import TypeVar

from models.language import UNDECIDED
from models.time_limit import limited
from stream.triage.by_model import by_model
from stream.triage.calls import weight_of_turns
from stream.triage.cues import Cue, thesaurus
from stream.triage.danger_words import danger_words
from stream.triage.points import (
    ALONE,
    ASKS,
    COMPLAINS,
    DANGER_WORDS,
    ENOUGH,
    HARM,
    LEVELS,
    NEEDED,
    PASSAGE,
    SERVICE,
)
from stream.triage.sums import total
from stream.triage.ticket import Factor, Message

ENGLISH = "en"
COMPLAINTS = ("grievance", "unanswered", "money")  # the groups of cues that are words of complaint
REASONS = [name for name, (points, _) in SERVICE.items() if points >= ALONE]
_HARM_ALONE = [name for name, (points, _) in HARM.items() if points >= ENOUGH]
# No word of spam or praise silences these.
_BODILY = [name for name in _HARM_ALONE if name != "fraud" and "+" not in name]
_RETWEET = re.compile(r"\A\s*RT\s*@\w")
_WORDS = re.compile(r"(?<![@#\w/.:])[^\W\d_]{2,}")
_LETTERS = re.compile(r"[^\W\d_]")
# Messages that are kept as they were read, some kilobytes each; a longer letter is read each time.
_CACHED, _LONGEST_CACHED = 1 << 13, 1_000
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Inbound:
    """A customer's message and the cues in it, by group. factors: by the heads of triage.

    dangers: words of danger in a language that is not read, or not surely. turn_factors: of a
    call, the same as `factors` of its most urgent turn. points: the total of `factors`.
    """

    message: Message
    cues: Mapping[str, tuple[Cue, ...]]
    factors: tuple[Factor, ...] = ()
    dangers: tuple[str, ...] = ()
    turn_factors: tuple[Factor, ...] = ()
    points: int = 0

    def has(self, *groups: str) -> bool:
        return any(group in self.cues for group in groups)

    @property
    def unhappy(self) -> float:
        """How dissatisfied it sounds, 0-1: the model's scores, or the words of complaint where they
        say more.
        """
        scores = [self.message.negative, self.message.complaint]
        if self.message.dissatisfaction is not None:
            scores.append(self.message.dissatisfaction / 100)
        known = [score for score in scores if score is not None]
        mean = sum(known) / len(known) if known else 0.0
        return max(mean, COMPLAINS if self.has(*COMPLAINTS) else 0.0)

    @property
    def need(self) -> float | None:
        """How much it reads like messages that need a person: by the model, or by its words where
        no model read it.
        """
        if self.message.need is None and self.has(*COMPLAINTS, "question", "request"):
            return ASKS
        return self.message.need

    @property
    def is_needy(self) -> bool:
        """Whether the model says that it needs a person, whatever its words."""
        return self.message.need is not None and self.message.need >= NEEDED

    @property
    def is_read(self) -> bool:
        """Whether the model's heads of triage read it. A call is judged by its own head."""
        return self.message.levels is not None and self.message.call is None

    @property
    def is_foreign(self) -> bool:
        """Whether it says something that the model cannot read."""
        if not self.message.abstained:
            return False
        return bool(self.dangers) or len(_LETTERS.findall(self.message.text)) >= 4

    @property
    def unread_language(self) -> str | None:
        """The language that kept the model from reading it."""
        is_another = self.message.language not in (None, ENGLISH, UNDECIDED)
        return self.message.language if self.is_foreign and is_another else None

    @property
    def is_undecided(self) -> bool:
        """Whether the model judged it although nobody could tell its language."""
        return self.message.language == UNDECIDED and not self.message.abstained

    @property
    def needs_nobody(self) -> bool:
        """Spam, retweets, praise, news, bare links, and what the model calls nobody's: they make no
        ticket and add nothing to one.
        """
        if self.message.failed is not None:
            return False
        call = self.message.call
        if call is not None and (call.outcome is not None or not call.complete):
            return not self.message.text or (self._is_on_its_way and not self.tells_harm)
        if self._is_noise:
            return True
        if self.dangers:
            return False
        if self.is_read:
            return not self.factors
        if self.has(*_BODILY):
            return False
        return not self.is_needy and self._is_news_or_praise

    @property
    def _is_on_its_way(self) -> bool:
        """A call that an agent is on, or that ended well. It begins with a problem, always: that is
        no reason yet.
        """
        call = self.message.call
        if call is None:
            return False
        if call.complete:
            return call.outcome == "resolved" and self.message.sentiment != "negative"
        return call.soured is None

    @property
    def tells_harm(self) -> bool:
        """Whether a caller tells of harm that a person must see within minutes."""
        return total(self.turn_factors) >= LEVELS[0][1]

    @property
    def is_dealt_with(self) -> bool:
        """A call that ended well."""
        call = self.message.call
        return call is not None and call.complete and self._is_on_its_way

    @property
    def is_over(self) -> bool:
        """A call that has ended, and whose caller kept their patience: its words alone are no
        reason to hurry.
        """
        call = self.message.call
        return call is not None and call.complete and call.soured is None

    @property
    def _is_noise(self) -> bool:
        """Retweets, spam, and what has no word."""
        text = self.message.text
        if _RETWEET.match(text):
            return True
        if self.dangers:
            return False
        if not _WORDS.search(text):
            return True
        return self.has("spam") and not self.has(*_BODILY)

    @property
    def _is_news_or_praise(self) -> bool:
        if self.has("news") and not self.has("addressed"):
            return True
        request = ("grievance", "question", "request", "unanswered", *_HARM_ALONE, *REASONS)
        return self.has("praise") and not self.has(*request)

    def passages(self) -> list[Inbound]:
        """The message cut into passages, and again half a passage later, so that no cut parts what
        belongs together.
        """
        cut: dict[tuple[int, int], dict[str, list[Cue]]] = {}
        for group, cues in self.cues.items():
            for cue in cues:
                for shift in (0, PASSAGE // 2):
                    passage = cut.setdefault((shift, (cue.start + shift) // PASSAGE), {})
                    passage.setdefault(group, []).append(cue)
        return [
            Inbound(self.message, {group: tuple(cues) for group, cues in passage.items()})
            for passage in cut.values()
        ]


def memoized(read: Callable[[Message], T]) -> Callable[[Message], T]:
    """`read`, with what it made of the latest messages kept: each save weighs every message of its
    conversation anew.
    """
    cached = lru_cache(_CACHED)(read)

    @wraps(read)
    def read_once(message: Message) -> T:
        return cached(message) if len(message.text) <= _LONGEST_CACHED else read(message)

    return read_once


@memoized
def read(message: Message) -> Inbound:
    """The message with its cues; without any where it could not be searched or weighed before.

    Raises TooSlow.
    """
    if message.failed in ("cues", "fold"):
        factors = tuple(by_model(message, {}))
        return Inbound(message, {}, factors, points=total(factors))
    is_surely_read = not message.abstained and message.language != UNDECIDED
    with limited():
        cues = thesaurus().find(message.text)
        dangers = () if is_surely_read or message.call else danger_words().find(message.text)
        turn_factors = () if message.call is None else tuple(weight_of_turns(message))
    factors = tuple(lifted(by_model(message, cues), dangers))
    return Inbound(message, cues, factors, dangers, turn_factors, total(factors))


def lifted(factors: Sequence[Factor], dangers: Sequence[str]) -> list[Factor]:
    """The factors, with words of danger lifted to a P2."""
    lacking = DANGER_WORDS - round(sum(factor.points for factor in factors))
    if not dangers or lacking <= 0:
        return list(factors)
    quotes = ", ".join(f"“{words}”" for words in dangers)
    words = f"Words of danger in a language that is not read: {quotes}"
    return [*factors, Factor("danger words", lacking, words)]
