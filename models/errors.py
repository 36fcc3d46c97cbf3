"""Errors of input that a person gave to the models.

The message is one line and says what to do.
"""

from __future__ import annotations


class TaxonomyError(Exception):
    """A taxonomy cannot be used."""
