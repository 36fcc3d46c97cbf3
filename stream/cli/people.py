"""Commands about people: who may use the desk, and who asks to be forgotten."""

from __future__ import annotations

import asyncio
import getpass
import json
import secrets
import sys
from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer
from rich.console import Console
from rich.table import Table

from stream.cli.show import plain
from stream.errors import UserError
from stream.observe.logs import set_up_logs
from stream.settings import read_settings

if TYPE_CHECKING:
    from stream.accounts.users import People
    from stream.bootstrap.parts import Parts

T = TypeVar("T")


class RoleName(StrEnum):
    viewer = "viewer"
    agent = "agent"
    lead = "lead"
    admin = "admin"


Name = Annotated[str, typer.Argument(help="The name that they log in with.")]
Brands = Annotated[
    list[str] | None, typer.Option("--brand", help="Bind them to this brand; repeatable. Else all.")
]

user = typer.Typer(
    no_args_is_help=True,
    help="Who may log in to the desk: add, list, role, password, disable, enable.",
)


def add_to(app: typer.Typer) -> None:
    app.add_typer(user, name="user")
    app.command()(forget)


@user.command()
def add(
    name: Name,
    role: Annotated[
        RoleName, typer.Option(help="Each may do what those before it may.")
    ] = RoleName.agent,
    brand: Brands = None,
    without_password: Annotated[
        bool, typer.Option("--without-password", help="They log in by single sign-on alone.")
    ] = False,
) -> None:
    """Make a user. The password is asked for, or read from standard input.

    With single sign-on (EARSHOT_OIDC_ISSUER) the name is the address that the provider
    tells.
    """
    password = secrets.token_urlsafe(48) if without_password else _password()
    made = _run(lambda people: people.add(name, password, role.value, brand))
    print(f"{made.name} may log in as {made.role}{_bound(made.brands)}")


@user.command("list")
def list_users() -> None:
    """Everybody who may log in, or could once."""
    found = _run(lambda people: people.list())
    if not sys.stdout.isatty():
        for one in found:
            brands = None if one.brands is None else sorted(one.brands)
            disabled = one.disabled_at and one.disabled_at.isoformat()
            print(
                json.dumps(
                    {"name": one.name, "role": one.role, "brands": brands, "disabled_at": disabled}
                )
            )
        return
    table = Table(box=None, padding=(0, 2))
    for column in ("name", "role", "brands", ""):
        table.add_column(column)
    for one in found:
        bound = "all" if one.brands is None else ", ".join(sorted(one.brands)) or "none"
        table.add_row(
            plain(one.name), one.role, plain(bound), "disabled" if one.disabled_at else ""
        )
    Console().print(table)


@user.command()
def role(
    name: Name,
    role: Annotated[RoleName, typer.Argument(help="The new role.")],
    brand: Brands = None,
) -> None:
    """Give a user another role or other brands. They are logged out."""
    _run(lambda people: people.set_role(name, role.value, brand))
    print(f"{name} is {role.value} now{_bound(None if brand is None else frozenset(brand))}")


@user.command()
def password(name: Name) -> None:
    """Set a new password, asked for or read from standard input. They are logged out."""
    new = _password()
    _run(lambda people: people.set_password(name, new))
    print(f"{name} has a new password")


@user.command()
def disable(name: Name) -> None:
    """Let a user log in no more. What they did stays in the history."""
    _run(lambda people: people.disable(name))
    print(f"{name} can log in no more")


@user.command()
def enable(name: Name) -> None:
    """Let a disabled user log in again."""
    _run(lambda people: people.enable(name))
    print(f"{name} may log in again")


def forget(
    author: Annotated[
        str, typer.Option(help="The author as stored in `events`: a handle, or the network's id.")
    ],
    network: Annotated[
        str | None, typer.Option(help="Only on this network (x, bluesky, ...).")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Remove what a person wrote: texts, embeddings, drafts and dead letters. Tombstones keep it
    from coming back.
    """
    from stream.desk.erasure import forget as remove
    from stream.pipeline import outgoing

    if not yes:
        typer.confirm(f"Remove everything that {author} wrote? This cannot be undone", abort=True)

    async def work(found: Parts) -> Any:
        async with found.engine() as engine, found.kafka.publisher() as publisher:
            await found.kafka.declare_topics()
            return await remove(
                engine,
                author,
                actor=getpass.getuser(),
                network=network,
                publish=lambda saved: publisher.publish(outgoing(saved)),
            )

    gone = _with_parts(work, broker=True)
    print(
        f"{gone.messages} messages, {gone.drafts} drafts and {gone.dead_letters} dead letters of {author} are removed"
    )


def _run(work: Callable[[People], Awaitable[T]]) -> T:
    async def with_people(found: Parts) -> T:
        from stream.accounts.users import People

        async with found.engine() as engine:
            return await work(People(engine))

    return _with_parts(with_people, broker=False)


def _with_parts(work: Callable[[Parts], Awaitable[T]], *, broker: bool) -> T:
    from stream.bootstrap.parts import ensure_migrated, parts

    settings = read_settings()
    set_up_logs(settings, quiet=True)

    async def run() -> T:
        async with parts(settings, "people", broker=broker) as found:
            await ensure_migrated(found)
            return await work(found)

    return asyncio.run(run())


def _password() -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    first = getpass.getpass("Password: ")
    if first != getpass.getpass("Again: "):
        raise UserError("the two passwords differ; nothing was changed")
    return first


def _bound(brands: frozenset[str] | None) -> str:
    return "" if brands is None else f", for {', '.join(sorted(brands)) or 'no brand'}"
