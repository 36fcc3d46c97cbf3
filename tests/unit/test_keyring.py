"""Who asks, and how much each may send."""

from __future__ import annotations

import asyncio

import pytest
from serving import TOKEN, Keys
from starlette.exceptions import HTTPException

from stream.accounts.api_keys import looks_like_token, new_token
from stream.errors import DatabaseAway
from stream.web.auth.keyring import GRACE, REMEMBERED, STRANGERS, KeyRing, TokenBucket

OTHER = "earshot_" + "b" * 43


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def ring(keys: Keys, clock: Clock, rate: float = 10.0, burst: float = 20.0) -> KeyRing:
    return KeyRing(keys.find, rate=rate, burst=burst, clock=clock)


def test_a_bucket_refills_at_its_rate_and_holds_no_more_than_its_burst():
    clock = Clock()
    bucket = TokenBucket(10.0, 20.0, clock)

    assert [bucket.take(15), bucket.take(15)] == [0.0, 1.0]
    clock.now += 1.0
    assert bucket.take(15) == 0.0
    clock.now += 1000.0
    assert bucket.take(20) == 0.0
    assert bucket.take(1) == pytest.approx(0.1)


def test_every_token_is_new_and_is_known_by_its_looks():
    tokens = {new_token() for _ in range(100)}

    assert len(tokens) == 100
    assert all(looks_like_token(token) for token in tokens)
    assert not any(
        looks_like_token(given) for given in ("", "earshot_", "hunter2", TOKEN + "a", TOKEN + "\n")
    )


async def test_a_key_is_looked_up_once_however_many_ask_at_the_same_time():
    keys, clock = Keys(), Clock()
    known = ring(keys, clock)

    found = await asyncio.gather(*(known.key(TOKEN) for _ in range(50)))

    assert {key.name for key in found} == {"key 1"}
    assert keys.asked == 1


async def test_a_revoked_key_opens_nothing_after_a_few_seconds():
    keys, clock = Keys(), Clock()
    known = ring(keys, clock)
    assert await known.key(TOKEN) is not None
    keys.known.clear()

    clock.now += REMEMBERED - 0.1
    assert await known.key(TOKEN) is not None
    clock.now += 0.2
    assert await known.key(TOKEN) is None


async def test_a_known_key_still_counts_for_a_while_when_the_database_is_away():
    keys, clock = Keys(), Clock()
    known = ring(keys, clock)
    await known.key(TOKEN)
    keys.away = True

    clock.now += GRACE
    assert await known.key(TOKEN) is not None
    clock.now += REMEMBERED + 1
    with pytest.raises(DatabaseAway):
        await known.key(TOKEN)


async def test_what_is_no_token_never_reaches_the_database_and_guessing_is_slow():
    keys, clock = Keys(), Clock()
    known = ring(keys, clock)

    assert await known.key("'; drop table api_keys") is None
    assert keys.asked == 0
    for _ in range(int(STRANGERS)):
        assert await known.key(OTHER) is None
    with pytest.raises(HTTPException) as refused:
        await known.key(OTHER)
    assert refused.value.status_code == 429
    assert keys.asked == STRANGERS


async def test_each_key_has_its_own_allowance():
    keys, clock = Keys(**{OTHER: ["analyze"]}), Clock()
    known = ring(keys, clock, rate=10.0, burst=20.0)
    first, second = await known.key(TOKEN), await known.key(OTHER)
    assert first
    assert second

    known.charge(first, 20)
    with pytest.raises(HTTPException) as refused:
        known.charge(first, 15)
    assert (refused.value.status_code, refused.value.headers) == (429, {"Retry-After": "2"})
    known.charge(second, 20)
    with pytest.raises(HTTPException) as refused:
        known.charge(second, 21)
    assert refused.value.status_code == 413, "no waiting would ever be enough"
