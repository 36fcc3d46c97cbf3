"""Other forms of a message that mean the same: a greeting, a signature, a footer, capitals, slips.

A model that learns with them judges what was said, and not how it begins or ends (after CheckList,
Ribeiro et al., 2020). Every sentence here is our own.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable

GREETINGS = (
    *("@VoltLine ", "VoltLine ", "@skynorth ", "Hi VoltLine, ", "Hello, ", "hey "),
    *("Dear Sir or Madam, ", "@MetroRail ", "Good evening. ", "hi team, ", "@Acme_Help "),
    *("To whom it may concern: ", "Hello SkyNorth. ", "@BrightBank Hi. ", ".@VoltLine "),
    *("Urgent. ", "Question. "),
)
ENDINGS = (
    *(" lol", " thanks", " Thanks in advance", " thanks guys", " 😂", " smh", " pls", " !!!"),
    *(" #fail", " Thank you.", " cheers", " x", " haha", " Regards", " lol ... thanks guys"),
    *(" any help appreciated", " 😡", " please advise", " @VoltLine", " https://t.co/a1B2c3"),
    *(" #CustomerService", " Kind regards, Tom", " 🙏", " ffs", " omg"),
)
FOOTERS = (
    "Sent from my iPhone",
    "This message was scanned for viruses and dangerous content and is believed to be clean.",
    "Confidential: this e-mail is meant for the addressee alone. If you received it in error "
    "please delete it.",
    "--\nAnna Weber, RN\nEmergency Room, St Mary's Hospital",
    "Best regards,\nDr J. Okafor\nPoison Control Centre",
    "Please think of the environment before you print this.",
    "Get Outlook for Android",
    "Unsubscribe | Privacy | 12 Station Road",
    "Kind regards\nSam Reid\nFire and Safety Officer, Harbour Council",
    "In an emergency call 999. This inbox is not watched at night.",
    "Caution: this mail came from outside. Do not open attachments that look dangerous.",
    "Meera\nSuicide prevention volunteer",
    "Virus-free. www.example.com",
    "Tel. 555 0100 | Crisis line supporter | Terms apply",
)
_HANDLES = re.compile(r"^(\.?@\w+\s+)+")


def varied(text: str, chance: random.Random) -> str:
    """The message in another form that means the same: one change, or two."""
    for _ in range(1 if chance.random() < 0.6 else 2):
        text = chance.choices(_CHANGES, _OFTEN)[0](text, chance)
    return text


def _greeted(text: str, chance: random.Random) -> str:
    return chance.choice(GREETINGS) + text


def _without_handles(text: str, _: random.Random) -> str:
    return _HANDLES.sub("", text) or text


def _ended(text: str, chance: random.Random) -> str:
    return text.rstrip() + chance.choice(ENDINGS)


def _with_footer(text: str, chance: random.Random) -> str:
    return f"{text}\n\n{chance.choice(FOOTERS)}"


def _in_small_letters(text: str, _: random.Random) -> str:
    return text.lower()


def _in_capitals(text: str, _: random.Random) -> str:
    return text.upper()


def _typeset(text: str, _: random.Random) -> str:
    return text.replace("'", "’").replace(" and ", " & ")


def _mistyped(text: str, chance: random.Random) -> str:
    """One letter in about a dozen words swapped, left out or doubled."""
    words = text.split(" ")
    for _ in range(max(1, len(words) // 12)):
        place = chance.randrange(len(words))
        word = words[place]
        if len(word) > 3:
            at, kind = chance.randrange(1, len(word) - 1), chance.random()
            if kind < 0.4:
                words[place] = word[:at] + word[at + 1] + word[at] + word[at + 2 :]
            elif kind < 0.7:
                words[place] = word[:at] + word[at + 1 :]
            else:
                words[place] = word[: at + 1] + word[at:]
    return " ".join(words)


_CHANGES: tuple[Callable[[str, random.Random], str], ...] = (
    _greeted,
    _without_handles,
    _ended,
    _with_footer,
    _in_small_letters,
    _in_capitals,
    _typeset,
    _mistyped,
)
_OFTEN = (0.25, 0.1, 0.25, 0.15, 0.07, 0.05, 0.03, 0.1)
