"""The made-up week that the pictures of the console show."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime, timedelta

from week import DAYS, brands_file, made_week

from stream.brands import brands_of

END = datetime(2026, 11, 29, 16, 0, tzinfo=UTC)


def test_the_same_end_gives_the_same_week_and_nothing_lies_outside_of_it():
    week = made_week(END)

    assert week == made_week(END)
    assert week != made_week(END, seed=2)
    moments = [event.occurred_at for event in week.events] + [act.at for act in week.acts]
    assert END - timedelta(days=DAYS) <= min(moments)
    assert max(moments) < END


def test_every_slot_is_filled_every_brand_is_known_and_acts_follow_what_they_are_about():
    week = made_week(END)
    brands = brands_of(tomllib.loads(brands_file())["brand"], "the week")

    assert {event.brand for event in week.events} == {brand.name for brand in brands}
    assert not [event.text for event in week.events if "{" in event.text]
    began = {event.id: event.occurred_at for event in week.events if event.id == event.conversation}
    assert all(began[act.ticket] < act.at for act in week.acts)
    first = [event.text for event in week.events if event.id in began]
    assert len(set(first)) > len(first) / 2, "people do not all write the same words"
