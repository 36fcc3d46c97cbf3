"""Cancellation of a task: one that somebody asked for, told from one that a library let go."""

from __future__ import annotations

import asyncio


def is_cancelled() -> bool:
    """Whether somebody has asked the current task to end.

    Where nobody has, a CancelledError comes of a library's own tasks, and is a failure like others.
    """
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
