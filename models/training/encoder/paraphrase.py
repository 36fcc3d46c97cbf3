"""Paraphrases by a table of everyday words and turns, swapped by chance."""

from __future__ import annotations

import random
import re

SHARE = 0.5  # of the places where a swap is possible
# Each line holds what can stand for each other in most sentences, in small letters.
_GROUPS = """
cannot|can't|can not|am unable to
could not|couldn't|was unable to
do not|don't
does not|doesn't
did not|didn't
is not|isn't
are not|aren't
was not|wasn't
has not|hasn't
have not|haven't
will not|won't
would not|wouldn't
i am|i'm
i have|i've
it is|it's
you are|you're
nobody|no one|not anybody
nothing|not a thing
everybody|everyone
somebody|someone
again|once more|yet again
still|even now
because|since|as
although|even though
however|but
maybe|perhaps
also|too|as well
already|by now
immediately|at once|right away
today|this day
quick|fast
begin|start
ended|finished
help|assist
fix|repair|sort out
broken|not working|out of order
phone|telephone
called|phoned|rang
call|phone|ring
told|informed
answer|reply|respond
replied|answered|responded
asked|requested
wait|hold on
waiting|on hold
bought|purchased
buy|purchase
get|receive
got|received
need|require
want|would like
refund|money back
money|cash
pay|settle
paid|settled
wrong|incorrect
right|correct
bad|poor
terrible|awful|dreadful
horrible|appalling
great|excellent
good|fine
nice|pleasant
happy|pleased|glad
sad|unhappy
angry|mad|cross
rude|impolite
stupid|silly
big|large
small|little
trouble|difficulty
issue|problem
problems|issues|trouble
mistake|error
delayed|late|behind schedule
cancelled|canceled|called off
lost|missing
bag|luggage|suitcase
bags|luggage
plane|aircraft
trip|journey
staff|employees|people
agent|representative|rep
employee|worker
customer|client
company|firm|business
bill|invoice
charged|billed
charge|fee
price|cost
expensive|dear|costly
cheap|inexpensive
internet|connection
tv|television
film|movie
photo|picture
parcel|package
shop|store
website|site|web page
app|application
mail|email|e-mail
number|no.
a lot of|many|plenty of
lots of|many
all the time|constantly|always
each|every
about|around|roughly
hour|60 minutes
week|seven days
year|twelve months
"""
_ALTERNATIVES: dict[str, list[str]] = {}
for _line in _GROUPS.split("\n"):
    _words = _line.split("|")
    for _word in _words:
        _ALTERNATIVES.setdefault(_word, []).extend(other for other in _words if other != _word)
del _ALTERNATIVES[""]
_ANY = re.compile(
    r"\b(?:" + "|".join(sorted(map(re.escape, _ALTERNATIVES), key=len, reverse=True)) + r")\b",
    re.IGNORECASE,
)


def reworded(text: str, chance: random.Random, share: float = SHARE) -> str:
    """`text` with `share` of the words and turns of the table replaced, in small letters."""
    return _ANY.sub(
        lambda match: (
            chance.choice(_ALTERNATIVES[match[0].lower()]) if chance.random() < share else match[0]
        ),
        text,
    )
