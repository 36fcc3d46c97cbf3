"""Who of the speakers of a call is the customer, where the source does not say."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

Speaker = Literal["customer", "agent", "unknown"]

# What people say who are paid to be on the phone: greetings, checks of identity, offers and
# goodbyes.
_AGENT = re.compile(
    r"\b(?:thank you for (?:calling|contacting|holding|waiting|being a|your patience|reaching out)"
    r"|thanks for (?:calling|holding)"
    r"|how (?:can|may) i (?:help|assist)|(?:help|assist) you (?:with|today)|i can help (?:you )?with"
    r"|may i (?:have|please|ask|take)|(?:can|could|would) you (?:please )?(?:confirm|verify|provide|spell|hold|bear)"
    r"|let me (?:check|look|pull|see|verify|transfer)|i(?:'d| would) be (?:happy|glad) to"
    r"|(?:is there )?anything else i can|sorry (?:to hear|for (?:the|any))|apologi[sz]e for"
    r"|have a (?:great|good|nice|wonderful|lovely) (?:day|one|evening|afternoon|weekend)"
    r"|(?:you're|you are) (?:very )?welcome"
    r"|speaking, how|our (?:records|system|policy)|one moment|put you (?:on hold|through)|pull(?:ing)? up your)",
    re.IGNORECASE,
)
_CLEARLY = 2.0  # times as often as the other speaker


@dataclass(frozen=True, slots=True)
class Utterance:
    """One turn of a call. name: what a speaker is called whose side nobody has told. at: seconds
    from the start.
    """

    speaker: Speaker
    text: str
    name: str | None = None
    at: float | None = None


def sided(turns: Sequence[Utterance]) -> list[Utterance]:
    """The turns with the sides of unknown speakers told by what they say; those nobody can tell
    stay unknown.

    Of two speakers, the one who offers help, checks identities and says goodbye is the agent, and
    the other one is the customer; where one side is known already, everybody else is on the other
    side.
    """
    unknown = Counter(turn.name or "" for turn in turns if turn.speaker == "unknown")
    if not unknown:
        return list(turns)
    found = _told(turns, list(unknown))
    return [
        replace(turn, speaker=found.get(turn.name or "", "unknown"))
        if turn.speaker == "unknown"
        else turn
        for turn in turns
    ]


def _told(turns: Sequence[Utterance], names: Sequence[str]) -> dict[str, Speaker]:
    known = {turn.speaker for turn in turns} - {"unknown"}
    if known == {"customer"}:
        return dict.fromkeys(names, "agent")
    if known == {"agent"} and len(names) == 1:
        return {names[0]: "customer"}
    rates = {
        name: _rate([turn.text for turn in turns if (turn.name or "") == name]) for name in names
    }
    most = max(rates, key=rates.__getitem__)
    rest = [name for name in names if name != most]
    if known == {"agent"} or not rest:
        return {}
    if rates[most] == 0 or any(rates[name] * _CLEARLY > rates[most] for name in rest):
        return {}
    return {most: "agent", **dict.fromkeys(rest, "customer")}


def _rate(texts: Sequence[str]) -> float:
    """Phrases of an agent a turn."""
    return sum(len(_AGENT.findall(text.replace("\u2019", "'"))) for text in texts) / max(
        len(texts), 1
    )
