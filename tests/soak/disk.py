"""Disk of the soak: a file system of limited size that can be filled, where one may be mounted."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

BALLAST = "ballast"


class Disk:
    """The folder `at`. reason: why it is an ordinary folder and cannot be filled; None where it is
    a file system of its own.
    """

    def __init__(self, image: Path, at: Path, size: int) -> None:
        at.mkdir(parents=True, exist_ok=True)
        self.at = at
        self.reason = None if os.path.ismount(at) else _mounted(image, at, size)

    def fill(self) -> None:
        """Not a byte is left. Returns at once: nothing is written."""
        with (self.at / BALLAST).open("wb") as file:
            length = 0
            step = shutil.disk_usage(self.at).free
            while step >= 4096:
                try:
                    os.posix_fallocate(file.fileno(), length, step)
                    length += step
                except OSError:  # it has written what there was room for
                    step //= 2

    def free(self) -> None:
        (self.at / BALLAST).unlink(missing_ok=True)

    def unmount(self) -> None:
        if self.reason is None:
            subprocess.run(["umount", str(self.at)], check=True)


def _mounted(image: Path, at: Path, size: int) -> str | None:
    if os.geteuid() != 0:
        return "only root may mount a file system"
    if not image.exists():
        with image.open("wb") as file:
            file.truncate(size)  # takes room as it is written
        made = subprocess.run(["mkfs.ext4", "-q", "-m", "0", str(image)], capture_output=True)
        if made.returncode:
            return "no mkfs.ext4"
    mount = subprocess.run(["mount", "-o", "loop", str(image), str(at)], capture_output=True)
    return None if mount.returncode == 0 else "no file system may be mounted here"
