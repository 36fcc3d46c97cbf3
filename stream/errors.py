"""Errors in one clear line for a person: what was wrong, where, and what to do."""

from __future__ import annotations

import traceback
from pathlib import Path


class UserError(Exception):
    """Something the caller can put right; its message is the whole story. The command line exits
    with 2.
    """


class BrokerAway(Exception):
    """Kafka cannot be reached just now. Waited for by the worker, told to a person by everyone
    else.
    """


class DatabaseAway(Exception):
    """The database cannot be used now; the same work may succeed later."""


def where(error: BaseException) -> str:
    """The kind of an error and its line in the code; never its words, which may quote a message."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if "site-packages" not in frame.filename] or frames
    return f"{type(error).__name__} at {Path(own[-1].filename).name}:{own[-1].lineno}"
