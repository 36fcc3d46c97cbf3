"""Python interface: `import earshot` from any folder, as in a notebook; see models/README.md."""

from stream.bootstrap.python_api import Earshot, EarshotError, evaluate, load, train

__all__ = ["Earshot", "EarshotError", "evaluate", "load", "train"]
