"""A worker for the embedded broker, started where none runs."""

from __future__ import annotations

from contextlib import AsyncExitStack

from stream.bootstrap.parts import Parts
from stream.bootstrap.worker_process import OwnWorker, worker_process
from stream.disk import refuse_full_disk


class LocalWorker:
    """The worker that a command starts beside itself when the embedded broker has no other."""

    def __init__(self, running: Parts, stack: AsyncExitStack) -> None:
        self.own: OwnWorker | None = None
        self._running = running
        self._stack = stack

    def ensure(self) -> None:
        """Start a worker where no other runs; another one may leave at any time.

        Raises UserError when the own worker has ended, and when the disk is full.
        """
        if self._running.embedded is not None:
            refuse_full_disk(self._running.settings.home)
        if self.own:
            self.own.check()
        elif self._running.broker_is_embedded and not self._running.has_worker():
            self.own = self._stack.enter_context(worker_process(self._running.settings.home))
