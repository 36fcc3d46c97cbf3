"""Weight of a message by the model's heads of triage: its level, and the reasons that made it.

A P1 takes two keys: a decisive sign, by the model's reason or by a phrase, and the model's own
judgement that somebody must see it now. Thresholds are chosen on the public messages that are kept
for choosing: `make bench-triage` says what a change does.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from itertools import islice
from typing import Final

from stream.triage.cues import Cue
from stream.triage.evidence import Evidence
from stream.triage.footer import own_words
from stream.triage.points import LEVELS
from stream.triage.ticket import Factor, Message, shortened

_WORDS = re.compile(r"(?<![@#\w/.:])[^\W\d_]+(?:['’][^\W\d_]+)*")
Cues = Mapping[str, Sequence[Cue]]  # the cues of a message, by group

# code of a reason -> its share of a priority, the reason in words, and the groups of cues whose
# phrases show it
REASONS: Final[Mapping[str, tuple[float, str, tuple[str, ...]]]] = {
    "self_harm": (10, "Speaks of ending their life", ("self_harm",)),
    "emergency_service": (
        10,
        "An emergency service or a place of care is cut off",
        ("emergency_calls", "personal_alarm", "critical_site"),
    ),
    "danger": (9, "Danger", ("danger", "hazard")),
    "injury": (9, "Somebody is hurt, ill or trapped", ("injury",)),
    "violence": (9, "Violence or threats", ("violence",)),
    "alone": (9, "Somebody in need of care is alone or missing", ("alone",)),
    "medical": (8, "Medicine, a medical device or care is concerned", ("medical", "medicine")),
    "fraud_now": (8, "Money, account or data in foreign hands now", ("fraud",)),
    "stranded": (7, "Stranded", ("stranded",)),
    "escalated": (7, "Legal steps or publicity after several contacts", ("legal", "press")),
    "outage": (6, "Service is down", ("outage",)),
    "journey": (6, "A journey is failing", ("journey",)),
    "no_access": (6, "No access to their own money or account", ("no_access",)),
    "money_large": (6, "A large sum", ("money_large",)),
    "legal": (6, "Legal action or a regulator", ("legal",)),
    "press": (6, "Press or publicity", ("press",)),
    "leaving": (6, "Says they will leave", ("leaving",)),
    "repeated_contact": (6, "Wrote or called several times", ("contact",)),
    "irreplaceable": (6, "Something that cannot be repeated is near", ()),
    "growing_damage": (6, "Damage is growing", ("growing_damage",)),
    "discrimination": (6, "Discrimination or harassment", ()),
    "fraud_past": (5, "Fraud or theft that still needs action", ("fraud",)),
    "vulnerable": (5, "Somebody vulnerable is concerned", ("vulnerable",)),
    "lost": (3, "Something is lost", ("missing",)),
    "damaged": (3, "Something is damaged", ()),
    "billing": (3, "A bill or a charge is wrong", ("money",)),
    "refund": (3, "Waits for a refund", ("money",)),
    "delay": (3, "A delay", ()),
    "quality": (3, "The service or a product is poor", ("grievance",)),
    "staff": (3, "A complaint about staff", ("grievance",)),
    "no_answer": (3, "Nobody answers them", ("unanswered",)),
    "appointment": (3, "An appointment", ()),
    "grumble": (1, "Grumbles", ("grievance",)),
    "question": (1, "Asks for something", ("question",)),
    "request": (1, "Asks for something", ("request",)),
    "suggestion": (1, "Makes a suggestion", ()),
}
DECISIVE: Final = (
    *("self_harm", "emergency_service", "danger", "injury", "violence", "alone", "medical"),
    *("fraud_now", "stranded", "escalated"),
)
# phrases that are a decisive sign -> the reason that they show; `a+b` is both groups together
SIGNS: Final[Mapping[str, str]] = {
    "self_harm": "self_harm",
    "emergency_calls": "emergency_service",
    "critical_site+outage": "emergency_service",
    "personal_alarm+outage": "emergency_service",
    "medicine+outage": "emergency_service",
    "danger": "danger",
    "injury": "injury",
    "medical": "medical",
    "violence": "violence",
    "alone": "alone",
    "fraud": "fraud_now",
    "vulnerable+stranded": "stranded",
    "legal+contact": "escalated",
    "press+contact": "escalated",
}
SIGN = 0.2  # probability from which a decisive reason of the model is a sign
FACTOR = 0.15  # probability from which a reason is among the factors
PAST = 1.5  # times likelier than fraud that goes on is fraud of the past
MOST_FACTORS = 4  # reasons that share a priority

# Least calibrated probability of "at least so urgent" from which a message has the level.
AT: Final = {"P1": 0.15, "P2": 0.27, "P3": 0.45, "P4": 0.66}
# The same of P1 where a phrase shows the sign; where two do that may stand sentences apart, a place
# of care and something that is off, or where the phrase is in something that is told to nobody.
AT_SHOWN, AT_PAIRED = 0.1, 0.35
PAIRED: Final = frozenset(("critical_site+outage", "medicine+outage"))
# Where none does, the model must be sure of P1 and of a decisive reason together: the least sum of
# the log-odds of both, and the least probability that at least one decisive reason holds. However
# sure it is of the reason, P1 itself is AT_SHOWN at least: of 22 that were less, mostly strandings
# of the day before, none was right.
BOTH, ANY = -2.0, 0.06
SURE = 0.6  # of P1, where the likeliest reason is a service that is down
CONTENT = ("thanks_solved", "praise")
STORIES = ("chatter", "figurative", "news")
POLITE = ("self_harm", "violence", "fraud_now", "alone")
# The same of P1 where a message is TERSE and a phrase of these says all: the model learned from
# longer ones, and short is not calm.
AT_TERSE, TERSE = 0.035, 8  # words
PLAIN = ("self_harm", "danger", "injury", "medical", "violence", "emergency_calls")
# A cry of so few words is never nobody's, whatever the model makes of it: somebody looks.
BRIEF, LEAST_OF_CRY = 5, LEVELS[2][1]
# A bare call for help, "SOS" or "somebody please help me", names no trouble: somebody asks which.
CALLS: Final = frozenset(("help", "sos", "emergency", "urgent", "urgently"))
AROUND_CALLS: Final = frozenset(
    (
        *("please", "pls", "plz", "me", "us", "i", "we", "need", "send", "now", "here", "there"),
        *("somebody", "someone", "anybody", "anyone", "hello", "hi", "oh", "god", "omg"),
        *("quick", "quickly", "hurry", "asap", "this", "is", "an", "it's", "its"),
    )
)
LONGEST_CALL = 6  # words
HARM = 0.15  # of "at least P2" that lifts a message with a phrase of harm to P2


def by_model(message: Message, cues: Cues) -> list[Factor]:
    """The factors of what a message says; their points add up to its priority, 0 to 100.

    [] for a message that needs nobody. The message was read by the heads of triage.
    """
    if message.levels is None:
        return []
    reasons = _reasons(message)
    signs = _signs(message.reasons, cues)
    words = _length_of_cry(message, cues)
    is_terse = 0 < words <= TERSE
    priority = _priority(message.levels, signs, AT_TERSE if is_terse else _at_p1(reasons, cues))
    is_cry = words > 0 and (words <= BRIEF or _may_be_meant(message.reasons))
    if is_cry or _is_call_for_help(message):
        priority = max(priority, LEAST_OF_CRY)
    if not priority and "irony" in cues:
        # The model takes most of it for praise.
        quote = shortened(cues["irony"][0].quote, 60)
        return [Factor("irony", LEAST_OF_CRY, f"Praise that means a complaint: “{quote}”")]
    return _shared(priority, reasons, signs, Evidence(message.text, cues)) if priority else []


def _signs(reasons: Mapping[str, float], cues: Cues) -> dict[str, float]:
    """The decisive reasons with their probability; a phrase that shows one is as good as SIGN.

    What shows fraud shows the fraud of the past where that is far likelier: harm, and not decisive.
    """
    signs = {code: reasons[code] for code in DECISIVE if reasons.get(code, 0.0) >= SIGN}
    for code in _signs_in_words(cues):
        signs[code] = max(signs.get(code, 0.0), SIGN)
    if "fraud_now" in signs and _is_past(reasons):
        signs["fraud_past"] = signs.pop("fraud_now")
    return signs


def _signs_in_words(cues: Cues) -> set[str]:
    """The decisive reasons that phrases show."""
    return {SIGNS[groups] for groups in _groups_of_signs(cues)}


def _groups_of_signs(cues: Cues) -> tuple[str, ...]:
    """The groups of SIGNS whose phrases are there."""
    return _signs_among(frozenset(cues)) if cues else ()


@lru_cache(1 << 12)
def _signs_among(present: frozenset[str]) -> tuple[str, ...]:
    return tuple(groups for groups in SIGNS if present >= _groups(groups))


def _at_p1(reasons: Mapping[str, float], cues: Cues) -> float:
    """The least probability of P1 that makes one; above 1 where no decisive sign is sure enough.

    reasons: as `_reasons` gives them, without a fraud_now that is fraud of the past.
    """
    past = {"fraud_now"} if _is_past(reasons) else set()
    phrases = [groups for groups in _groups_of_signs(cues) if SIGNS[groups] not in past]
    if not PAIRED.issuperset(phrases):
        return AT_PAIRED if _is_told(reasons) else AT_SHOWN
    unshown = _at_unshown(reasons, cues)
    return min(AT_PAIRED, unshown) if phrases else unshown


def _is_told(reasons: Mapping[str, float]) -> bool:
    """Whether the model sees something that is told to nobody, and no decisive reason."""
    return any_decisive(reasons) < ANY and any(reasons.get(code, 0.0) >= FACTOR for code in STORIES)


def _at_unshown(reasons: Mapping[str, float], cues: Cues) -> float:
    """The same where no phrase shows a sign: the surer of a decisive reason, the less of P1.

    What is rather thanks or praise is no P1, and neither is what can wait by the customer's own
    word; but of despair, a crime and somebody who is alone people speak politely. What is rather a
    service that is down takes a model that is sure.
    """
    any_of_them = any_decisive(reasons)
    likeliest = max(reasons.get(code, 0.0) for code in DECISIVE)
    if any_of_them < ANY or any(reasons.get(code, 0.0) > likeliest for code in CONTENT):
        return math.inf
    if "patient" in cues and not any(reasons.get(code, 0.0) >= FACTOR for code in POLITE):
        return math.inf
    if reasons.get("outage", 0.0) > likeliest:
        return SURE
    lacking = math.exp(BOTH) * (1 - any_of_them)  # the odds of P1 are this over any_of_them
    return max(AT_SHOWN, lacking / (any_of_them + lacking))


def any_decisive(reasons: Mapping[str, float]) -> float:
    """The probability that at least one decisive reason holds, as if they were independent."""
    if reasons.keys().isdisjoint(DECISIVE):
        return 0.0  # most messages
    return 1 - math.prod(1 - reasons.get(code, 0.0) for code in DECISIVE)


def stand_in(cues: Cues, groups: str) -> bool:
    """Whether a phrase of the group is there; `a+b` is both."""
    return cues.keys() >= _groups(groups)


@cache
def _groups(together: str) -> frozenset[str]:
    return frozenset(together.split("+"))


def _reasons(message: Message) -> Mapping[str, float]:
    """The model's reasons; old or disputed fraud, which has the words of fraud that goes on, alone
    where it is far likelier.
    """
    reasons = message.reasons
    if not _is_past(reasons):
        return reasons
    return {code: value for code, value in reasons.items() if code != "fraud_now"}


def _is_past(reasons: Mapping[str, float]) -> bool:
    return reasons.get("fraud_past", 0.0) > PAST * reasons.get("fraud_now", 0.0)


def _length_of_cry(message: Message, cues: Cues) -> int:
    """Words of a message that holds a phrase of danger to somebody; 0 for any other."""
    if cues.keys().isdisjoint(PLAIN):
        return 0
    return len(_WORDS.findall(own_words(message.text)))


def _may_be_meant(reasons: Mapping[str, float]) -> bool:
    """Whether the model sees no figure of speech, news or praise in it. What people in danger say
    to nobody it takes for chatter: a full stop took "his chest hurts" out of the queue.
    """
    return all(reasons.get(code, 0.0) < FACTOR for code in ("figurative", "news", *CONTENT))


def _is_call_for_help(message: Message) -> bool:
    """Whether it calls for help and says nothing else."""
    matches = _WORDS.finditer(own_words(message.text).lower())
    words = [match[0] for match in islice(matches, LONGEST_CALL + 1)]  # most have more
    if len(words) > LONGEST_CALL or CALLS.isdisjoint(words):
        return False
    return all(word in CALLS or word in AROUND_CALLS for word in words)


def _priority(levels: tuple[float, ...], signs: Mapping[str, float], at_p1: float) -> int:
    """0 where nobody is needed. Within a level it rises with the probability of the next. at_p1:
    the probability of P1 from which a sign makes one.
    """
    p4, p3, p2, p1 = levels
    (_, first), (_, second), (_, third), (_, fourth) = LEVELS
    if p1 >= at_p1:
        gravest = max((REASONS[code][0] for code in signs), default=REASONS["stranded"][0]) / 10
        above = max(p1 - AT["P1"], 0) / (1 - AT["P1"])
        return round(first + (100 - first) * (0.8 * above + 0.2 * gravest))
    if p2 >= AT["P2"] or (signs and p2 >= HARM):
        return _within(second, first, 0.5 * min(p1 / AT["P1"], 1) + 0.5 * p2)
    if p3 >= AT["P3"]:
        return _within(third, second, 0.8 * min(p2 / AT["P2"], 1) + 0.2 * p3)
    if p4 >= AT["P4"]:
        return _within(fourth, third, 0.8 * min(p3 / AT["P3"], 1) + 0.2 * p4)
    return 0


def _within(low: int, high: int, share: float) -> int:
    return min(round(low + (high - low) * share), high - 1)


def _shared(
    priority: int,
    reasons: Mapping[str, float],
    signs: Mapping[str, float],
    evidence: Evidence,
) -> list[Factor]:
    """The priority shared among its reasons, by how likely and how grave each is.

    A P1 whose reasons show nothing decisive says that it rests on how the whole message reads, and
    what it is likeliest to be.
    """
    likely = _likely(reasons, signs)
    weights = {code: value * REASONS[code][0] for code, value in likely.items()}
    strongest = sorted(weights, key=lambda code: (-weights[code], code))[:MOST_FACTORS]
    is_unnamed = priority >= LEVELS[0][1] and likely.keys().isdisjoint(DECISIVE)
    unnamed = _supposed(reasons, evidence) if is_unnamed else _unnamed(priority)
    if not strongest:
        return [Factor("need", priority, unnamed)]
    whole = sum(weights[code] for code in strongest)
    factors: list[Factor] = []
    if is_unnamed:
        points = priority - LEVELS[1][1]  # what they would be worth alone is a P2
        factors.append(Factor("need", points, unnamed))
        priority -= points
    left = priority
    for place, code in enumerate(strongest):
        is_last = place == len(strongest) - 1
        points = left if is_last else round(priority * weights[code] / whole)
        left -= points
        if points:
            factors.append(Factor(code, points, in_words(code, evidence)))
    return factors


def _likely(reasons: Mapping[str, float], signs: Mapping[str, float]) -> dict[str, float]:
    """The reasons that are worth a factor, by the model or by a phrase."""
    probabilities = {
        code: max(reasons.get(code, 0.0), signs.get(code, 0.0)) for code in {**signs, **reasons}
    }
    return {
        code: probability
        for code, probability in probabilities.items()
        if code in REASONS and probability >= FACTOR
    }


def _unnamed(priority: int) -> str:
    if priority >= LEVELS[1][1]:
        return "Reads like messages that cannot wait"
    return "Reads like messages that need a person"


def _supposed(reasons: Mapping[str, float], evidence: Evidence) -> str:
    """The same of a P1 that rests on no decisive reason, with the likeliest one to be checked."""
    unnamed = _unnamed(LEVELS[0][1])
    likeliest = max(DECISIVE, key=lambda code: reasons.get(code, 0.0))
    if not reasons.get(likeliest):
        return unnamed
    words = in_words(likeliest, evidence)
    return f"{unnamed}. Perhaps {words[0].lower()}{words[1:]}"


def in_words(code: str, evidence: Evidence) -> str:
    """The reason in words, with those of the message that show it."""
    _, words, groups = REASONS[code]
    quote = evidence.quote(code, groups)
    return f"{words}: “{quote}”" if quote else words
