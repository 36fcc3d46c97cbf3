"""Refused events among others that are taken: each is named by its place in the request."""

from __future__ import annotations

from pydantic import BaseModel, Field


class RefusedEvent(BaseModel):
    """An event that was not taken, beside others that were."""

    index: int = Field(description="its place in the list, from 0")
    reason: str
