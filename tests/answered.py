"""Drafts of the shipped replier, in small letters, and what must not stand in some of them."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from models.replier.draft import ReplyRequest
from models.replier.replier import Replier

BRAND = "SkyNorth"
GLAD = re.compile(r"welcome|any time!|happy to help|lovely|great to hear|kind words|made our day")
LEAVE = re.compile(r"we're here if|anything else|where to find us")


def draft(text: str, mood: str, topic: str = "other", **known: Any) -> str:
    """The draft for a message to BRAND. known: more fields of ReplyRequest; severity is 2 of what
    is negative.
    """
    fields = {"trade": "airline", "severity": {"negative": 2}.get(mood, 0), **known}
    request = ReplyRequest(text, BRAND, topic, None, mood, **fields)
    return _replier()([request])[0].text.lower()


@cache
def _replier() -> Replier:
    return Replier()
