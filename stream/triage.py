"""Which conversations need a person, how urgently, and why. Pure: no I/O, no clock."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from stream.cues import Cue, thesaurus

Level = Literal["P1", "P2", "P3", "P4"]

# ------------------------------------------------------------------------------------------------ the table of weights

LEVELS: tuple[tuple[Level, int], ...] = (("P1", 70), ("P2", 45), ("P3", 15), ("P4", 6))  # from this priority on
CERTAIN = 9  # below this priority a ticket "needs a look"

# A reason of these groups of cues counts in full when it is the strongest; the others add ECHO of their points.
REASONS: dict[str, tuple[int, str]] = {
    # a person must look within minutes
    "self_harm": (90, "Speaks of ending their life"),
    "emergency_calls": (80, "Emergency calls do not get through"),
    "danger": (76, "Danger"),
    "injury": (76, "Somebody is hurt, ill or trapped"),
    "violence": (76, "Violence or threats"),
    "alone": (74, "Somebody in need of care is alone or missing"),
    "fraud": (72, "Money, account or data in foreign hands"),
    # within the hour
    "no_access": (46, "No access to their own money"),
    "outage": (46, "Service is down"),
    "journey": (46, "A journey is failing"),
    "money_large": (44, "A large sum"),
    "legal": (46, "Legal action or a regulator"),
    "press": (44, "Press or publicity"),
    "leaving": (46, "Says they will leave"),
    "contact": (45, "Wrote or called several times"),
    "growing_damage": (44, "Damage is growing"),
    "stranded": (40, "Stranded"),
    "milestone": (20, "Something that cannot be repeated"),
    "soon": (8, "It is urgent"),
    "livelihood": (8, "Their work depends on it"),
}
ECHO, ECHO_MOST = 0.1, 5

# Two groups in one message that weigh more than each alone.
PAIRS: dict[tuple[str, str], tuple[int, str]] = {
    ("lifeline", "outage"): (76, "Health depends on it"),
    ("lifeline", "deprived"): (76, "Health depends on it"),
    ("lifeline", "lost"): (76, "Health depends on it"),
    ("vulnerable", "deprived"): (74, "Somebody vulnerable goes without"),
    ("vulnerable", "stranded"): (74, "Somebody vulnerable is stranded"),
    ("vulnerable", "outage"): (72, "Somebody vulnerable is cut off"),
    ("critical_site", "outage"): (76, "A place where lives depend on it is cut off"),
    ("stranded", "deprived"): (72, "Stranded in need"),
    ("stranded", "no_access"): (72, "Stranded without money"),
    ("legal", "contact"): (72, "Legal steps after several contacts"),
    ("press", "contact"): (72, "Publicity after several contacts"),
    ("milestone", "soon"): (46, "Something that cannot be repeated is near"),
}

DISSATISFACTION = 18  # for the most dissatisfied; a reason of 46 with every echo stays below P1
COMPLAINS = 0.85  # the dissatisfaction, 0-1, that words of complaint stand for
QUESTION = 7  # asks for something
FOREIGN = 10  # in a language that the model does not know: a person looks
COMPLAINT_FORM = 8  # came as a complaint, not as a post
REPEAT, REPEAT_MOST = 7, 21  # for each further message without an answer
REACH, REACH_FROM, REACH_MOST = 4, 1_000, 12  # for each tenfold of followers
CALMED = -30  # their last word is that it is sorted

_RETWEET = re.compile(r"\s*RT\s*@\w")
_WORDS = re.compile(r"(?<![@#\w/.:])[^\W\d_]{2,}")
_LETTERS = re.compile(r"[^\W\d_]")


@dataclass(frozen=True, slots=True)
class Message:
    """One stored event, as triage reads it: redacted text, analysis, latest revision. A deleted one has no text."""

    id: str
    conversation: str
    kind: str  # tweet, complaint, transcript, deleted
    direction: str  # inbound, outbound
    occurred_at: datetime
    text: str = ""
    author: str | None = None
    brand: str | None = None
    followers: int | None = None
    language: str | None = None
    sentiment: str | None = None  # negative, neutral, positive; None when abstained or outbound
    negative: float | None = None  # calibrated probability of "negative"
    complaint: float | None = None  # probability
    dissatisfaction: float | None = None  # 0-100
    topic: str | None = None
    problem: str | None = None
    abstained: bool = False


@dataclass(frozen=True, slots=True)
class Factor:
    """One reason for a priority: its name, the points it adds, and the reason in words for a person."""

    name: str
    points: float
    words: str


@dataclass(frozen=True, slots=True)
class Ticket:
    """A conversation that needs a person; depends on the conversation's events alone."""

    id: str  # the conversation's id: one conversation, one ticket
    network: str
    brand: str | None
    author: str | None
    priority: int  # 0-100
    level: Level
    factors: tuple[Factor, ...]  # strongest first; their points add up to the priority before it is cut to 0-100
    needs_look: bool  # in the abstain band: not sure that it is a ticket
    topic: str | None
    problem: str | None
    sentiment: str | None
    dissatisfaction: float | None
    excerpt: str  # the message that decided, redacted, at most 280 characters
    messages: int  # events in the conversation that are not deleted
    first_at: datetime
    last_inbound_at: datetime
    answered_at: datetime | None  # the brand's last answer after the last inbound message


