"""Harm beside a calm matter: a message with both is not less urgent than the calm matter alone.

After CheckList's directional tests: shares of messages of our own, by the shipped model.
"""

from __future__ import annotations

import pytest
from leveled import P1, P2, levels_of

CALM = (
    "Where is my order? It was due on Tuesday.",
    "Can I change the delivery address of my parcel?",
    "The app shows last month's bill twice.",
    "What time does the branch on Mill Lane open on Sundays?",
    "My refund of 12 pounds has not come yet.",
    "I would like a copy of my contract, please.",
    "The train was twenty minutes late again this morning.",
    "The soup was cold and the waiter did not care.",
    "Thanks, the engineer came and everything works now.",
    "Lovely flight, the crew were great.",
    "Could you add a dark mode to the app?",
    "The blue shirt that I bought has lost a button.",
    "My seat on the flight to Oslo was changed, can I have a window?",
    "I was charged a booking fee that nobody told me about.",
    "How do I cancel the newsletter?",
    "Your website logs me out every time I go back a page.",
)
HARMS = (
    "There is smoke coming out of the socket.",
    "I smell gas in the kitchen and my head hurts.",
    "My daughter is not breathing properly after the meal.",
    "The battery is swelling and it burns my hand.",
    "I am going to kill myself tonight.",
    "Somebody is emptying my account right now, every minute another payment.",
    "The driver hit me in the face and I am bleeding.",
    "My grandfather is stuck in the lift and his chest hurts.",
    "Your van has left our six-year-old son alone at the depot.",
    "The oxygen machine of my mother has stopped.",
    "A man in the shop is threatening people with a knife.",
    "The ceiling has come down on my wife and she cannot move.",
    "Nobody at the care home can call an ambulance, the line is dead.",
    "We are stuck outside in the snow with a baby and no key.",
)
ORDERS = {
    "behind": lambda calm, harm: f"{calm} {harm}",
    "in front": lambda calm, harm: f"{harm} {calm}",
}

# Measured of 224 messages of each order: 0 and 1 are lower than their calm matter alone; 0.61 and
# 0.64 are P1, 0.75 and 0.78 at least P2. Under a calm question or thanks the model misses harm.
LOWER, LEAST_P1, LEAST_P2 = 0.02, 0.55, 0.7


@pytest.fixture(scope="module")
def calm() -> list[int]:
    return levels_of(CALM)


@pytest.mark.parametrize("order", ORDERS)
def test_harm_never_lowers_a_calm_message(calm, order):
    together = ORDERS[order]
    levels = levels_of([together(matter, harm) for matter in CALM for harm in HARMS])
    pairs = [
        (CALM[place // len(HARMS)], HARMS[place % len(HARMS)])
        for place, level in enumerate(levels)
        if level < calm[place // len(HARMS)]
    ]

    assert len(pairs) <= LOWER * len(levels), pairs
    assert sum(level == P1 for level in levels) >= LEAST_P1 * len(levels)
    assert sum(level >= P2 for level in levels) >= LEAST_P2 * len(levels)


def test_a_calm_message_is_no_alarm(calm):
    assert max(calm) < P2
