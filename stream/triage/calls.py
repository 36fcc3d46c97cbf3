"""Calls: the turns of a caller, each weighed as a message of its own by the heads of triage."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from stream.triage.by_model import (
    AT,
    DECISIVE,
    SIGNS,
    Cues,
    any_decisive,
    by_model,
    in_words,
    stand_in,
)
from stream.triage.cues import thesaurus
from stream.triage.evidence import Evidence
from stream.triage.points import ALONE, ENOUGH, HARM, LEVELS, SERVICE
from stream.triage.sums import at_most, total
from stream.triage.ticket import Factor, GraveTurn, Message

P1, P2 = (threshold for _, threshold in LEVELS[:2])
AGREED: Final = 0.5  # probability of a reason, beside a phrase or a sure P1: danger was told
SURE: Final = 0.7  # of P1, beside such a reason: the model's word is enough
_PRESSING = [name for name, (points, _) in SERVICE.items() if points >= ALONE]


def weight_of_turns(call: Message) -> list[Factor]:
    """The factors of the turn that weighs most; [] where the heads read none that needs somebody.

    The heads learned from posts. Of a turn such as "bye" or an account number they know little: in
    300 public calls about bills and keyboards they take up to 0.66 of P1 from one. So a turn is
    urgent where they are SURE, or where a phrase in it says so as well.
    """
    return max(map(_weighed, turns(call)), key=total, default=[])


def turns(call: Message) -> list[Message]:
    """The caller's most urgent turns as messages of their own."""
    return [_as_message(call, turn) for turn in call.call.gravest] if call.call else []


def _as_message(call: Message, turn: GraveTurn) -> Message:
    return replace(
        call,
        text=turn.words,
        levels=turn.levels,
        reasons=turn.reasons,
        alarm=turn.alarm,
        need=turn.need,
        call=None,
    )


def _weighed(turn: Message) -> list[Factor]:
    if turn.levels is None:
        return []
    cues = thesaurus().find(turn.text)
    factors = by_model(turn, cues)
    *_, second, first = turn.levels
    signs = _signs(cues)
    likely = _likely(turn)
    is_harm = _harm(cues) >= ENOUGH
    is_told = is_harm or any_decisive(turn.reasons) >= AGREED
    if first >= (AT["P1"] if is_harm else SURE) and is_told:
        return factors
    certain = [code for code in signs if code in likely]
    if certain:
        evidence = Evidence(turn.text, cues)
        return max(factors, [Factor(certain[0], P1, in_words(certain[0], evidence))], key=total)
    hurries = second >= AT["P2"] and (is_harm or _is_pressing(cues))
    return at_most((P1 if hurries else P2) - 1, factors)


def _likely(turn: Message) -> list[str]:
    """The decisive reasons that the model gives."""
    return [code for code in DECISIVE if turn.reasons.get(code, 0.0) >= AGREED]


def _signs(cues: Cues) -> list[str]:
    """The decisive reasons that a phrase shows."""
    return [code for groups, code in SIGNS.items() if stand_in(cues, groups)]


def _is_pressing(cues: Cues) -> bool:
    return any(stand_in(cues, groups) for groups in _PRESSING)


def _harm(cues: Cues) -> int:
    """The points of the phrases that add up to harm; a decisive sign is enough."""
    signs = ENOUGH if _signs(cues) else 0
    return signs + sum(points for groups, (points, _) in HARM.items() if stand_in(cues, groups))