@dataclass(frozen=True, slots=True)
class _Read:
    """An inbound message and the cues in it."""

    message: Message
    cues: Mapping[str, tuple[Cue, ...]]

    @property
    def unhappy(self) -> float:
        """How dissatisfied it sounds, 0-1: the model's scores, or the words of complaint where they say more."""
        scores = [self.message.negative, self.message.complaint]
        if self.message.dissatisfaction is not None:
            scores.append(self.message.dissatisfaction / 100)
        known = [score for score in scores if score is not None]
        words = COMPLAINS if self.has("grievance", "unanswered", "money") else 0.0
        return max([sum(known) / len(known) if known else 0.0, words])

    def has(self, *groups: str) -> bool:
        return any(group in self.cues for group in groups)


def fold(history: Sequence[Message]) -> Ticket | None:
    """The one ticket of a conversation, or None when nobody is needed. Order of `history` does not matter."""
    live = sorted((one for one in history if one.kind != "deleted"), key=lambda one: (one.occurred_at, one.id))
    heard = [_Read(one, thesaurus().find(one.text)) for one in live if one.direction == "inbound"]
    asking = [read for read in heard if not _needs_nobody(read)]
    if not asking:
        return None
    factors = _content(asking)
    if _total(factors) < LEVELS[-1][1]:
        return None
    first, last = asking[0].message, asking[-1].message
    factors += _circumstances(live, [read.message for read in asking])
    if _sorted_out(heard[-1]) and heard[-1] is not asking[-1]:
        factors += _calmed(_total(factors))
    decisive = max(asking, key=lambda read: _total(_content([read]))).message
    priority = min(_total(factors), 100)
    answers = [one.occurred_at for one in live[live.index(last) + 1 :] if one.direction == "outbound"]
    return Ticket(
        id=first.conversation,
        network=first.conversation.partition(":")[0],
        brand=next((one.brand for one in live if one.brand), None),
        author=first.author,
        priority=priority,
        level=next(level for level, least in LEVELS if priority >= least),
        factors=tuple(sorted(factors, key=lambda factor: (-factor.points, factor.name))),
        needs_look=priority < CERTAIN or all(read.message.abstained for read in asking),
        topic=decisive.topic,
        problem=decisive.problem,
        sentiment=decisive.sentiment,
        dissatisfaction=decisive.dissatisfaction,
        excerpt=_shortened(decisive.text, 280),
        messages=len(live),
        first_at=first.occurred_at,
        last_inbound_at=last.occurred_at,
        answered_at=max(answers, default=None),
    )


def _needs_nobody(read: _Read) -> bool:
    """Spam, retweets, praise, thanks, news and bare links: they make no ticket and add nothing to one."""
    text = read.message.text
    if _RETWEET.match(text) or read.has("spam") or not _WORDS.search(text):
        return True
    if _sorted_out(read):
        return True
    if read.has("news") and not read.has("addressed"):
        return True
    return read.has("praise") and not read.has("grievance", "question", "request", "unanswered", *REASONS)


