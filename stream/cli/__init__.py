"""The command line: `earshot COMMAND`. Each command is thin; what it does lives elsewhere."""

from stream.cli.main import main

__all__ = ["main"]
