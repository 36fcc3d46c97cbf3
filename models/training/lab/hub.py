"""Client of a hub of models: look-ups and uploads."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from huggingface_hub import HfApi
from huggingface_hub.errors import (
    HfHubHTTPError,
    HFValidationError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
)
from requests import RequestException

from models.training.errors import TrainingError

PATIENCE = 10.0  # seconds


class HubError(TrainingError):
    """The hub does not know the model, or cannot be reached."""


def only_cached(name: str) -> bool:
    """True where a model of this name can only come from the cache: no hub is reached.

    Raises HubError when the hub answers that there is none. A folder is not asked for.
    """
    if Path(name).expanduser().is_dir():
        return False
    try:
        with _quiet():
            HfApi().model_info(name, timeout=PATIENCE)
    except (RepositoryNotFoundError, HFValidationError):
        raise HubError(
            f"{name}: there is no such folder, and the hub gives no model of that name"
        ) from None
    except (OfflineModeIsEnabled, RequestException, OSError):
        return True
    return False


def push(folder: Path, name: str, *, private: bool = True) -> str:
    """Send a folder to the hub as the model `name` (created if need be); returns its address.

    The token is the one of `hf auth login` or HF_TOKEN. Raises HubError, one line, for a refused or
    unreachable hub.
    """
    files = [path for path in folder.iterdir() if path.is_file()] if folder.is_dir() else []
    if not any(path.suffix in (".safetensors", ".onnx") for path in files):
        raise HubError(f"{folder}: there are no weights to send (.safetensors or .onnx)")
    api = HfApi()
    try:
        with _quiet():
            created = api.create_repo(name, private=private, exist_ok=True)
            api.upload_folder(
                repo_id=created.repo_id, folder_path=folder, commit_message="Sent by earshot"
            )
    except HFValidationError as error:
        raise HubError(f"{name}: {_first(error)}") from None
    except HfHubHTTPError as error:
        code = error.response.status_code if error.response is not None else 0
        advice = _first(error)
        if code in (401, 403):
            advice = "log in with `hf auth login` or set HF_TOKEN"
        raise HubError(f"the hub refused {name} ({code}): {advice}") from None
    except (OfflineModeIsEnabled, RequestException, OSError) as error:
        raise HubError(
            f"the hub at {api.endpoint} cannot be reached ({type(error).__name__}); see HF_ENDPOINT"
        ) from None
    return str(created)


def _first(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the client's own lines about every try."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
