"""Users whose passwords are hashed at once: a real hash takes a fifth of a second and 64 MiB each
time.
"""

from __future__ import annotations

from argon2 import PasswordHasher
from sqlalchemy.ext.asyncio import AsyncEngine

from stream.accounts.users import People

CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


def quick_people(engine: AsyncEngine) -> People:
    return People(engine, CHEAP)
