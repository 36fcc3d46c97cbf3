"""A worker that a command starts beside itself."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from stream.errors import UserError


@dataclass(frozen=True, slots=True)
class OwnWorker:
    """A worker that this process has started beside itself."""

    process: subprocess.Popen[bytes]
    log: Path

    @property
    def pid(self) -> int:
        return self.process.pid

    def check(self) -> None:
        """Raises UserError with the last thing that it said when it has ended: nobody would do its
        work.
        """
        if self.process.poll() is not None:
            said = (
                self.log.read_text(errors="replace")
                .strip()
                .rpartition("\n")[2]
                .removeprefix("earshot: ")
            )
            raise UserError(f"the worker has ended: {said or 'without a word'} (see {self.log})")


@contextmanager
def worker_process(
    home: Path, name: str = "worker", *, port: int | None = None
) -> Iterator[OwnWorker]:
    """A worker of our own beside this process, on this EARSHOT_HOME; it leaves with us, also when
    we are killed.
    """
    home = home.expanduser()
    home.mkdir(parents=True, exist_ok=True)
    health = ["--without-web"] if port is None else ["--port", str(port)]
    said = home / f"{name}.log"
    with said.open("ab") as output:
        process = subprocess.Popen(  # noqa: S603  our own arguments
            [sys.executable, "-m", "stream.cli", "worker", *health, "--follow", str(os.getpid())],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=os.environ | {"EARSHOT_HOME": str(home.resolve())},
            start_new_session=True,  # Ctrl-C in the terminal reaches us; we stop it in order
        )
    try:
        yield OwnWorker(process, said)
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
