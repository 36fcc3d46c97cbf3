"""From an event to what the models read of it."""

from __future__ import annotations

from collections.abc import Callable

from connectors.events import Transcript
from models.calls.sides import Utterance, sided
from models.redact import redact


def utterances(call: Transcript, redact: Callable[[str], str] = redact) -> list[Utterance]:
    """The turns without personal data, with the customer's side found where the source does not
    tell it.
    """
    return sided(
        [Utterance(turn.speaker, redact(turn.text), turn.name, turn.at) for turn in call.turns]
    )
