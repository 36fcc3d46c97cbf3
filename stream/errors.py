"""The errors that a person reads: one clear line, what was wrong, where, and what to do. Never a
traceback.
"""

from __future__ import annotations


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
