"""Passages of a long letter: pieces at the ends of sentences, each overlapping the one before."""

from __future__ import annotations

import re

LONG = 700  # characters from which a text is a letter; about what the model reads of it
PASSAGE = 450  # characters of a passage, about
_SENTENCE = re.compile(r"[^.!?\n]{1,400}[.!?\n]*")


def passages(text: str) -> list[str]:
    """The passages of a letter in order; [] for a text that is none."""
    if len(text) < LONG:
        return []
    sentences = _SENTENCE.findall(text)
    cut: list[str] = []
    start = 0
    while start < len(sentences):
        end, length = start, 0
        while end < len(sentences) and (end == start or length + len(sentences[end]) <= PASSAGE):
            length += len(sentences[end])
            end += 1
        if passage := "".join(sentences[start:end]).strip():
            cut.append(passage)
        if end >= len(sentences):
            break
        start = max(start + 1, (start + end + 1) // 2)  # the next begins half a passage later
    return cut