def _sorted_out(read: _Read) -> bool:
    return read.has("sorted") and not read.has("question")


def _content(reads: Sequence[_Read]) -> list[Factor]:
    """The factors that come from what was said, however often."""
    factors = _reasons(reads)
    if unhappy := round(DISSATISFACTION * max(read.unhappy for read in reads)):
        factors.append(Factor("dissatisfaction", unhappy, _mood(reads)))
    if asking := next((read for read in reads if read.has("question", "request")), None):
        quote = asking.cues.get("request", asking.cues.get("question", ()))[0].quote
        if not factors or factors[0].points < LEVELS[1][1]:
            factors.append(Factor("question", QUESTION, f"Asks for something: {_quoted(quote)}"))
    if any(_foreign(read.message) for read in reads):
        factors.append(Factor("language", FOREIGN, "In a language that the model does not know"))
    if any(read.message.kind == "complaint" for read in reads):
        factors.append(Factor("form", COMPLAINT_FORM, "Came as a formal complaint"))
    return factors


def _reasons(reads: Sequence[_Read]) -> list[Factor]:
    """The strongest reason in full, the others as echoes, strongest first."""
    first: dict[str, Cue] = {}
    for read in reads:
        for group, cues in read.cues.items():
            first.setdefault(group, cues[0])
    found = [
        (points, name, f"{words}: {_quoted(first[name].quote)}")
        for name, (points, words) in REASONS.items()
        if name in first
    ]
    found += [
        (points, f"{one}+{other}", f"{words}: {_quoted(first[one].quote)}, {_quoted(first[other].quote)}")
        for (one, other), (points, words) in PAIRS.items()
        if one in first and other in first
    ]
    found.sort(key=lambda reason: (-reason[0], reason[1]))
    factors: list[Factor] = []
    left = ECHO_MOST
    for index, (points, name, words) in enumerate(found):
        counted = points if index == 0 else min(round(points * ECHO), left)
        left -= counted if index else 0
        if counted:
            factors.append(Factor(name, counted, words))
    return factors


def _circumstances(live: Sequence[Message], asking: Sequence[Message]) -> list[Factor]:
    """The factors that come from the conversation around: repeated contact and reach."""
    factors = []
    answered = max((one.occurred_at for one in live if one.direction == "outbound"), default=None)
    waiting = [
        one for one in asking if one.author == asking[-1].author and (answered is None or one.occurred_at > answered)
    ]
    if len(waiting) > 1:
        points = min(REPEAT * (len(waiting) - 1), REPEAT_MOST)
        factors.append(Factor("repeat contact", points, f"Wrote {len(waiting)} times without an answer"))
    followers = max((one.followers or 0 for one in asking), default=0)
    if followers > REACH_FROM and (points := min(round(REACH * math.log10(followers / REACH_FROM)), REACH_MOST)):
        factors.append(Factor("reach", points, f"Reaches {followers:,} followers"))
    return factors


def _calmed(total: int) -> list[Factor]:
    points = max(CALMED, LEVELS[-1][1] - total)
    return [Factor("sorted", points, "Their last word is that it is sorted")] if points < 0 else []


def _foreign(message: Message) -> bool:
    return message.abstained and len(_LETTERS.findall(message.text)) >= 4


def _mood(reads: Sequence[_Read]) -> str:
    """The dissatisfaction in words, with the words of complaint where there are some."""
    most = max(reads, key=lambda read: read.unhappy)
    for group in ("grievance", "unanswered", "money"):
        if group in most.cues:
            return f"Dissatisfied: {_quoted(most.cues[group][0].quote)}"
    return "Sounds dissatisfied" if most.unhappy >= 0.5 else "Sounds a little dissatisfied"


def _total(factors: Sequence[Factor]) -> int:
    return max(round(sum(factor.points for factor in factors)), 0)


def _quoted(words: str) -> str:
    return f"“{_shortened(words, 60)}”"


def _shortened(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"
