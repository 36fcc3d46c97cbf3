"""Folders of a test's own servers: in memory where there is room, for no test is about a disk."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

MEMORY = Path("/dev/shm")
ROOM = 2 << 30  # bytes that must be free there; all servers of a run have taken a quarter of it


def scratch_folder(prefix: str) -> Path:
    """An empty folder with a short path: a socket's may have 107 characters."""
    try:
        roomy = shutil.disk_usage(MEMORY).free >= ROOM
        return Path(tempfile.mkdtemp(prefix=prefix, dir=MEMORY if roomy else None))
    except OSError:  # no such place, or not ours to write to
        return Path(tempfile.mkdtemp(prefix=prefix))
