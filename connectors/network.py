"""A live network: its settings from `EARSHOT_<NETWORK>_*`, its sources and its replier."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import ClassVar, Protocol, Self

from pydantic import SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from connectors.base import ConnectorError, LiveSource, Replier


@dataclass(frozen=True, slots=True)
class ListenQuery:
    """What to listen for. brand: the brand of the events; None: whatever brand they name."""

    keywords: tuple[str, ...] = ()
    handles: tuple[str, ...] = ()
    brand: str | None = None


@dataclass(frozen=True, slots=True)
class BudgetSpent:
    """A brand's budget of a day is reached. spent, budget: in millionths of a dollar.

    then: the way of reading that follows (`stop`, ...). message: one line for an operator.
    """

    brand: str
    day: date
    spent: int
    budget: int
    then: str
    message: str

    def __str__(self) -> str:
        return self.message


class Ledger(Protocol):
    """The record of spending: a restart and other processes know of it."""

    async def add(
        self, brand: str, day: date, counts: Mapping[str, int], prices: Mapping[str, int]
    ) -> int:
        """Add to a day's spending and return the day's sum, in millionths of a dollar."""
        ...


def _ignore(_: object) -> None:
    """For a caller without an operator."""


@dataclass(frozen=True, slots=True)
class Context:
    """The program around a network.

    allow_private: may its addresses lie in a private network? on_line: called with a line for the
    operator. on_budget_spent: called once a day and brand, when the budget is reached.
    """

    ledger: Ledger
    allow_private: bool = False
    on_line: Callable[[str], None] = _ignore
    on_budget_spent: Callable[[BudgetSpent], None] = _ignore


class Network(BaseSettings):
    """Base class of a network's settings. A field `token` is EARSHOT_<NETWORK>_TOKEN.

    A subclass sets `env_prefix`, gives every field a default and a description, and opens sources.
    Secrets are SecretStr, so that no repr and no log line shows them.
    """

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    is_filtered: ClassVar[bool] = True  # by keywords and handles; False: it is read whole
    hides_deletions: ClassVar[bool] = False  # then stored posts are looked up once a day
    takes_pictures: ClassVar[bool] = False  # its replier is a PictureReplier

    @classmethod
    def from_environment(cls) -> Self:
        """Raises ConnectorError that names the variable and the values it takes."""
        try:
            return cls()
        except ValidationError as error:
            raise ConnectorError(wrong_setting(error, cls.model_config["env_prefix"])) from None

    @classmethod
    def can_answer(cls) -> bool:
        return cls.open_replier is not Network.open_replier

    @property
    def has_account(self) -> bool:
        """Is an account set that may answer and look posts up?"""
        return False

    @property
    def dollars_a_day(self) -> float | None:
        """A brand's budget of a day; None: the network is free."""
        return None

    def open_sources(self, query: ListenQuery, context: Context) -> list[LiveSource]:
        """The sources that hear of `query`; none is connected yet.

        Raises ConnectorError when a setting is missing, or nothing is left to listen for.
        """
        raise NotImplementedError

    def open_replier(self, brand: str, context: Context) -> Replier:
        """The account that answers. brand: its budget bears the costs. Raises ConnectorError."""
        raise ConnectorError("it takes no answers")


def wrong_setting(error: ValidationError, prefix: str) -> str:
    """The first fault as one line: the variable, and the values that it takes."""
    first = error.errors()[0]
    name = prefix + "_".join(str(part) for part in first["loc"]).upper()
    return f"{name}: {first['msg'].lower()}; see deploy/env.example"


def reveal(secret: SecretStr | None) -> str | None:
    """A secret as the network wants to have it."""
    return secret.get_secret_value() if secret is not None else None
