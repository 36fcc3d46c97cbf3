"""A customer's message with its cues: how unhappy, how needy, whether it needs nobody."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from stream.triage.by_model import by_model
from stream.triage.calls import weight_of_turns
from stream.triage.cues import Cue, thesaurus
from stream.triage.points import (
    ALONE,
    ASKS,
    COMPLAINS,
    ENOUGH,
    HARM,
    LEVELS,
    NEEDED,
    PASSAGE,
    SERVICE,
)
from stream.triage.sums import total
from stream.triage.ticket import Factor, Message

COMPLAINTS = ("grievance", "unanswered", "money")  # the groups of cues that are words of complaint
REASONS = [name for name, (points, _) in SERVICE.items() if points >= ALONE]
_HARM_ALONE = [name for name, (points, _) in HARM.items() if points >= ENOUGH]
# No word of spam or praise silences these.
_BODILY = [name for name in _HARM_ALONE if name != "fraud" and "+" not in name]
_RETWEET = re.compile(r"\s*RT\s*@\w")
_WORDS = re.compile(r"(?<![@#\w/.:])[^\W\d_]{2,}")
_LETTERS = re.compile(r"[^\W\d_]")


@dataclass(frozen=True, slots=True)
class Inbound:
    """A customer's message and the cues in it, by group. factors: by the heads of triage.

    turn_factors: of a call, the same of its most urgent turn.
    """

    message: Message
    cues: Mapping[str, tuple[Cue, ...]]
    factors: tuple[Factor, ...] = ()
    turn_factors: tuple[Factor, ...] = ()

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
        return self.message.abstained and len(_LETTERS.findall(self.message.text)) >= 4

    @property
    def is_settled(self) -> bool:
        """Whether it says that the matter is settled, and nothing against it."""
        if self.has("praise"):
            against = ["question", "unanswered", "leaving", "legal"]
        else:
            against = ["question", *REASONS, *COMPLAINTS]
        return self.has("sorted") and not self.has(*against) and not self.is_needy

    @property
    def needs_nobody(self) -> bool:
        """Spam, retweets, praise, thanks, news and bare links: they make no ticket and add nothing
        to one.
        """
        if self.message.failed is not None:
            return False
        call = self.message.call
        if call is not None and (call.outcome is not None or not call.complete):
            return not self.message.text or (self._is_on_its_way and not self.tells_harm)
        if self._is_noise:
            return True
        if self.is_read:
            return not self.factors
        if self.has(*_BODILY):
            return False
        return self.is_settled or (not self.is_needy and self._is_news_or_praise)

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
        if _RETWEET.match(text) or not _WORDS.search(text):
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


def read(message: Message) -> Inbound:
    """The message with its cues; without any where it could not be searched or weighed before."""
    is_searched = message.failed not in ("cues", "fold")
    cues = thesaurus().find(message.text) if is_searched else {}
    turn_factors = weight_of_turns(message) if is_searched and message.call is not None else []
    return Inbound(message, cues, tuple(by_model(message, cues)), tuple(turn_factors))
