"""Apache Kafka itself, where it is at hand: one broker or three, which are killed and come back."""

from __future__ import annotations

import asyncio
import random
import re
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager, suppress
from pathlib import Path

from acceptance.corpus import SHARED
from acceptance.earshot import Home
from acceptance.stage import CHEAP, Stage, leave
from scratch import lay_postgres
from toy_model import toy_model

from stream.embedded import Embedded

LAUNCHER = SHARED / "kafka" / "kafka"
USER, PASSWORD = "earshot", "earshot-secret"


def missing() -> str | None:
    """Why Apache Kafka cannot be run here; None where it can."""
    if not LAUNCHER.exists():
        return f"no Apache Kafka: {LAUNCHER} does not exist (EARSHOT_SHARED says where it is)"
    if shutil.which("java") is None:
        return "Apache Kafka needs a Java 17 runtime, and there is no java on the PATH"
    output = subprocess.run(["java", "-version"], capture_output=True, text=True).stderr
    version = re.search(r'version "(\d+)', output)
    if version is None or int(version[1]) < 17:
        java = output.splitlines()[0] if output else "unknown"
        return f"Apache Kafka needs Java 17 or newer, and this is {java}"
    return None


class Apache:
    """A cluster in a folder of its own. folder, port: of one that is to go on."""

    def __init__(
        self,
        brokers: int,
        *,
        secure: bool = False,
        folder: Path | None = None,
        port: int | None = None,
    ) -> None:
        self.folder = folder or Path(tempfile.mkdtemp(prefix="earshot-kafka-"))
        self.port = port or _free_ports(brokers, secure)
        self.brokers = brokers
        self.bootstrap = self.start(*(("--secure",) if secure else ()))
        self.secure_bootstrap = f"127.0.0.1:{self.port + 100}"

    def start(self, *more: str) -> str:
        """The addresses. Asked again where the launcher looked for a broker before its process had
        become one.
        """
        for _ in range(3):
            with suppress(subprocess.CalledProcessError):
                return self.do(
                    "start", "--brokers", str(self.brokers), "--port", str(self.port), *more
                ).strip()
        self.end()
        raise AssertionError("Apache Kafka does not start")

    def do(self, command: str, *arguments: str) -> str:
        asked = [sys.executable, str(LAUNCHER), command, str(self.folder), *arguments]
        return subprocess.run(
            asked, check=True, stdout=subprocess.PIPE, text=True, timeout=600
        ).stdout

    def kill(self, node: int) -> None:
        self.do("kill-node", str(node))

    def revive(self, node: int) -> None:
        with suppress(subprocess.CalledProcessError):
            self.do("start-node", str(node))
        self.do("start-node", str(node))  # returns when it is ready, at once where it is

    def stop(self) -> None:
        """In order; its data stays."""
        self.do("stop")

    def end(self) -> None:
        for node in range(self.brokers):
            self.do("kill-node", str(node))  # what it holds goes with its folder
        shutil.rmtree(self.folder)


def _free_ports(brokers: int, secure: bool) -> int:
    """The first of as many ports as the cluster takes, below those that the system gives away by
    itself.
    """
    wanted = [*range(2 * brokers), *(range(100, 100 + 2 * brokers) if secure else ())]
    for _ in range(100):
        first = random.randrange(20_000, 32_000)
        with ExitStack() as probes:
            try:
                for offset in wanted:
                    probes.enter_context(socket.socket()).bind(("127.0.0.1", first + offset))
            except OSError:
                continue
            return first
    raise AssertionError("no free ports for a cluster")


@asynccontextmanager
async def apache_stage(
    brokers: int, *, secure: bool = False
) -> AsyncIterator[tuple[Stage, Apache]]:
    """Workers on Apache Kafka, and on a database that none of them may start."""
    home = Home()
    lay_postgres(home.folder / "postgres")
    cluster = await asyncio.to_thread(Apache, brokers, secure=secure)
    embedded = Embedded(home.folder)
    addresses = await asyncio.to_thread(embedded.acquire, "test", broker=False)
    url = addresses.database_url or ""
    home.settings |= CHEAP | {
        "model": str(toy_model()),
        "broker": cluster.bootstrap,
        "database_url": url,
        "kafka_replication": str(brokers),
    }
    if secure:
        home.settings |= {
            "broker": cluster.secure_bootstrap,
            "kafka_security_protocol": "SASL_SSL",
            "kafka_sasl_mechanism": "SCRAM-SHA-512",
            "kafka_username": USER,
            "kafka_password": PASSWORD,
            "kafka_ca": str(cluster.folder / "ca.pem"),
        }
    stage = Stage(home, home.settings["broker"], url)
    try:
        yield stage, cluster
    finally:
        leave(stage)
        await asyncio.to_thread(embedded.release, lambda at: True)
        await asyncio.to_thread(cluster.end)
        shutil.rmtree(home.folder)
