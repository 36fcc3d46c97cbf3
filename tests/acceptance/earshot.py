"""earshot as people run it: commands and workers in their own processes, on their own home."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from ports import free_port
from scratch import scratch_folder

from models.replier.process import LOWEST
from stream.cli import main
from stream.settings import Settings

COMMAND = (sys.executable, "-m", "stream.cli")
GOODBYE = 60.0  # seconds that a process may take to leave once it was asked to


@dataclass
class Home:
    """An EARSHOT_HOME, and the settings of every process of it (without their prefix).

    surroundings: what else stands in the environment of the processes that it starts.
    """

    folder: Path = field(default_factory=lambda: scratch_folder("earshot-"))
    settings: dict[str, str] = field(default_factory=dict)
    surroundings: dict[str, str] = field(default_factory=dict)

    def environment(self, **more: str) -> dict[str, str]:
        """Nothing of the EARSHOT_* of whoever runs the tests."""
        inherited = {
            name: value for name, value in os.environ.items() if not name.startswith("EARSHOT_")
        }
        given = {"home": str(self.folder)} | self.settings | more
        return inherited | {f"EARSHOT_{name.upper()}": value for name, value in given.items()}

    def read_settings(self) -> Settings:
        return Settings(**({"home": self.folder} | self.settings))  # type: ignore[arg-type]

    def start(
        self, *arguments: str, log: Path | None = None, **more: str
    ) -> subprocess.Popen[bytes]:
        """A command that runs on its own; what it says goes to `log`."""
        with (log or self.folder / f"{arguments[0]}.out").open("ab") as output:
            return subprocess.Popen(
                [*COMMAND, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=self.environment(**more) | self.surroundings,
                cwd=self.folder,
            )

    def run(
        self, *arguments: str, given: str | None = None, seconds: float = 600, **more: str
    ) -> subprocess.CompletedProcess[str]:
        """A command to its end."""
        return subprocess.run(
            [*COMMAND, *arguments],
            input=given,
            stdin=subprocess.DEVNULL if given is None else None,
            capture_output=True,
            text=True,
            timeout=seconds,
            env=self.environment(**more),
            cwd=self.folder,
        )

    def run_here(self, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        """A command to its end in this process: for what it says, where no process is the point."""
        out, err, code = io.StringIO(), io.StringIO(), 0
        with (
            _process_kept(),
            contextlib.chdir(self.folder),
            redirect_stdout(out),
            redirect_stderr(err),
        ):
            os.environ.clear()
            os.environ.update(self.environment(**more))
            sys.argv = ["earshot", *arguments]
            try:
                main(process_ends=False)
            except SystemExit as left:
                code = int(left.code or 0)
        return subprocess.CompletedProcess(arguments, code, out.getvalue(), err.getvalue())

    def processes(self) -> list[str]:
        """What still runs of this home, in words."""
        return [f"{process.pid} {told}" for process, told in self._running()]

    def worker(self) -> int | None:
        """The id of its worker's process, once there is one."""
        told = [process.pid for process, words in self._running() if "stream.cli worker" in words]
        return told[0] if told else None

    def hurries_drafts(self) -> bool:
        """Whether the process that writes drafts has given itself the lowest priority; it gets that
        of all others, where we may: at the lowest, a second's work on cores that other tests keep
        busy takes minutes.
        """
        hurried = False
        for process, words in self._running():
            with suppress(psutil.NoSuchProcess):
                if "models.replier.process" in words and process.nice() == LOWEST:
                    hurried = True
                    with suppress(psutil.AccessDenied):
                        process.nice(0)
        return hurried

    def kill_everything(self) -> None:
        """SIGKILL for all of it, as a power cut does."""
        for process, _ in self._running():
            with suppress(psutil.NoSuchProcess):
                process.kill()

    def _running(self) -> list[tuple[psutil.Process, str]]:
        """Each with its command line, read while it ran: some end while one looks.

        Commands and workers by their EARSHOT_HOME, PostgreSQL by its folder, the broker by the log
        it holds open.
        """
        found = []
        for process in psutil.process_iter():
            # FileNotFoundError: of /proc, where it ends between two looks.
            with suppress(psutil.NoSuchProcess, psutil.AccessDenied, FileNotFoundError):
                told = " ".join(process.cmdline())
                ours = process.environ().get("EARSHOT_HOME") == str(self.folder)
                ours = ours or str(self.folder) in told
                ours = ours or os.path.realpath(f"/proc/{process.pid}/fd/1") == str(
                    self.folder / "broker.log"
                )
                if ours and process.status() != psutil.STATUS_ZOMBIE:
                    found.append((process, told))
        return found


@contextmanager
def _process_kept() -> Iterator[None]:
    """What a command changes in its process is put back: the environment, the arguments, and who
    logs what.
    """
    environment, arguments, handlers = dict(os.environ), sys.argv, logging.root.handlers[:]
    loggers = [
        one for one in logging.root.manager.loggerDict.values() if isinstance(one, logging.Logger)
    ]
    levels = {logger: logger.level for logger in (logging.root, *loggers)}
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(environment)
        sys.argv, logging.root.handlers = arguments, handlers
        for logger, level in levels.items():
            logger.setLevel(level)


class Worker:
    """One worker process, with its health on a port of its own."""

    def __init__(self, home: Home, *arguments: str, port: int | None = None, **more: str) -> None:
        """port: where its health is asked; None for any free one. more: settings of its own."""
        self.port = port or free_port()
        self.log = home.folder / f"worker-{self.port}.log"
        self.process = home.start(
            "worker", "--port", str(self.port), *arguments, log=self.log, **more
        )

    def ask(self, page: str) -> tuple[int, str]:
        """(status, text) of `/healthz`, `/readyz` or `/metrics`; 0 where nobody answers."""
        try:
            with urllib.request.urlopen(
                f"http://127.0.0.1:{self.port}{page}", timeout=60
            ) as answer:
                return answer.status, answer.read().decode().strip()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode().strip()
        except OSError:
            return 0, ""

    @property
    def is_ready(self) -> bool:
        return self.ask("/readyz")[0] == 200

    @property
    def is_alive(self) -> bool:
        return self.ask("/healthz")[0] == 200

    def left(self, number: signal.Signals) -> int:
        """The exit code of a worker that was sent the signal."""
        try:
            return self.process.wait(GOODBYE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(
                f"a worker did not leave on {number.name}:\n{self.said()}"
            ) from None

    def said(self) -> str:
        return self.log.read_text(errors="replace")[-8000:]
