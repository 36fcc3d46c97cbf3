"""Levels of texts by the shipped model and triage, each a conversation of one post."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from models.analyzer import Analyzer
from models.artifact import default_artifact
from stream.brands import Brands
from stream.store.rows import stored_by
from stream.triage.evaluate import tickets_of
from stream.triage.judgement import Judge

RISING = ("none", "P4", "P3", "P2", "P1")
P2, P1 = RISING.index("P2"), RISING.index("P1")


def levels_of(texts: Sequence[str]) -> list[int]:
    """The level of each text, as its place in RISING."""
    tickets = tickets_of(texts, stored_by(_judge()))
    return [RISING.index(ticket.level if ticket else "none") for ticket in tickets]


@cache
def _judge() -> Judge:
    return Judge(Analyzer(default_artifact(), threads=1), Brands(()))
