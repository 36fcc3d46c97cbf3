"""The command line: `earshot COMMAND`. A command prints; the packages below do the work."""

import os

# numpy's products here are small: a second thread of its own costs more than it gives (6 ms for 1
# ms of work), and takes a core from the model. Must be said before numpy is loaded.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from stream.cli.main import main

__all__ = ["main"]
