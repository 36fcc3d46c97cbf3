"""Polish of a drafted text: whole sentences, capitals where they begin, no stray spaces."""

from __future__ import annotations

import re

from models.replier.slots import ALLOWED

_CAPITAL = re.compile(r"(?<=[a-z,;'] )[A-Z][a-z]+(?:'[a-z]+)?\b")
_SENTENCE_END = re.compile(r"[.!?)…](?:\s|\Z)|[\u2600-\u27bf\U0001f300-\U0001faff](?:\s|\Z)")


def polished(text: str) -> str:
    """`text`, its slots not yet filled, as a person would leave it.

    An unfinished last sentence is cut off if a whole one comes before it, else it gets a full stop.
    Capitals within a sentence ("our Customer Relations") go: a draft's names are slots still.
    """
    # "what is your flight # and name?"
    text = re.sub(r"(?<=\w) #(?=\s+[a-z]|\s*[,.!?]|\s*\Z)", " number", text)
    text = re.sub(r" ([,.!?;:%)])", r"\1", " ".join(text.split()))
    text = re.sub(r"([(#$£€@]) ", r"\1", text)
    text = _CAPITAL.sub(lambda match: match[0] if match[0] in ALLOWED else match[0].lower(), text)
    text = re.sub(r"(\w)([.!?])(?=[A-Z][a-z])", r"\1\2 ", text)
    text = re.sub(r"([.!?]) ([a-z])", lambda match: f"{match[1]} {match[2].upper()}", text)
    if not text or _SENTENCE_END.search(text[-1:]):
        return text[:1].upper() + text[1:]
    ends = list(_SENTENCE_END.finditer(text))
    if ends and len(text) - ends[-1].end() < len(text) / 2 and not re.search(r"\w{2}\Z", text):
        text = text[: ends[-1].end()].rstrip()
    else:
        text = text.rstrip(" ,;:-&(") + "."
    return text[:1].upper() + text[1:]
