"""Reader of recipes: TOML files with the differences from a dataclass of every choice of a run."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from models.training.errors import TrainingError

# Where a run computes; auto: on a GPU where there is one.
Device = Literal["auto", "cpu", "cuda"]

MINILM = "all-MiniLM-L6-v2"  # the base that comes with the package

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Settings = dict[str, Any]
R = TypeVar("R", bound="DataclassInstance")


class RecipeError(TrainingError):
    """The recipe cannot be followed."""


def recipe_of(
    kind: type[R], path: Path, wrong: Callable[[Settings], str | None] = lambda _: None
) -> R:
    """The recipe in a file. wrong: what else is wrong with the settings, None where nothing is.

    Raises RecipeError, one line, for a file that cannot be read and for a setting that is unknown
    or of another type.
    """
    try:
        settings = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RecipeError(f"{path}: the recipe cannot be read ({error.strerror})") from None
    except ValueError as error:
        raise RecipeError(f"{path}: the recipe is no TOML ({error})") from None
    if unknown := set(settings) - {field.name for field in fields(kind)}:
        raise RecipeError(f"{path}: unknown setting {', '.join(sorted(unknown))}")
    hints = get_type_hints(kind)
    mistyped = [_mistyped(name, value, hints[name]) for name, value in settings.items()]
    reason = next(filter(None, mistyped), None) or wrong(settings)
    if reason:
        raise RecipeError(f"{path}: {reason}")
    return kind(
        **{
            name: tuple(value) if isinstance(value, list) else value
            for name, value in settings.items()
        }
    )


def _mistyped(name: str, value: object, hint: Any) -> str | None:
    """The fault of a value of a field, None without one.

    hint: a Literal, a tuple of one kind, or a plain type.
    """
    if get_origin(hint) is Literal:
        choices = get_args(hint)
        return None if value in choices else f"{name} is {' or '.join(choices)}, not {value!r}"
    if get_origin(hint) is tuple:
        return _mistyped_list(name, value, get_args(hint)[0])
    kinds = get_args(hint) or (hint,)
    accepted = (*kinds, int) if float in kinds else kinds
    if isinstance(value, accepted) and (bool in kinds or not isinstance(value, bool)):
        return None
    return f"{name} = {value!r} is no {kinds[0].__name__}"


def _mistyped_list(name: str, value: object, kind: type) -> str | None:
    if isinstance(value, list) and all(type(item) is kind for item in value):
        return None
    article = "an" if kind is int else "a"
    return f"{name} is a list, each {article} {kind.__name__}"
