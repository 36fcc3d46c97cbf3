"""Ports for servers that start a while after their port was chosen."""

from __future__ import annotations

import itertools
import os
import socket

# Below those that the system gives to whoever asks for any: it would give one away in that while.
FIRST, OF_ONE, PROCESSES = 10_000, 1_000, 10

# Another run on the same machine begins elsewhere.
_numbers = itertools.count(os.getpid())


def free_port() -> int:
    """A port of this machine on which nobody listens, and which no other process of the tests is
    given.
    """
    process = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    for number in itertools.islice(_numbers, OF_ONE):
        port = FIRST + process % PROCESSES * OF_ONE + number % OF_ONE
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("every port for the tests is taken")
