"""Worker in a process of its own, started beside a command."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from stream.bootstrap.stopping import stopping_at_once
from stream.errors import UserError

GOODBYE = 20.0  # seconds that a worker has to finish its batch


@dataclass(frozen=True, slots=True)
class OwnWorker:
    """A worker that this process has started."""

    process: subprocess.Popen[bytes]
    log: Path

    @property
    def pid(self) -> int:
        return self.process.pid

    def check(self) -> None:
        """Raises UserError with the last line of its log when it has ended."""
        if self.process.poll() is not None:
            last_line = self.log.read_text(errors="replace").strip().rpartition("\n")[2]
            reason = last_line.removeprefix("earshot: ") or "without a word"
            raise UserError(f"the worker has ended: {reason} (see {self.log})")


@contextmanager
def worker_process(
    home: Path,
    name: str = "worker",
    *,
    port: int | None = None,
    settings: Mapping[str, str] | None = None,
) -> Iterator[OwnWorker]:
    """A worker on this EARSHOT_HOME. It ends with this process, also when that is killed.

    settings: variables that it finds in place of this process's.
    """
    home = home.expanduser()
    home.mkdir(parents=True, exist_ok=True)
    health = ["--without-web"] if port is None else ["--port", str(port)]
    log = home / f"{name}.log"
    with log.open("ab") as output:
        process = subprocess.Popen(  # noqa: S603  our own arguments
            [sys.executable, "-m", "stream.cli", "worker", *health, "--follow", str(os.getpid())],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=os.environ | dict(settings or {}) | {"EARSHOT_HOME": str(home.resolve())},
            start_new_session=True,  # Ctrl-C in the terminal reaches us; we stop it in order
        )
    try:
        yield OwnWorker(process, log)
    finally:
        process.terminate()
        until = time.monotonic() + GOODBYE
        while process.poll() is None:
            if stopping_at_once() or time.monotonic() > until:
                process.kill()  # what it had not acknowledged comes again, or went with the broker
                process.wait()
            else:
                time.sleep(0.05)
