"""Replier of a worker in a process beside it, started at the first request."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Collection, Sequence
from contextlib import suppress
from pathlib import Path

import models
from models.replier.draft import Draft, ReplyRequest
from models.replier.process import drafts_of, request_line

LONGEST_LINE = 64 * 1024 * 1024
PATIENCE = 300.0  # seconds for a batch: at its priority it waits for everything else on the machine


class ReplierAway(Exception):
    """The replier cannot be used."""


class ReplierDied(Exception):
    """The process ended or was silent for too long: its requests may be the reason."""


class ReplierProcess:
    """Writes drafts with the replier in `folder`.

    It is a process of its own: a worker's threads share one interpreter lock, so that a thread that
    drafts would hold up messages however low its priority is.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: asyncio.subprocess.Process | None = None
        self._turn = asyncio.Lock()

    async def __call__(
        self, requests: Sequence[ReplyRequest], recent: Collection[str]
    ) -> list[Draft]:
        """A draft for each request.

        Raises ReplierAway, ReplierDied, and ValueError for requests that cannot be answered. A
        cancelled call ends the process, so that no half-read answer stays; the next call starts
        another.
        """
        async with self._turn:
            try:
                async with asyncio.timeout(PATIENCE):
                    process = self._process or await self._start()
                    line = await _next_line(process, request_line(requests, recent))
            except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
                await self.close()
                raise ReplierDied(type(error).__name__) from None
            except BaseException:
                await self.close()
                raise
        return drafts_of(line)

    async def close(self) -> None:
        """End the process, whatever it does."""
        process, self._process = self._process, None
        if process is not None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def _start(self) -> asyncio.subprocess.Process:
        home = str(Path(models.__file__).parents[1])
        paths = [home, os.environ.get("PYTHONPATH")]
        python_path = os.pathsep.join(path for path in paths if path)
        process = self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "models.replier.process", str(self._folder)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=LONGEST_LINE,
            env=os.environ | {"PYTHONPATH": python_path, "OMP_NUM_THREADS": "1"},
        )
        greeting = json.loads(await _next_line(process))
        if "version" not in greeting:
            raise ReplierAway(greeting["error"])
        return process


async def _next_line(process: asyncio.subprocess.Process, request: str | None = None) -> str:
    """The next line of the process, after `request` is written to it.

    Raises OSError and IncompleteReadError where the process has ended.
    """
    stdin, stdout = process.stdin, process.stdout
    if stdin is None or stdout is None:
        raise BrokenPipeError
    if request is not None:
        stdin.write(f"{request}\n".encode())
        await stdin.drain()
    return (await stdout.readuntil(b"\n")).decode()
