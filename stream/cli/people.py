"""`earshot user`: accounts of the desk; and `earshot forget`: a person's right to be forgotten."""

from __future__ import annotations

import getpass
import secrets
import sys
from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer
from rich.console import Console
from rich.table import Table

from stream.cli.on_store import run_on_parts, run_on_store
from stream.cli.options import JsonLines
from stream.cli.plain import plain
from stream.cli.records import print_json
from stream.errors import UserError

if TYPE_CHECKING:
    from stream.accounts.users import People

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

Temporary = Annotated[
    bool,
    typer.Option("--temporary", help="They must choose another password when they log in."),
]

group = typer.Typer(
    no_args_is_help=True,
    help="Who may log in to the console: add, list, role, password, disable, enable.",
)


def add_to(app: typer.Typer) -> None:
    app.add_typer(group, name="user")
    app.command()(forget)


@group.command()
def add(
    name: Name,
    role: Annotated[
        RoleName, typer.Option(help="Each may do what those before it may.")
    ] = RoleName.agent,
    brand: Brands = None,
    without_password: Annotated[
        bool, typer.Option("--without-password", help="They log in by single sign-on alone.")
    ] = False,
    temporary: Temporary = False,
) -> None:
    """Make a user. The password is asked for, or read from standard input.

    With single sign-on (EARSHOT_OIDC_ISSUER) the name is the address that the provider
    tells.
    """
    password = secrets.token_urlsafe(48) if without_password else _password()
    user = _on_people(
        lambda people: people.add(name, password, role.value, brand, temporary=temporary)
    )
    print(f"{user.name} may log in as {user.role}{_bound(user.brands)}")


@group.command("list")
def list_users(as_json: JsonLines = False) -> None:
    """Everybody who may log in, or could once."""
    users = _on_people(lambda people: people.list())
    if as_json:
        print_json(
            {
                "name": user.name,
                "role": user.role,
                "brands": None if user.brands is None else sorted(user.brands),
                "disabled_at": user.disabled_at,
            }
            for user in users
        )
        return
    table = Table(box=None, padding=(0, 2))
    for column in ("name", "role", "brands", ""):
        table.add_column(column)
    for user in users:
        bound = "all" if user.brands is None else ", ".join(sorted(user.brands)) or "none"
        state = "disabled" if user.disabled_at else ""
        table.add_row(plain(user.name), user.role, plain(bound), state)
    Console().print(table)


@group.command()
def role(
    name: Name,
    role: Annotated[RoleName, typer.Argument(help="The new role.")],
    brand: Annotated[
        list[str] | None,
        typer.Option("--brand", help="Bind them to this brand; repeatable. Else as before."),
    ] = None,
    all_brands: Annotated[
        bool, typer.Option("--all-brands", help="Bind them to no brand: they see all.")
    ] = False,
) -> None:
    """Give a user another role. They are logged out.

    Their brands stay what they are, unless --brand or --all-brands says otherwise.
    """
    if brand and all_brands:
        raise UserError("--brand and --all-brands say two things; give one of them")
    if brand or all_brands:
        _on_people(lambda people: people.set_role(name, role.value, brand or None))
        user = _on_people(lambda people: people.find(name))
    else:
        user = _on_people(lambda people: people.change_role(name, role.value))
    print(f"{user.name} is {user.role} now{_bound(user.brands)}")


@group.command()
def password(name: Name, temporary: Temporary = False) -> None:
    """Set a new password, asked for or read from standard input. They are logged out.

    Needs the login of the database. In the console people change their own: a click on
    their name.
    """
    new = _password()
    _on_people(lambda people: people.set_password(name, new, temporary=temporary))
    print(f"{name} has a new password")


@group.command()
def disable(name: Name) -> None:
    """Let a user log in no more. What they did stays in the history."""
    _on_people(lambda people: people.disable(name))
    print(f"{name} can log in no more")


@group.command()
def enable(name: Name) -> None:
    """Let a disabled user log in again."""
    _on_people(lambda people: people.enable(name))
    print(f"{name} may log in again")


def forget(
    author: Annotated[
        str,
        typer.Option(help="Their handle, address or id: with or without @, in any case."),
    ],
    network: Annotated[
        str | None, typer.Option(help="Only on this network (x, bluesky, ...).")
    ] = None,
    confirmed: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Remove what a person wrote: texts, embeddings, drafts and dead letters. Tombstones keep it
    from coming back.
    """
    from stream.bootstrap.jobs import count_theirs, forget_author

    if not confirmed:
        theirs = run_on_parts(
            "people", lambda running: count_theirs(running, author, network=network), broker=False
        )
        typer.confirm(f"{plain(str(theirs))}: remove? This cannot be undone", abort=True)
    removed = run_on_parts(
        "people",
        lambda running: forget_author(running, author, by=getpass.getuser(), network=network),
    )
    print(
        f"{removed.messages} messages, {removed.drafts} drafts and {removed.dead_letters} dead"
        f" letters of {author} are removed"
    )


def _on_people(work: Callable[[People], Awaitable[T]]) -> T:
    from stream.bootstrap.stores import open_people

    return run_on_store("people", open_people, work)


def _password() -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    first = getpass.getpass("Password: ")
    if first != getpass.getpass("Again: "):
        raise UserError("the two passwords differ; nothing was changed")
    return first


def _bound(brands: frozenset[str] | None) -> str:
    scope = "all brands" if brands is None else ", ".join(sorted(brands)) or "no brand"
    return f", for {scope}"
