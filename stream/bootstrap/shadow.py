"""Shadow: a released model beside the one in use, in a process of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from models.artifact import STORY, Artifact, is_classifier
from models.registry import fit_to_serve
from stream.bootstrap.loading import (
    artifact_in_use,
    judge_with,
    load_analyzer,
    load_brands,
    model_registry,
)
from stream.bootstrap.parts import ensure_migrated, parts
from stream.errors import UserError
from stream.settings import Settings
from stream.shadow.rejudge import Rejudge
from stream.shadow.store import Shadows
from stream.shadow.watch import Look, Watch


def released(settings: Settings, name: str) -> Artifact:
    """The model to judge beside the one in use: a version, the start of one, or its directory.

    Raises ArtifactError and UserError, one line, for what is no model of all heads that passed the
    gate, and for the one in use.
    """
    from models.artifact import load_artifact

    folder = Path(name).expanduser()
    if is_classifier(folder):
        raise UserError(
            f"{name} says sentiment alone; a shadow needs a model of all heads (see"
            " models/README.md)"
        )
    if not (folder / STORY).is_file() and (folder / "model" / STORY).is_file():
        folder /= "model"  # the folder of a run
    artifact = load_artifact(folder) if folder.is_dir() else model_registry(settings).find(name)
    fit_to_serve(artifact)
    if artifact.version == artifact_in_use(settings).version:
        raise UserError(
            f"{artifact.version} is the model in use: name another one to judge beside it"
        )
    return artifact


async def run_shadow(
    settings: Settings,
    artifact: Artifact,
    share: float,
    on_start: Callable[[], None],
    on_look: Callable[[Look], None],
) -> None:
    """Judge a share of the live messages until somebody asks it to stop, or it is cancelled.

    Raises UserError where another process runs this shadow.
    """
    own = settings.model_copy(update={"model": artifact.folder, "threads": 1})
    async with parts(settings, "shadow", broker=False) as running:
        await ensure_migrated(running)
        async with running.engine() as engine:
            shadows = Shadows(engine)
            async with shadows.alone(artifact.version) as alone:
                if not alone:
                    raise UserError(
                        f"{artifact.version} judges already, in another process; stop it with"
                        " `earshot model stop-shadow`"
                    )
                rejudge = await asyncio.to_thread(_rejudge, own)
                on_start()
                await Watch(shadows, rejudge, artifact.version, share).run(on_look)


def _rejudge(settings: Settings) -> Rejudge:
    brands = load_brands(settings)
    return Rejudge(judge_with(settings, load_analyzer(settings), brands), brands)
