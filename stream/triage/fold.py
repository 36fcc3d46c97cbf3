"""Which conversations need a person, how urgently, and why. Pure: no I/O, no clock."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from stream.records import Level
from stream.triage.cues import Cue, thesaurus
from stream.triage.points import (
    AGAIN,
    ALARM,
    ALARM_AT,
    ALONE,
    ASKS,
    BUNCH,
    CALM,
    CALM_BELOW,
    CALMED,
    CERTAIN,
    COMPLAINS,
    COMPLAINT_FORM,
    DISSATISFACTION,
    ECHO,
    ECHO_MOST,
    ENOUGH,
    ENQUIRY,
    FOLLOW_UP,
    FOREIGN,
    HARM,
    HINT,
    LEVELS,
    MILDER,
    NEED,
    NEEDED,
    PASSAGE,
    QUESTION,
    REACH,
    REACH_FROM,
    REACH_MOST,
    REPEAT,
    REPEAT_MOST,
    SERVICE,
    SOUR,
)

COMPLAINTS = ("grievance", "unanswered", "money")  # the groups of cues that are words of complaint
PAIRS = [name for name in (*HARM, *SERVICE) if "+" in name]
HARM_ALONE = [name for name, (points, _) in HARM.items() if points >= ENOUGH]
REASONS = [name for name, (points, _) in SERVICE.items() if points >= ALONE]
BODILY = [
    name for name in HARM_ALONE if name != "fraud" and "+" not in name
]  # no word of spam or praise silences these
Step = Literal["redact", "brand", "language", "model", "save", "cues", "fold"]  # of a judgement
UNJUDGED: Mapping[str, str] = {  # the step that failed -> how a person reads it
    "redact": "its text could not be freed of personal data and is not stored; read it at its source",
    "brand": "its brand could not be found",
    "language": "its language could not be found",
    "model": "the model could not read it",
    "save": "what the model made of it could not be stored",
    "cues": "its words could not be searched",
    "fold": "its urgency could not be weighed",
}
_RETWEET = re.compile(r"\s*RT\s*@\w")
_WORDS = re.compile(r"(?<![@#\w/.:])[^\W\d_]{2,}")
_LETTERS = re.compile(r"[^\W\d_]")


@dataclass(frozen=True, slots=True)
class CallState:
    """How a call stands. outcome: resolved, follow_up; None when nobody has decided.

    open: the words that show what is left to do. soured: those with which the caller lost patience,
    if they did.
    """

    complete: bool
    outcome: str | None = None
    open: str | None = None
    soured: str | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """One stored event, as triage reads it: redacted text, analysis, latest revision. A deleted one
    has no text.
    """

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
    alarm: float | None = None  # -1 to 1: reads like messages that a person must see within minutes
    need: float | None = None  # -1 to 1: reads like messages that need a person
    call: CallState | None = None  # of a transcript
    failed: Step | None = None  # the step that could not judge it


@dataclass(frozen=True, slots=True)
class Factor:
    """One reason for a priority: its name, the points it adds, and the reason in words for a
    person.
    """

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
    factors: tuple[
        Factor, ...
    ]  # strongest first; their points add up to the priority before it is cut to 0-100
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
        """How dissatisfied it sounds, 0-1: the model's scores, or the words of complaint where they
        say more.
        """
        scores = [self.message.negative, self.message.complaint]
        if self.message.dissatisfaction is not None:
            scores.append(self.message.dissatisfaction / 100)
        known = [score for score in scores if score is not None]
        words = COMPLAINS if self.has(*COMPLAINTS) else 0.0
        return max([sum(known) / len(known) if known else 0.0, words])

    @property
    def need(self) -> float | None:
        """How much it reads like messages that need a person: by the model, or by its words where
        no model read it.
        """
        if self.message.need is None and self.has(*COMPLAINTS, "question", "request"):
            return ASKS
        return self.message.need

    def passages(self) -> list[_Read]:
        """The message cut into passages, and again half a passage later, so that no cut parts what
        belongs together.
        """
        cut: dict[tuple[int, int], dict[str, list[Cue]]] = {}
        for group, cues in self.cues.items():
            for cue in cues:
                for shift in (0, PASSAGE // 2):
                    cut.setdefault((shift, (cue.start + shift) // PASSAGE), {}).setdefault(
                        group, []
                    ).append(cue)
        return [
            _Read(self.message, {group: tuple(cues) for group, cues in groups.items()})
            for groups in cut.values()
        ]

    def has(self, *groups: str) -> bool:
        return any(group in self.cues for group in groups)


def fold(history: Sequence[Message]) -> Ticket | None:
    """The one ticket of a conversation, or None when nobody is needed. Order of `history` does not
    matter.
    """
    live = _live(history)
    inbound = [_read(message) for message in live if message.direction == "inbound"]
    asking = [read for read in inbound if not _needs_nobody(read)]
    if not asking:
        return None
    content = _content(asking)
    if _total(content) < LEVELS[-1][1]:
        return None
    factors = [*content, *_circumstances(live, [read.message for read in asking])]
    if _total(content) < LEVELS[0][1]:
        # a person must look within minutes for what was said alone
        factors = _at_most(LEVELS[0][1] - 1, factors)
    if inbound[-1] is not asking[-1] and _sorted_out(inbound[-1]):
        factors += _calmed(_total(factors))
    decisive = max(asking, key=lambda read: _total(_content([read]))).message
    return _ticket(live, [read.message for read in asking], decisive, factors)


@dataclass(frozen=True, slots=True)
class Failure:
    """A step of a judgement that failed. id: of the event, or of the conversation where no event of
    it can be blamed.
    """

    id: str
    step: Step
    error: Exception


def fold_surely(
    history: Sequence[Message], fold: Callable[[Sequence[Message]], Ticket | None] = fold
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


def _failure(
    message: Message, fold: Callable[[Sequence[Message]], Ticket | None]
) -> Failure | None:
    """What fails of a message by itself."""
    step: Step = "cues"
    try:
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
        failed=message.failed or step,
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
    if not inbound:
        return None
    points = LEVELS[2][1]
    factors = [Factor("unjudged", points, f"Needs a look: {UNJUDGED['fold']}")]
    return _ticket(live, inbound, inbound[-1], factors)


def _live(history: Sequence[Message]) -> list[Message]:
    live = [message for message in history if message.kind != "deleted"]
    return sorted(live, key=lambda message: (message.occurred_at, message.id))


def _read(message: Message) -> _Read:
    searched = message.failed not in ("cues", "fold")
    return _Read(message, thesaurus().find(message.text) if searched else {})


def _ticket(
    live: Sequence[Message],
    asking: Sequence[Message],
    decisive: Message,
    factors: Sequence[Factor],
) -> Ticket:
    """asking: the messages that need a person. decisive: the one of them that weighs most."""
    first, last = asking[0], asking[-1]
    priority = min(_total(factors), 100)
    after = live[live.index(last) + 1 :]
    answers = [message.occurred_at for message in after if message.direction == "outbound"]
    unsure = priority < CERTAIN or all(message.abstained for message in asking)
    return Ticket(
        id=first.conversation,
        network=first.conversation.partition(":")[0],
        brand=next((message.brand for message in live if message.brand), None),
        author=first.author,
        priority=priority,
        level=next(level for level, threshold in LEVELS if priority >= threshold),
        factors=tuple(sorted(factors, key=_strongest_first)),
        needs_look=unsure or any(message.failed for message in asking),
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


def _strongest_first(factor: Factor) -> tuple[float, str]:
    return -factor.points, factor.name


def _needs_nobody(read: _Read) -> bool:
    """Spam, retweets, praise, thanks, news and bare links: they make no ticket and add nothing to
    one.
    """
    text, call = read.message.text, read.message.call
    if read.message.failed is not None:
        return False
    if call is not None and (call.outcome is not None or not call.complete):
        return not text or _on_its_way(read.message, call)
    if (
        _RETWEET.match(text)
        or (read.has("spam") and not read.has(*BODILY))
        or not _WORDS.search(text)
    ):
        return True
    if read.has(*BODILY):
        return False
    if _sorted_out(read):
        return True
    if _needy(read):
        return False
    if read.has("news") and not read.has("addressed"):
        return True
    return read.has("praise") and not read.has(
        "grievance", "question", "request", "unanswered", *HARM_ALONE, *REASONS
    )


def _on_its_way(message: Message, call: CallState) -> bool:
    """A call that an agent is on, or that ended well. It begins with a problem, always: that is no
    reason yet.
    """
    if call.complete:
        return call.outcome == "resolved" and message.sentiment != "negative"
    return call.soured is None


def _sorted_out(read: _Read) -> bool:
    """Whether it says that the matter is settled, and nothing against it."""
    against = (
        ("question", "unanswered", "leaving", "legal")
        if read.has("praise")
        else ("question", *REASONS, *COMPLAINTS)
    )
    return read.has("sorted") and not read.has(*against) and not _needy(read)


def _needy(read: _Read) -> bool:
    """Whether the model says that it reads like messages that need a person, whatever its words."""
    return read.message.need is not None and read.message.need >= NEEDED


def _content(reads: Sequence[_Read]) -> list[Factor]:
    """The factors that come from what was said, however often; and from what nobody could judge."""
    factors = _weight(reads)
    steps = [read.message.failed for read in reads if read.message.failed is not None]
    if not steps:
        return factors
    total = _total(factors)
    words = f"Needs a look: {UNJUDGED[steps[0]]}"
    factors = [*factors, Factor("unjudged", max(LEVELS[2][1] - total, 1), words)]
    return factors if total >= LEVELS[0][1] else _at_most(LEVELS[0][1] - 1, factors)


def _weight(reads: Sequence[_Read]) -> list[Factor]:
    """The factors that come from what was said."""
    cues = _first_cues(reads)
    unheard = [
        read for read in reads if read.message.call is None
    ]  # an agent has heard of the harm in a call
    harm, service = [*_worst_harm(unheard), *_alarm(unheard), *_calm(unheard)], _service(cues)
    if _total(harm) >= ENOUGH:
        return harm + _mood(reads)
    service += [*_of_calls(reads), *_mood(reads), *_need(reads)]
    if _total(service) < LEVELS[1][1] and (quote := cues.get("request") or cues.get("question")):
        service.append(Factor("question", QUESTION, f"Asks for something: {_quoted(quote)}"))
    if "enquiry" in cues:
        service.append(Factor("enquiry", ENQUIRY, f"Asks ahead: {_quoted(cues['enquiry'])}"))
    if any(_foreign(read.message) for read in reads):
        service.append(Factor("language", FOREIGN, "In a language that the model does not know"))
    if any(read.message.kind == "complaint" for read in reads):
        service.append(Factor("form", COMPLAINT_FORM, "Came as a formal complaint"))
    if not service:
        return []
    named = {factor.name for factor in service}
    hints = [
        Factor(one.name, round(one.points * HINT), one.words)
        for one in harm
        if one.points > 0 and one.name not in named
    ]
    return _at_most(LEVELS[0][1] - 1, [*service, *hints])


def _of_calls(reads: Sequence[_Read]) -> list[Factor]:
    """What a call leaves to do, and that the caller lost patience in it."""
    factors = []
    calls = [read.message.call for read in reads if read.message.call is not None]
    if soured := next((call.soured for call in calls if call.soured), None):
        factors.append(Factor("sour", SOUR, f"The caller loses patience: {_quoted(soured)}"))
    if any(call.complete and call.outcome == "follow_up" for call in calls):
        words = next((call.open for call in calls if call.open), None)
        factors.append(
            Factor(
                "follow-up",
                FOLLOW_UP,
                f"Somebody must follow up{': ' + _quoted(words) if words else ' on the call'}",
            )
        )
    return factors


def _first_cues(reads: Sequence[_Read]) -> dict[str, str]:
    """Group -> the first words of the conversation that show it; two groups that weigh more
    together are one, `a+b`.
    """
    first: dict[str, str] = {}
    for read in reads:
        for group, cues in read.cues.items():
            first.setdefault(group, cues[0].quote)
    for pair in PAIRS:
        one, other = pair.split("+")
        if one in first and other in first:
            first[pair] = f"{first[one]} … {first[other]}"
    return first


def _worst_harm(reads: Sequence[_Read]) -> list[Factor]:
    """The harm where most of it stands together: in a passage of a long letter, in a few short
    posts in a row.
    """
    posts = [read for read in reads if len(read.message.text) <= PASSAGE]
    bunches = [posts[max(at - BUNCH, 0) : at] for at in range(1, len(posts) + 1)]
    passages = [
        [passage]
        for read in reads
        if len(read.message.text) > PASSAGE
        for passage in read.passages()
    ]
    return max(
        (_harm(_first_cues(bunch)) for bunch in [*bunches, *passages]), key=_total, default=[]
    )


def _harm(cues: Mapping[str, str]) -> list[Factor]:
    """The harm that may come, strongest first."""
    factors: list[Factor] = []
    for name, (points, words) in HARM.items():
        if name in cues and MILDER.get(name) not in cues:
            again = points >= ENOUGH and any(factor.points >= ENOUGH for factor in factors)
            factors.append(
                Factor(name, AGAIN if again else points, f"{words}: {_quoted(cues[name])}")
            )
    return factors


def _alarm(reads: Sequence[_Read]) -> list[Factor]:
    """How much the most alarming message reads like others that had to be seen at once; nothing
    where no model read.
    """
    known = [read.message.alarm for read in reads if read.message.alarm is not None]
    points = round(ALARM_AT + ALARM * max(known)) if known else 0
    words = (
        "Reads like messages to see within minutes"
        if points > 0
        else "Does not read like an emergency"
    )
    return [Factor("alarm", points, words)] if points else []


def _calm(reads: Sequence[_Read]) -> list[Factor]:
    """What the model's calm takes from words that sound like harm: "threatening clouds", a nurse
    who is thanked.
    """
    known = [
        read.message.dissatisfaction for read in reads if read.message.dissatisfaction is not None
    ]
    return (
        [Factor("calm", CALM, "Does not sound dissatisfied")]
        if known and max(known) < CALM_BELOW
        else []
    )


def _need(reads: Sequence[_Read]) -> list[Factor]:
    """How much the neediest message reads like others that needed a person."""
    known = [read.need for read in reads if read.need is not None]
    points = round(NEED * max(known)) if known else 0
    words = (
        "Reads like messages that need a person"
        if points > 0
        else "Reads like messages that need nobody"
    )
    return [Factor("need", points, words)] if points else []


def _service(cues: Mapping[str, str]) -> list[Factor]:
    """The strongest reason in full, the others as echoes, strongest first. Mere circumstances are
    no reason alone.
    """
    found = [(name, *SERVICE[name]) for name in SERVICE if name in cues]
    if cues.keys().isdisjoint((*REASONS, *COMPLAINTS, "question", "request")):
        return []
    factors: list[Factor] = []
    left = ECHO_MOST
    for name, points, words in sorted(found, key=lambda reason: -reason[1]):
        counted = min(round(points * ECHO), left) if factors else points
        left -= counted if factors else 0
        factors.append(Factor(name, counted, f"{words}: {_quoted(cues[name])}"))
    return factors


def _at_most(most: int, factors: Sequence[Factor]) -> list[Factor]:
    """The factors, strongest first, whose points stop at `most`; those without points are left out."""
    kept: list[Factor] = []
    for factor in sorted(factors, key=_strongest_first):
        points = min(factor.points, most - _total(kept))
        if points:
            kept.append(Factor(factor.name, points, factor.words))
    return kept


def _circumstances(live: Sequence[Message], asking: Sequence[Message]) -> list[Factor]:
    """The factors that come from the conversation around: repeated contact and reach."""
    factors = []
    answered = max((one.occurred_at for one in live if one.direction == "outbound"), default=None)
    waiting = [
        one
        for one in asking
        if one.author == asking[-1].author and (answered is None or one.occurred_at > answered)
    ]
    if len(waiting) > 1:
        points = min(REPEAT * (len(waiting) - 1), REPEAT_MOST)
        factors.append(
            Factor("repeat contact", points, f"Wrote {len(waiting)} times without an answer")
        )
    followers = max((one.followers or 0 for one in asking), default=0)
    if followers > REACH_FROM and (
        points := min(round(REACH * math.log10(followers / REACH_FROM)), REACH_MOST)
    ):
        factors.append(Factor("reach", points, f"Reaches {followers:,} followers"))
    return factors


def _calmed(total: int) -> list[Factor]:
    points = max(CALMED, LEVELS[-1][1] - total)
    return [Factor("sorted", points, "Their last word is that it is sorted")] if points < 0 else []


def _foreign(message: Message) -> bool:
    return message.abstained and len(_LETTERS.findall(message.text)) >= 4


def _mood(reads: Sequence[_Read]) -> list[Factor]:
    """The dissatisfaction, with the words of complaint where there are some."""
    most = max(reads, key=lambda read: read.unhappy)
    points = round(DISSATISFACTION * most.unhappy)
    if not points:
        return []
    for group in COMPLAINTS:
        if group in most.cues:
            return [
                Factor(
                    "dissatisfaction", points, f"Dissatisfied: {_quoted(most.cues[group][0].quote)}"
                )
            ]
    return [
        Factor(
            "dissatisfaction",
            points,
            f"Sounds {'' if most.unhappy >= 0.5 else 'a little '}dissatisfied",
        )
    ]


def _total(factors: Sequence[Factor]) -> int:
    return max(round(sum(factor.points for factor in factors)), 0)


def _quoted(words: str) -> str:
    return f"“{_shortened(words, 60)}”"


def _shortened(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"
