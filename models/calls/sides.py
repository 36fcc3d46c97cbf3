"""Sides of a call: which speaker is the customer, where the source does not say."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

Speaker = Literal["customer", "agent", "unknown"]

# Phrases of people who are paid to be on the phone: greetings, checks, offers, goodbyes.
_AGENT = re.compile(
    r"\b(?:thank you for (?:calling|contacting|holding|waiting|being a|your patience|reaching out)"
    r"|thanks for (?:calling|holding)"
    r"|how (?:can|may) i (?:help|assist)|(?:help|assist) you (?:with|today)"
    r"|i can help (?:you )?with|may i (?:have|please|ask|take)"
    r"|(?:can|could|would) you (?:please )?(?:confirm|verify|provide|spell|hold|bear)"
    r"|let me (?:check|look|pull|see|verify|transfer)|i(?:'d| would) be (?:happy|glad) to"
    r"|(?:is there )?anything else i can|sorry (?:to hear|for (?:the|any))|apologi[sz]e for"
    r"|have a (?:great|good|nice|wonderful|lovely) (?:day|one|evening|afternoon|weekend)"
    r"|(?:you're|you are) (?:very )?welcome"
    r"|speaking, how|our (?:records|system|policy)|one moment|put you (?:on hold|through)"
    r"|pull(?:ing)? up your)",
    re.IGNORECASE,
)
_CLEARLY = 2.0  # times as often as the other speaker
# The company speaks of `you` and `we`, the customer of `I`, in the languages of the exports.
_YOU = re.compile(
    r"\b(?:you|your|yours|please|we|our|us|sie|ihnen|ihre?[nmrs]?|wir|uns|unsere?[nmrs]?|bitte|vous"
    r"|votre|vos|nous|notre|usted|su|sus|le|nosotros|nuestr[oa]s?|lei|suo|sua|nostr[oa]|u|uw|wij"
    r"|onze|seu|nosso|nossa)\b",
    re.IGNORECASE,
)
_I = re.compile(
    r"\b(?:i|me|my|mine|myself|ich|mir|mich|meine?[nmrs]?|je|moi|mon|ma|mes|yo|mi|mis|io|mio|mia"
    r"|ik|mij|mijn|eu|meu|minha)\b",
    re.IGNORECASE,
)
_PLAINLY = 0.5  # of -1 (speaks of oneself) to 1 (of the other): how far two speakers lie apart


@dataclass(frozen=True, slots=True)
class Utterance:
    """One turn of a call.

    name: of a speaker whose side is unknown. at: seconds from the start.
    """

    speaker: Speaker
    text: str
    name: str | None = None
    at: float | None = None


def sided(turns: Sequence[Utterance]) -> list[Utterance]:
    """The turns, with the sides of unknown speakers as their words show them.

    Those who offer help, check identities and say goodbye are agents, and the others customers;
    where one side is known already, everybody else is on the other side, but for one who speaks
    like the known agent. A speaker whose words do not show it stays unknown.
    """
    names = list(Counter(turn.name or "" for turn in turns if turn.speaker == "unknown"))
    if not names:
        return list(turns)
    sides = _sides(turns, names)
    return [
        replace(turn, speaker=sides.get(turn.name or "", "unknown"))
        if turn.speaker == "unknown"
        else turn
        for turn in turns
    ]


def _sides(turns: Sequence[Utterance], names: Sequence[str]) -> dict[str, Speaker]:
    known = {turn.speaker for turn in turns} - {"unknown"}
    if known == {"customer"}:
        return dict.fromkeys(names, "agent")
    if known == {"agent"} and len(names) == 1:
        return {names[0]: "customer"}
    rates = _rates(turns, names)
    if known == {"agent"}:  # a colleague speaks like one
        quiet: list[str] = [name for name, rate in rates.items() if rate == 0]
        return dict.fromkeys(quiet, "customer")
    return _told_apart(rates) or _by_address(turns, names)


def _told_apart(rates: dict[str, float]) -> dict[str, Speaker]:
    """Agents are those who speak like one half as often as the clearest of them, or more often."""
    highest = max(rates.values())
    agents = {name for name, rate in rates.items() if rate * _CLEARLY > highest}
    if not agents or len(agents) == len(rates):
        return {}
    return {name: "agent" if name in agents else "customer" for name in rates}


def _by_address(turns: Sequence[Utterance], names: Sequence[str]) -> dict[str, Speaker]:
    """Of two speakers, the one who says `you` and `your` where the other says `I` and `my`."""
    if len(names) != 2:
        return {}
    texts = {name: " ".join(t.text for t in turns if (t.name or "") == name) for name in names}
    lean = {name: _lean(text) for name, text in texts.items()}
    customer, agent = sorted(names, key=lambda name: lean[name])
    if lean[agent] - lean[customer] < _PLAINLY:
        return {}
    return {customer: "customer", agent: "agent"}


def _lean(text: str) -> float:
    you, me = len(_YOU.findall(text)), len(_I.findall(text))
    return (you - me) / (you + me + 1)


def _rates(turns: Sequence[Utterance], names: Sequence[str]) -> dict[str, float]:
    texts: dict[str, list[str]] = {name: [] for name in names}
    for turn in turns:
        texts.get(turn.name or "", []).append(turn.text)
    return {name: _rate(own) for name, own in texts.items()}


def _rate(texts: Sequence[str]) -> float:
    """Phrases of an agent a turn."""
    phrases = sum(len(_AGENT.findall(text.replace("\u2019", "'"))) for text in texts)
    return phrases / max(len(texts), 1)
