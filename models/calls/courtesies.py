"""Courtesies of calls: greetings, thanks and goodbyes, which say nothing of how a call ended."""

from __future__ import annotations

import re

_CLAUSE = re.compile(r"[.!?;,]+(?=\s|\Z)|\n")
_APOSTROPHES = str.maketrans("\u2018\u2019", "''")
_LEAD = (
    r"(?:(?:and|but|so|oh|ok|okay|alright|great|good|perfect|well|yes|yeah|no|sure|once again"
    r"|again) ){0,2}"
)
_ADDRESSEE = r"(?: [\w'-]{1,20}){0,2}"  # whom it is said to
_CLAUSES = (  # each is a whole clause
    r"(?:thank you|thanks|cheers)(?: again| so much| very much| a lot| a million)*"
    rf"(?:{_ADDRESSEE}|(?: once)? again| for .*)",
    r"for (?:your|the|all|taking|being|calling|choosing|contacting|holding|waiting)\b.*",
    r"(?:i |we )?(?:really |truly |do |also |sincerely )*appreciate\b.*",
    r"(?:you're|you are|youre)(?: most| very| so| always)* welcome\b.*",
    r"(?:it's |it was |it has been |it's been )?(?:always )?(?:my |a |our )pleasure\b.*",
    r"(?:you )?(?:have|enjoy) (?:a|an|the|your)\b.*"
    r"(?:day|one|evening|afternoon|weekend|night|rest)\b.*",
    rf"(?:good ?)?bye\b.*|take care\b.*|(?:same to )?you (?:too|as well){_ADDRESSEE}|likewise\b.*",
    r"(?:speak|talk) (?:to you )?soon",
    r"(?:is there |was there )?anything else\b.*",
    r"(?:what|how) (?:else )?(?:can|may|could) i (?:help|do|assist)\b.*",
    r"(?:before we (?:end|go)|do you have any (?:other|more|further))\b.*",
    r"(?:if|should) (?:you|there|anything)\b.*\b(?:questions?|assistance|concerns?|help)\b.*",
    r"(?:please )?(?:just )?(?:don't|do not) hesitate\b.*|(?:please )?feel free to\b.*",
    r"(?:remember )?(?:we|our team|i)(?:'re|'m| are| is| am)(?: always)? here to help\b.*",
    r"(?:i think )?(?:that's|that is|that will be|that'll be|that was)(?: all| it| everything)"
    rf"(?: for now| for today| i needed(?: to know)?)?{_ADDRESSEE}",
    rf"(?:i think )?that covers (?:it|everything)(?: for now| for today)?{_ADDRESSEE}",
    rf"not (?:at this time|right now|for now|today){_ADDRESSEE}",
    rf"nothing(?: else| more)?(?: for now)?{_ADDRESSEE}",
    r"once (?:again|more)|no further questions|i(?:'m| am) (?:good|all set)(?: for now)?",
    r"(?:i'm |i am |we're |we are )?(?:very |so )?(?:glad|happy|pleased|delighted) "
    r"(?:(?:i|we) (?:could|was able to|were able to)|to) (?:help|assist|be of)\b.*",
    r"you(?:'ve| have) been (?:\w+ ){0,2}(?:helpful|kind|nice|great|wonderful|patient)\b.*",
    r"i (?:completely |totally |fully |do )*understand(?: (?:your|how|that you're)\b.*)?",
    r"(?:i |we )?(?:do |sincerely |again )*apologi[sz]e\b.*",
    r"(?:i'm |i am |we're |we are )?(?:very |so )*sorry\b.*",
    r"(?:hi|hello|hey|good (?:morning|afternoon|evening|day))\b.{0,40}",
)
_PROMISED = r"(?!.*(?:'ll| will) (?!be (?:all|it|everything)\b))"
_COURTESY = re.compile(f"{_PROMISED}{_LEAD}(?:{'|'.join(_CLAUSES)})", re.IGNORECASE)


def has_matter(turn: str) -> bool:
    """Whether a turn says something beside courtesies, in two words or more."""
    clauses = (clause.strip() for clause in _CLAUSE.split(turn.translate(_APOSTROPHES)))
    return any(_is_matter(clause) for clause in clauses)


def _is_matter(clause: str) -> bool:
    return len(clause.split()) > 1 and _COURTESY.fullmatch(clause) is None
