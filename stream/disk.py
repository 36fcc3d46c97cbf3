"""The disk of EARSHOT_HOME: how much is left of it, said before anything stands still."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path

from stream.errors import UserError

NEEDED = 32 * 2**20  # bytes: two segments of PostgreSQL's write-ahead log
LOOK_EVERY = 3.0  # seconds


def left_on(folder: Path) -> int | None:
    """Bytes that are free where the folder is, or will be; None where nobody can tell."""
    place = folder.expanduser().absolute()
    while not place.exists() and place != place.parent:
        place = place.parent
    try:
        return shutil.disk_usage(place).free
    except OSError:
        return None


def trouble(folder: Path) -> str | None:
    """What is wrong with the disk of this folder, and what to do; None while there is room."""
    left = left_on(folder)
    if left is None or left >= NEEDED:
        return None
    return (
        f"the disk is full: {left / 2**20:.0f} MB are left where EARSHOT_HOME is"
        f" ({folder.expanduser()}), and {NEEDED / 2**20:.0f} are needed; make room, or let"
        " EARSHOT_HOME name another disk"
    )


def refuse_full_disk(folder: Path) -> None:
    """Raises UserError where the embedded parts could store nothing more."""
    if reason := trouble(folder):
        raise UserError(reason)


async def watch_disk(folder: Path, say: Callable[[str], object]) -> None:
    """Say once when the disk is full, and once when there is room again; until cancelled."""
    was_full = False
    while True:
        reason = trouble(folder)
        if reason and not was_full:
            say(f"{reason}; until then nothing is stored, and messages wait")
        elif was_full and not reason:
            say("there is room on the disk again")
        was_full = reason is not None
        await asyncio.sleep(LOOK_EVERY)
