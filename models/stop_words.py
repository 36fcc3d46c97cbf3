"""Stop words of English: words that say nothing of what a message is about."""

from __future__ import annotations

_STOP_WORDS = frozenset(
    """
    a about across after afterwards again against all almost along already also although am
    among amongst amp an and another any anyhow anyone anything anyway anywhere are aren't
    around as at back be became because become becomes been before being below beside besides
    between beyond both but by can can't cannot cant could couldn't couldnt did didn't didnt do
    does doesn't doesnt doing don't dont down each eg either else elsewhere etc even ever everywhere
    except for former formerly from get getting go going got had hadn't has hasn't hasnt have
    haven't having he he's hello hence her here hers herself hi him himself his how however http
    https i i'd i'll i'm i've id ie if im in indeed into is isn't isnt it it's its itself ive
    just know latter least let let's like made make may me meanwhile might more moreover most
    mostly much must my myself namely need neither never nevertheless no nor not now nowhere of
    off oh ok okay on one only onto or other others otherwise our ours ourselves out over own
    pause per perhaps please rather re really rt said same say saying says seem seemed seeming
    seems she she's should since so some somehow someone something sometime sometimes somewhere
    still such than thank thanks that that's thats the their them themselves then thence there
    there's therefore these they they're they've theyre think this those though through
    throughout thru thus to today together told too toward towards two u uh um until up upon us
    user very via want was wasn't wasnt we we're we've well were weren't what what's whatever
    when whenever where whereas wherever whether which while who whoever whom whose why will
    with within won't wont would wouldn't wouldnt www yeah yes yet you you're you've your youre
    yours yourself yourselves
    """.split()  # noqa: SIM905 (a list of a hundred lines reads worse)
)


def is_stop_word(word: str) -> bool:
    """Whether the word carries no meaning of its own; case and the form of apostrophes are free."""
    return word.casefold().replace("’", "'") in _STOP_WORDS
