"""Guesses of passwords: slowed by address and by name, and by device where it is known.

The devices are cookies (OWASP, Slow Down Online Guessing Attacks with Device Cookies): a browser
from which a person has logged in has a count of its own, so that nobody else's guesses keep them
out.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from stream.accounts.users import User
from stream.postgres.database import reachable, storable
from stream.postgres.tables import failed_logins, login_devices, users

# Wrong passwords within the window before the next one must wait:
FREE_GUESSES = 5  # of one name from one address, or from one device that is known
FREE_GUESSES_OF_ADDRESS = 20  # of any name
FREE_GUESSES_OF_NAME = 50  # from anywhere but known devices
WINDOW = timedelta(minutes=15)
REMEMBERED = timedelta(days=180)  # that a device is known after its last login
MOST_DEVICES = 20  # of one person; the oldest is forgotten

_LONGEST_NAME = 200  # characters of a name that nobody has are kept


class TooManyGuesses(Exception):
    """seconds: how long until the next guess is looked at."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"too many wrong passwords; try again in {seconds} s")
        self.seconds = seconds


@dataclass(frozen=True, slots=True)
class Guess:
    """Who tries to log in. device: its digest, where the owner of the name has logged in from it.

    is_user: somebody has the name.
    """

    name: str
    address: str
    device: bytes | None = None
    is_user: bool = False

    @property
    def origin(self) -> str:
        """Whose guesses count together: the device, or the address; of IPv6 the network of 64 bits,
        which one client has for itself.
        """
        if self.device is not None:
            return f"device {self.device.hex()}"
        return _network(self.address)


class Guesses:
    """The tables `failed_logins` and `login_devices`, which the owner role alone can read."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def begin(self, name: str, address: str, device: str = "") -> Guess:
        """device: the cookie of it, where there is one. Raises TooManyGuesses."""
        name = storable(name)[:_LONGEST_NAME]
        digest = _digest(device) if device else None
        known = select(users.c.id, login_devices.c.digest).select_from(
            users.outerjoin(
                login_devices,
                and_(
                    login_devices.c.user_id == users.c.id,
                    login_devices.c.digest == digest,
                    login_devices.c.used_at > func.now() - REMEMBERED,
                ),
            )
        )
        async with reachable(), self._engine.connect() as connection:
            row = (await connection.execute(known.where(users.c.name == name))).first()
        is_known = row is not None and row.digest is not None
        guess = Guess(name, address, digest if is_known else None, row is not None)
        await self.refuse(guess)
        return guess

    async def refuse(self, guess: Guess) -> None:
        """Raises TooManyGuesses: the first few are free, then the wait doubles up to a minute.

        A guess that is refused is not looked at, and does not count.
        """
        counted = [
            _counted(and_(failed_logins.c.name == guess.name, _of_origin(guess)), FREE_GUESSES)
        ]
        if guess.device is None:
            strange = failed_logins.c.device.is_(None)
            of_address = and_(strange, failed_logins.c.address == guess.origin)
            of_name = and_(strange, failed_logins.c.name == guess.name)
            counted.append(_counted(of_address, FREE_GUESSES_OF_ADDRESS))
            counted.append(_counted(of_name, FREE_GUESSES_OF_NAME))
        waits = []
        async with reachable(), self._engine.connect() as connection:
            for query, free in counted:
                count, latest, now = (await connection.execute(query)).one()
                waits.append(_seconds_left(count - free, latest, now))
        if max(waits):
            raise TooManyGuesses(max(waits))

    async def note(self, guess: Guess) -> None:
        """It was wrong."""
        failure = {"name": guess.name, "address": _network(guess.address), "device": guess.device}
        async with reachable(), self._engine.begin() as connection:
            await connection.execute(insert(failed_logins).values(failure | {"at": func.now()}))

    async def forgive(self, connection: AsyncConnection, guess: Guess, user: User) -> str:
        """It was right: the count of this origin begins anew, nobody else's. Returns the new cookie
        of the device, which is known from now on.
        """
        of_both = and_(failed_logins.c.name == guess.name, _of_origin(guess))
        await connection.execute(delete(failed_logins).where(of_both))
        if guess.device is not None:
            known = login_devices.c.digest == guess.device
            await connection.execute(delete(login_devices).where(known))
        device = secrets.token_urlsafe(32)
        of_user = login_devices.c.user_id == user.id
        newest = select(login_devices.c.digest).where(of_user)
        newest = newest.order_by(login_devices.c.used_at.desc()).limit(MOST_DEVICES - 1)
        await connection.execute(
            delete(login_devices).where(of_user, login_devices.c.digest.not_in(newest))
        )
        entry = {"digest": _digest(device), "user_id": user.id, "used_at": func.now()}
        await connection.execute(insert(login_devices).values(entry))
        return device


def _counted(condition: ColumnElement[bool], free: int) -> tuple[Select[int, Any, datetime], int]:
    query = select(func.count(), func.max(failed_logins.c.at), func.now())
    return query.where(condition, failed_logins.c.at > func.now() - WINDOW), free


def _of_origin(guess: Guess) -> ColumnElement[bool]:
    if guess.device is not None:
        return failed_logins.c.device == guess.device
    return and_(failed_logins.c.device.is_(None), failed_logins.c.address == guess.origin)


def _seconds_left(beyond: int, latest: datetime | None, now: datetime) -> int:
    """beyond: guesses after the free ones. latest: the time of the last guess."""
    if latest is None or beyond < 0:
        return 0
    wait = min(60, 2 ** min(6, beyond)) - (now - latest).total_seconds()
    return max(0, int(wait + 0.999))


def _network(address: str) -> str:
    try:
        known = ip_address(address)
    except ValueError:
        return address
    if not isinstance(known, IPv6Address):
        return str(known)
    if known.ipv4_mapped is not None:
        return str(known.ipv4_mapped)
    return str(ip_network((int(known), 64), strict=False))


def _digest(device: str) -> bytes:
    return hashlib.sha256(device.encode("utf-8", "replace")).digest()
