"""Gravity of a message: harm to somebody, of which no draft may speak as of a lost bag.

Triage asks for two keys before it calls somebody in the night. Here one is enough: a careful answer
to a joke costs an agent a second, a routine question to a person in danger costs much more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from stream.triage.by_model import SIGNS, stand_in
from stream.triage.cues import thesaurus

# Reasons of triage that need words of their own, the first that holds is answered.
GRAVE: Final = (
    *("self_harm", "violence", "danger", "injury", "medical", "emergency_service", "alone"),
    *("fraud_now", "stranded"),
)
BODILY: Final = frozenset(GRAVE) - {"fraud_now", "stranded"}
UNNAMED: Final = "urgent"
LIKELY = 0.35  # probability from which the model's reason alone is enough
# Whose words would be worse than none about anything else; less sure, it is UNNAMED.
NARROW: Final = {"self_harm": 0.5, "alone": 0.5, "emergency_service": 0.5}
AT_LEAST_P2 = 0.15  # of "at least P2", from which a phrase of harm is meant so
# Probability of P1 from which so much of a grave reason is enough, and from which none is needed.
URGENT, HINT, SURELY_URGENT = 0.12, 0.15, 0.4
FIGURATIVE = 0.35  # from which a phrase is meant as a figure of speech
# Characters at the beginning and at the end of a letter in which phrases are looked for: drafts are
# made on the event loop, and 232 kB took it 0.26 s. The model has read all of it.
LOOKED_AT = 8_000
LETTER, IN_LETTER = 60, 0.1  # words from which a phrase needs so much of its reason
SURE = 0.35  # probability from which the likeliest reason says what a message is
HARMLESS: Final = ("escalated", "legal", "press")  # P1s with kinds of answers of their own
LESSER: Final = ("outage", "journey", "no_access", "billing", "refund")  # the same, mostly P2s


def gravity_of(
    text: str, reasons: Mapping[str, float], levels: Sequence[float] | None
) -> str | None:
    """The gravest reason of a message, or UNNAMED; None where nothing grave is said.

    reasons, levels: as `models.urgency` gives them, levels None where the model did not read it.
    """
    by_phrase = _phrases(text, reasons, levels)
    for code in GRAVE:
        likely = reasons.get(code, 0.0)
        if code in by_phrase or likely >= NARROW.get(code, LIKELY):
            return code
        if likely >= LIKELY:
            return UNNAMED
    return _of_p1(reasons, levels[-1]) if levels else None


def reason_of(reasons: Mapping[str, float]) -> str | None:
    """The likeliest reason of a message where it is SURE, whatever its level."""
    code = max(reasons, key=lambda code: reasons[code], default=None)
    return code if code is not None and reasons[code] >= SURE else None


def _of_p1(reasons: Mapping[str, float], p1: float) -> str | None:
    """What a message may be whose reasons are unlikely and which reads like a P1, so probably."""
    sure = reason_of(reasons)
    if p1 < URGENT or sure in HARMLESS:
        return None
    if max(reasons.get(code, 0.0) for code in BODILY) >= HINT and sure not in LESSER:
        return UNNAMED
    for code in ("fraud_now", "stranded"):
        if reasons.get(code, 0.0) > HINT and sure not in LESSER:
            return code
    return UNNAMED if p1 >= (0.5 if sure in LESSER else SURELY_URGENT) else None


def _phrases(
    text: str, reasons: Mapping[str, float], levels: Sequence[float] | None
) -> frozenset[str]:
    """The grave reasons that phrases show and mean."""
    text = _looked_at(text)
    cues = thesaurus().find(text)
    by_phrase = {SIGNS[groups] for groups in SIGNS if cues and stand_in(cues, groups)}
    if levels is None:
        return frozenset(by_phrase)
    if levels[-2] < AT_LEAST_P2:  # despair is spoken of softly
        by_phrase &= {"self_harm"}
    is_unsure = len(text.split()) > LETTER or reasons.get("figurative", 0.0) >= FIGURATIVE
    needs_reason = set(GRAVE) if is_unsure else {"alone", "emergency_service"}
    return frozenset(
        code
        for code in by_phrase
        if code not in needs_reason or reasons.get(code, 0.0) >= IN_LETTER
    )


def _looked_at(text: str) -> str:
    """The text, or of a long letter its beginning and its end."""
    if len(text) <= 2 * LOOKED_AT:
        return text
    return f"{text[:LOOKED_AT]}\n\n{text[-LOOKED_AT:]}"
