"""The bell of drafts: whoever stores tickets rings it, once they are published."""

from __future__ import annotations

import pytest
from fakes import Published

from stream.bootstrap.worker import _ringing
from stream.errors import BrokerAway
from stream.kafka import Outgoing

ANALYSIS = Outgoing("analyses", "x:1", b"{}")
TICKET = Outgoing("tickets", "x:1", b"{}")


class Bell:
    def __init__(self) -> None:
        self.rung = 0

    def ring(self) -> None:
        self.rung += 1


@pytest.mark.parametrize(
    ("messages", "rung"), [([], 0), ([ANALYSIS], 0), ([ANALYSIS, TICKET, TICKET], 1)]
)
async def test_tickets_that_are_published_ring_once_and_nothing_else_does(messages, rung):
    published, bell = Published(), Bell()

    await _ringing(published, bell)(messages)

    assert published.messages == messages
    assert bell.rung == rung


async def test_what_could_not_be_published_rings_when_it_is():
    published, bell = Published(), Bell()
    published.failures = [BrokerAway("gone")]
    publish = _ringing(published, bell)

    with pytest.raises(BrokerAway):
        await publish([TICKET])
    assert bell.rung == 0
    await publish([TICKET])
    assert bell.rung == 1
