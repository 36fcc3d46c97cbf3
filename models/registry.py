"""Registry of models that were released here: a directory each, and a mark for the one in use.

`use` and `rollback` move the mark.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.artifact import Artifact, ArtifactError, default_artifact, load_artifact

SHIPPED = "shipped"
_MARK = "in-use.json"
WORSE = 0.01  # fall of macro-F1 that a person is told of
COMPARED = "compared"  # in a story: its figures and those of its start, on the same rows
_REMEMBERED = 50  # changes that a rollback can go back through


@dataclass(frozen=True, slots=True)
class RegisteredModel:
    """One model of the registry. broken: one line of reason where it cannot be used."""

    version: str
    folder: Path
    in_use: bool
    shipped: bool = False
    broken: str | None = None


class Registry:
    """The models under one folder.

    Safe against a crash at any moment: a model is there whole, or not at all.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.expanduser()

    def current(self) -> Path:
        """The directory of the model in use: the shipped one until another was chosen."""
        version = self._history()[-1]
        return default_artifact() if version == SHIPPED else self.folder / version

    def known(self) -> list[RegisteredModel]:
        """The shipped model first, then the others by their names; broken ones with the reason."""
        now = self._history()[-1]
        version = load_artifact(default_artifact()).version
        models = [RegisteredModel(version, default_artifact(), now == SHIPPED, shipped=True)]
        for folder in sorted(self.folder.glob("*")):
            if not folder.is_dir() or folder.name.startswith("."):
                continue
            try:
                fit_to_serve(load_artifact(folder))
                broken = None
            except ArtifactError as error:
                broken = str(error)
            models.append(RegisteredModel(folder.name, folder, now == folder.name, broken=broken))
        return models

    def find(self, name: str) -> Artifact:
        """A model by its version, by the start of it, or `shipped`.

        Raises ArtifactError that names the models of the registry.
        """
        if name == SHIPPED:
            return load_artifact(default_artifact())
        known = self.known()
        exact = [model for model in known if model.version == name]
        matches = exact or [model for model in known if model.version.startswith(name)]
        if len(matches) != 1:
            versions = ", ".join(model.version for model in known)
            problem = "more than one model begins with" if matches else "there is no model"
            raise ArtifactError(
                f"{problem} {name!r}; there are: {versions}. Or give the directory of one"
            )
        return load_artifact(matches[0].folder)

    def use(self, model: str | Path) -> Artifact:
        """Make a model the one in use; a directory is copied in first.

        Workers load it at their next start. Raises ArtifactError when the model is broken or has
        not passed the gate; nothing changes then.
        """
        outside = Path(model).expanduser()
        artifact = load_artifact(outside) if outside.is_dir() else self.find(str(model))
        fit_to_serve(artifact)
        shipped = artifact.version == load_artifact(default_artifact()).version
        if not shipped and artifact.folder != self.folder / artifact.version:
            self._copy(artifact)
        name = SHIPPED if shipped else artifact.version
        history = self._history()
        if history[-1] != name:
            self._remember([*history, name])
        return artifact

    def rollback(self) -> Artifact:
        """Go back to the model that was in use before.

        Raises ArtifactError when there was none, or it is broken.
        """
        history = self._history()
        if len(history) < 2:
            raise ArtifactError("no other model was in use before this one")
        artifact = self.find(history[-2])
        fit_to_serve(artifact)
        self._remember(history[:-1])
        return artifact

    def _copy(self, artifact: Artifact) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        goal = self.folder / artifact.version
        with tempfile.TemporaryDirectory(dir=self.folder, prefix=".") as spare:
            whole = Path(spare) / "model"
            shutil.copytree(artifact.folder, whole)
            load_artifact(whole)  # the copy is the released model
            if goal.exists():  # from an earlier use: whole, or damaged since then
                goal.rename(Path(spare) / "earlier")
            whole.rename(goal)

    def _history(self) -> list[str]:
        try:
            mark = json.loads((self.folder / _MARK).read_text(encoding="utf-8"))
        except (FileNotFoundError, NotADirectoryError):
            return [SHIPPED]
        except (OSError, ValueError) as error:
            raise ArtifactError(
                f"{self.folder / _MARK} cannot be read ({error});"
                " remove it to use the shipped model"
            ) from None
        names = mark.get("history") if isinstance(mark, dict) else None
        if not names or not all(
            isinstance(name, str) and Path(name).name == name for name in names
        ):
            raise ArtifactError(
                f"{self.folder / _MARK} names no model; remove it to use the shipped one"
            )
        return list(names)

    def _remember(self, history: Sequence[str]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        spare = self.folder / f".{_MARK}.{os.getpid()}"
        mark = {"history": list(history)[-_REMEMBERED:]}
        spare.write_text(json.dumps(mark, indent=1) + "\n", encoding="utf-8")
        spare.replace(self.folder / _MARK)


def losses(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Parts of the validation texts of both stories on which the later model is clearly worse.

    A line each, as "airline.sentiment macro-F1 0.791, was 0.823", for a fall of more than WORSE.
    Parts that one of them alone was validated on cannot be compared. A model that learned on from
    the other has in its story, for every step between the two, the figures of both on the same
    held-out rows: these are compared, too.
    """
    steps = after.get(COMPARED) or []
    since = [step["with"] == before.get("version") for step in steps]
    compared = [(before.get("validation") or {}, after.get("validation") or {})]
    if any(since):
        compared += [(step["before"], step["after"]) for step in steps[since.index(True) :]]
    lines = []
    for then, now in compared:
        for part in then.keys() & now.keys():
            was, is_now = then[part].get("macro_f1"), now[part].get("macro_f1")
            if was is not None and is_now is not None and was - is_now > WORSE:
                lines.append(f"{part} macro-F1 {is_now:.3f}, was {was:.3f}")
    return sorted(lines)


def fit_to_serve(artifact: Artifact) -> None:
    """Raises ArtifactError unless the model's story has it pass every check of the gate."""
    checks: Any = artifact.story.get("gate")
    if not isinstance(checks, list) or not checks:
        raise ArtifactError(
            f"{artifact.version} tells of no gate that it passed; release it with `earshot train`"
        )
    failed = [str(check) for check in checks if not str(check).startswith("ok")]
    if failed:
        raise ArtifactError(f"{artifact.version} did not pass the gate: {failed[0]}")
