"""The soak itself: its events follow from the seed, its faults are all there, its checks see."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from datetime import UTC, datetime

import pytest
from soak.__main__ import Soak
from soak.checks import Check, compare
from soak.plan import KINDS, Fault, Size, at_portion, plan
from soak.report import write
from soak.state import Order, State
from soak.story import BROKEN_KEY, Story

STORY = Story(seed=3, events=2000, portion=200, ends=datetime(2026, 3, 12, tzinfo=UTC))


def test_the_same_seed_says_the_same_and_every_event_is_sent_in_some_portion():
    again = Story(seed=3, events=2000, portion=200, ends=STORY.ends)
    sent = [message for at in range(STORY.portions) for message in STORY.sent(at)]
    events = [json.loads(message.value) for message in sent if message.key != BROKEN_KEY]

    assert again.sent(4) == STORY.sent(4)
    assert {event["id"] for event in events} == STORY.ids
    assert {event["kind"] for event in events} == {"tweet", "complaint", "transcript", "deleted"}
    assert len(events) > STORY.events, "some are repeated"
    assert len(sent) > len(events), "some are broken"
    assert Story(4, 2000, 200, STORY.ends).sent(4) != STORY.sent(4)


def test_an_id_has_no_two_contents_with_one_revision():
    contents: dict[tuple[str, int], str] = {}
    for number in range(STORY.events):
        event = STORY.event(number)
        key = (event.id, event.revision)
        assert contents.setdefault(key, event.model_dump_json()) == event.model_dump_json()


@pytest.mark.parametrize("kills", [10, 20, 100])
def test_every_kind_of_fault_is_planned_and_none_after_the_last_portion(kills):
    faults = plan(1, 40, Size(kills=kills, others=kills // 10 or 1, brokers=3))
    counts = Counter(fault.kind for fault in faults)

    assert set(counts) == set(KINDS)
    assert counts["kill"] + counts["term"] == kills
    assert [fault.portion for fault in faults] == sorted(fault.portion for fault in faults)
    assert faults[-1].portion < 39


@pytest.mark.parametrize(
    ("left", "right", "faults"),
    [
        ([("a", "1"), ("b", "2")], [("a", "1"), ("b", "2")], 0),
        ([("a", "1")], [("a", "1"), ("b", "2")], 1),
        ([("a", "1"), ("b", "2")], [("b", "2")], 1),
        ([("a", '{"n": 1}')], [("a", '{"n": 2}')], 1),
        ([], [("a", "1"), ("b", "2")], 2),
        ([("b", "2")], [("a", "1"), ("c", "3")], 3),
    ],
)
def test_rows_are_compared_one_by_one(left, right, faults):
    async def rows(pairs):
        for pair in pairs:
            yield pair

    check = Check("rows")
    asyncio.run(compare(check, rows(left), rows(right)))

    assert check.faults == faults


def test_an_order_goes_on_where_it_stopped_and_no_other_one_does(tmp_path):
    order = Order(seed=1, events=100, brokers=3, kills=10, others=2, longest=5.0)
    state = State.read(tmp_path / "state.json", order)
    state.portion = 7
    state.write(tmp_path / "state.json")

    later = Order(seed=1, events=100, brokers=3, kills=10, others=2, longest=5.0)
    assert State.read(tmp_path / "state.json", later).portion == 7
    with pytest.raises(SystemExit, match="name another --folder"):
        State.read(tmp_path / "state.json", Order(2, 100, 3, 10, 2, 5.0))


class Recorded:
    """Faults that are noted; the last one is not survived."""

    def __init__(self, survived: int) -> None:
        self.done: list[str] = []
        self._survived = survived

    async def do(self, fault: Fault) -> int:
        if len(self.done) == self._survived:
            raise KeyboardInterrupt
        self.done.append(fault.kind)
        return 3


def test_a_sitting_that_is_killed_has_written_down_which_faults_were_done(tmp_path):
    order = Order(seed=1, events=100, brokers=3, kills=10, others=2, longest=5.0)
    soak, faults = Soak(tmp_path, order, None, None), Recorded(survived=2)

    async def sitting():
        for fault in soak.faults:
            await soak._one(fault, faults)

    with pytest.raises(KeyboardInterrupt):
        asyncio.run(sitting())

    later = Soak(tmp_path, order, None, None)
    assert later.state.faults == 2
    assert [fault["kind"] for fault in later.state.log] == faults.done
    assert later.state.seconds > 0
    left = [fault for at in range(40) for fault in at_portion(later.faults[2:], at)]
    assert left == later.faults[2:]


def test_the_report_says_what_is_wrong_and_whether_the_promises_were_kept(tmp_path):
    state = State(Order(1, 100, 3, 10, 2, 5.0))
    good = {"promise": "lag is 0", "amount": 1, "faults": 0, "wrong": []}
    bad = {"promise": "all stored", "amount": 9, "faults": 1, "wrong": ["x:7 is lost"]}
    state.checks = [good]
    assert write(state, {}, tmp_path)
    state.checks = [good, bad]
    assert not write(state, {"disk full": "only root may"}, tmp_path)

    words = (tmp_path / "soak.md").read_text()
    assert "all stored: `x:7 is lost`" in words
    assert "| left out: disk full | only root may |" in words
    assert json.loads((tmp_path / "soak.json").read_text())["kept"] is False
