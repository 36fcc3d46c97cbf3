"""Factors of a priority: points of harm, service, mood and circumstances, each in words."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from stream.triage import points as weights
from stream.triage.calls import turns
from stream.triage.danger_words import MOST_QUOTED
from stream.triage.inbound import COMPLAINTS, ENGLISH, REASONS, Inbound, lifted, read
from stream.triage.sums import at_most, total
from stream.triage.ticket import Factor, Message, Step, shortened

PAIRS = [name for name in (*weights.HARM, *weights.SERVICE) if "+" in name]
P1, P2, P3, P4 = (threshold for _, threshold in weights.LEVELS)
UNJUDGED: Mapping[Step, str] = {  # the step that failed -> how a person reads it
    "redact": "its text could not be freed of personal data and is not stored; read it there",
    "brand": "its brand could not be found",
    "language": "its language could not be found",
    "model": "the model could not read it",
    "save": "what the model made of it could not be stored",
    "cues": "its words could not be searched",
    "fold": "its urgency could not be weighed",
}


def content(messages: Sequence[Inbound]) -> list[Factor]:
    """The factors of what was said, however often, and of what nobody could judge.

    Those of the most urgent message that the model read, or, where that is more, of what the others
    say together. A call that is over hurries nobody by its words, only by what the model heard.
    """
    weighed = [inbound for inbound in messages if inbound.is_read]
    gravest = max(weighed, key=lambda inbound: inbound.points, default=None)
    unread = [inbound for inbound in messages if not inbound.is_read]
    pressing = [inbound for inbound in unread if not inbound.is_over]
    by_words = [_weight(pressing), at_most(P2 - 1, _weight(unread, hurries=False))]
    by_model = [] if gravest is None else [list(gravest.factors)]
    factors = max([*by_model, *map(_of_turns, unread), *by_words], key=total)
    steps = [inbound.message.failed for inbound in messages if inbound.message.failed is not None]
    if not steps:
        return factors
    lacking = max(P3 - total(factors), 1)
    marked = [*factors, unjudged(steps[0], lacking)]
    return marked if total(factors) >= P1 else at_most(P1 - 1, marked)


def _of_turns(call: Inbound) -> list[Factor]:
    """What a caller said in the most urgent turn, where it cannot wait, and what the call leaves
    to do; of harm that the agent dealt with somebody makes sure within the hour.
    """
    unread = [read(turn) for turn in turns(call.message) if turn.levels is None]
    harm = max(map(_harm_of, ([turn] for turn in unread)), key=total, default=[])
    weight = max(list(call.turn_factors), harm if total(harm) >= weights.ENOUGH else [], key=total)
    if total(weight) < P2:
        return []
    if total(weight) < P1 or call.is_dealt_with:
        return at_most(P1 - 1, [*weight, *_of_calls([call])])
    return [*weight, *_of_calls([call])]


def unjudged(step: Step, points: int = P3) -> Factor:
    """The factor that makes somebody look."""
    return Factor("unjudged", points, f"Needs a look: {UNJUDGED[step]}")


def circumstances(live: Sequence[Message], relevant: Sequence[Message]) -> list[Factor]:
    """The factors of the conversation around: repeated contact and reach.

    relevant: the messages that need a person.
    """
    return [*_repeated_contact(live, relevant), *_reach(relevant)]


def _weight(messages: Sequence[Inbound], *, hurries: bool = True) -> list[Factor]:
    """The factors of what was said by its words; those of danger in other languages lift it.

    hurries: whether words of service count in full.
    """
    dangers = [words for inbound in messages for words in inbound.dangers]
    return lifted(_by_words(messages, hurries), dangers[:MOST_QUOTED])


def _by_words(messages: Sequence[Inbound], hurries: bool) -> list[Factor]:
    """Harm by itself where it is enough, else service and hints of harm."""
    if not messages:
        return []
    cues = _first_cues(messages)
    harm = _harm_of([inbound for inbound in messages if inbound.message.call is None])
    if total(harm) >= weights.ENOUGH:
        return harm + _mood(messages)
    service = [*_service(cues, hurries), *_of_calls(messages), *_mood(messages), *_need(messages)]
    request = cues.get("request") or cues.get("question")
    if total(service) < P2 and request:
        service.append(_factor("question", weights.QUESTION, "Asks for something", request))
    if "enquiry" in cues:
        service.append(_factor("enquiry", weights.ENQUIRY, "Asks ahead", cues["enquiry"]))
    service += _form(messages)
    if not service:
        return []
    return at_most(P1 - 1, [*service, *_hints(harm, {factor.name for factor in service})])


def _harm_of(messages: Sequence[Inbound]) -> list[Factor]:
    return [*_worst_harm(messages), *_alarm(messages), *_calm(messages)]


def _form(messages: Sequence[Inbound]) -> list[Factor]:
    """The factors of how it came."""
    factors: list[Factor] = []
    if foreign := [inbound for inbound in messages if inbound.is_foreign]:
        words = "In a language that the model does not know"
        if all(inbound.message.language == ENGLISH for inbound in foreign):
            words = "Unlike any message that the model has seen"
        factors.append(Factor("language", weights.FOREIGN, words))
    if any(inbound.message.kind == "complaint" for inbound in messages):
        factors.append(Factor("form", weights.COMPLAINT_FORM, "Came as a formal complaint"))
    return factors


def _hints(harm: Sequence[Factor], exclude: set[str]) -> list[Factor]:
    """A share of the harm that was not enough by itself."""
    return [
        Factor(factor.name, round(factor.points * weights.HINT), factor.words)
        for factor in harm
        if factor.points > 0 and factor.name not in exclude
    ]


def _of_calls(messages: Sequence[Inbound]) -> list[Factor]:
    """What a call leaves to do, and that the caller lost patience in it."""
    factors: list[Factor] = []
    calls = [inbound.message.call for inbound in messages if inbound.message.call is not None]
    soured = next((call.soured for call in calls if call.soured), None)
    if soured:
        factors.append(_factor("sour", weights.SOUR, "The caller loses patience", soured))
    if any(call.complete and call.outcome == "follow_up" for call in calls):
        words = "Somebody must follow up"
        open_words = next((call.open for call in calls if call.open), None)
        words += f": {_quoted(open_words)}" if open_words else " on the call"
        factors.append(Factor("follow-up", weights.FOLLOW_UP, words))
    return factors


def _first_cues(messages: Sequence[Inbound]) -> dict[str, str]:
    """Group -> the first words of the conversation that show it; two groups that weigh more
    together are one, `a+b`.
    """
    first: dict[str, str] = {}
    for inbound in messages:
        for group, cues in inbound.cues.items():
            first.setdefault(group, cues[0].quote)
    for pair in PAIRS:
        left, right = pair.split("+")
        if left in first and right in first:
            first[pair] = f"{first[left]} … {first[right]}"
    return first


def _worst_harm(messages: Sequence[Inbound]) -> list[Factor]:
    """The harm where most of it stands together: in a passage of a long letter, in a few short
    posts in a row.
    """
    posts = [inbound for inbound in messages if len(inbound.message.text) <= weights.PASSAGE]
    letters = [inbound for inbound in messages if len(inbound.message.text) > weights.PASSAGE]
    bunches = [posts[max(end - weights.BUNCH, 0) : end] for end in range(1, len(posts) + 1)]
    for letter in letters:
        bunches += [[passage] for passage in letter.passages()]
    return max((_harm(_first_cues(bunch)) for bunch in bunches), key=total, default=[])


def _harm(cues: Mapping[str, str]) -> list[Factor]:
    """The harm that may come, strongest first."""
    factors: list[Factor] = []
    for name, (points, words) in weights.HARM.items():
        if name not in cues:
            continue
        is_enough = any(factor.points >= weights.ENOUGH for factor in factors)
        if is_enough and points >= weights.ENOUGH:
            points = weights.AGAIN
        factors.append(_factor(name, points, words, cues[name]))
    return factors


def _alarm(messages: Sequence[Inbound]) -> list[Factor]:
    """How much the most alarming message reads like others that had to be seen at once; nothing
    where no model read.
    """
    known = [inbound.message.alarm for inbound in messages if inbound.message.alarm is not None]
    points = round(weights.ALARM_AT + weights.ALARM * max(known)) if known else 0
    if points > 0:
        return [Factor("alarm", points, "Reads like messages to see within minutes")]
    return [Factor("alarm", points, "Does not read like an emergency")] if points else []


def _calm(messages: Sequence[Inbound]) -> list[Factor]:
    """What the model's calm takes from words that sound like harm: "threatening clouds", a nurse
    who is thanked.
    """
    scores = [inbound.message.dissatisfaction for inbound in messages]
    known = [score for score in scores if score is not None]
    if not known or max(known) >= weights.CALM_BELOW:
        return []
    return [Factor("calm", weights.CALM, "Does not sound dissatisfied")]


def _need(messages: Sequence[Inbound]) -> list[Factor]:
    """How much the neediest message reads like others that needed a person."""
    known = [inbound.need for inbound in messages if inbound.need is not None]
    points = round(weights.NEED * max(known)) if known else 0
    if points > 0:
        return [Factor("need", points, "Reads like messages that need a person")]
    return [Factor("need", points, "Reads like messages that need nobody")] if points else []


def _service(cues: Mapping[str, str], hurries: bool) -> list[Factor]:
    """The strongest reason in full where it hurries, the others as echoes, strongest first. Mere
    circumstances are no reason alone.
    """
    if cues.keys().isdisjoint((*REASONS, *COMPLAINTS, "question", "request")):
        return []
    reasons = [(name, *weights.SERVICE[name]) for name in weights.SERVICE if name in cues]
    factors: list[Factor] = []
    left = weights.ECHO_MOST
    for name, points, words in sorted(reasons, key=lambda reason: -reason[1]):
        if factors or not hurries:
            points = min(round(points * weights.ECHO), left)
            left -= points
        factors.append(_factor(name, points, words, cues[name]))
    return factors


def _mood(messages: Sequence[Inbound]) -> list[Factor]:
    """The dissatisfaction, with the words of complaint where there are some."""
    unhappiest = max(messages, key=lambda inbound: inbound.unhappy)
    points = round(weights.DISSATISFACTION * unhappiest.unhappy)
    if not points:
        return []
    for group in COMPLAINTS:
        if group in unhappiest.cues:
            quote = unhappiest.cues[group][0].quote
            return [_factor("dissatisfaction", points, "Dissatisfied", quote)]
    words = "Sounds dissatisfied" if unhappiest.unhappy >= 0.5 else "Sounds a little dissatisfied"
    return [Factor("dissatisfaction", points, words)]


def _repeated_contact(live: Sequence[Message], relevant: Sequence[Message]) -> list[Factor]:
    answers = [message.occurred_at for message in live if message.direction == "outbound"]
    answered = max(answers, default=None)
    waiting = [message for message in relevant if message.author == relevant[-1].author]
    if answered is not None:
        waiting = [message for message in waiting if message.occurred_at > answered]
    if len(waiting) <= 1:
        return []
    points = min(weights.REPEAT * (len(waiting) - 1), weights.REPEAT_MOST)
    return [Factor("repeat contact", points, f"Wrote {len(waiting)} times without an answer")]


def _reach(relevant: Sequence[Message]) -> list[Factor]:
    followers = max((message.followers or 0 for message in relevant), default=0)
    if followers <= weights.REACH_FROM:
        return []
    tenfolds = math.log10(followers / weights.REACH_FROM)
    points = min(round(weights.REACH * tenfolds), weights.REACH_MOST)
    return [Factor("reach", points, f"Reaches {followers:,} followers")] if points else []


def _factor(name: str, points: int, words: str, quote: str) -> Factor:
    return Factor(name, points, f"{words}: {_quoted(quote)}")


def _quoted(words: str) -> str:
    return f"“{shortened(words, 60)}”"
