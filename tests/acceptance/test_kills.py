"""Whatever dies, at any moment: no accepted event is lost, and no event counts twice."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from acceptance.corpus import shuffled_with_repeats
from acceptance.kills import Kill, check_kills, check_published, check_same, feed_and_kill
from acceptance.stage import Outcome, Stage

from connectors.events import Event

FEW, MANY = 4, 10  # kills
WITHOUT_POSTGRES = (2, 5, 8)  # of them
FEW_WITHOUT_POSTGRES = (1, 3)


async def test_neither_kills_nor_the_order_of_the_events_nor_repeats_change_a_ticket(
    stage: Stage, few_tweets: Sequence[Event], undisturbed_few: Outcome
):
    """The whole promise on 4,000 events; the long tests have it on 20,000."""
    sent = shuffled_with_repeats(few_tweets, seed=2)

    kills = await feed_and_kill(
        stage, sent, kills=FEW, hard=FEW // 2, away=FEW_WITHOUT_POSTGRES, seed=2
    )

    await check(stage, kills, undisturbed_few, at_least=FEW, away=2)


@pytest.mark.by_hand
@pytest.mark.long
async def test_workers_that_die_leave_the_same_tickets_as_workers_that_live(
    stage: Stage, tweets: Sequence[Event], undisturbed: Outcome
):
    kills = await feed_and_kill(
        stage, tweets, kills=MANY, hard=MANY // 2, away=WITHOUT_POSTGRES, seed=1
    )

    await check(stage, kills, undisturbed)


@pytest.mark.long
async def test_neither_the_order_of_the_events_nor_repeats_change_a_ticket(
    stage: Stage, tweets: Sequence[Event], undisturbed: Outcome
):
    sent = shuffled_with_repeats(tweets, seed=2)

    kills = await feed_and_kill(
        stage, sent, kills=MANY, hard=MANY // 2, away=WITHOUT_POSTGRES, seed=3
    )

    await check(stage, kills, undisturbed)


async def check(
    stage: Stage,
    kills: Sequence[Kill],
    undisturbed: Outcome,
    *,
    at_least: int = MANY,
    away: int = len(WITHOUT_POSTGRES),
) -> None:
    """The kills met work under way, and nothing of it is lost, double or untold."""
    check_kills(kills, total=len(undisturbed.events), at_least=at_least, away=away)
    assert any(ticket["level"] == "P1" for ticket in undisturbed.tickets.values())
    check_same(await stage.outcome(), undisturbed)
    await check_published(stage)
