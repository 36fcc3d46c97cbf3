"""Romanised Hindi and Urdu, told by the little words that hold their sentences together.

No detector at hand was trained on Hindi in Latin letters: "mera paisa wapas karo" is Italian to
one. Its pronouns, postpositions and auxiliaries are few, and hardly any is a word of another
language that customers write; those that are ("main", "to", "the", "se", "par") count for little.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import Literal

from models.stop_words import is_stop_word

# A word of these is Hindi wherever it stands.
_SURELY = frozenset(
    """
    hai hain nahi nahin nhi nai nahee kya kyu kyun kyon kyunki kyonki mera meri mere mujhe mujhko
    mujhse hamara hamari hamare humara humari humare humko humein hamein tumhara tumhari tumhare
    tumhe aap aapka aapki aapke aapko aapne apka apki apke apko apna apni apne unka unki unke unko
    uska uski uske usko usne iska iski iske isko kiska kisko kisi koi kuch kuchh kab kahan kaha
    kaise kaisa kaisi kitna kitni kitne kaun kyaa abhi phir bhi bahut bohot bahot bhot boht kal aaj
    parso raha rahi rahe rha rhi rhe gaya gayi gaye gya gyi gye hua hui huye hue hota hoti hote hoga
    hogi honge karo karna karne karta karti karte karke karunga karenge kiya kijiye kijiyega karwao
    karwana kardo krdo krna kro karein dijiye dijiyega diya diye dena deta dete deti dedo denge lena
    liya liye lete chahiye chahie sakta sakti sakte wala wali wale waala waali waale walo walon
    jayegi jayega jaayega jaayegi daali daala daal lagaya
    paisa paise paisay rupaye rupay yaar yaaro bhai bhaiya bhaiyya didi wapas wapis vapas vapis
    kharab bekar bekaar bakwas ghatiya ganda jaldi jawab jawaab jawaap intezaar intezar madad
    bachao bacha ghar ghante ghanta baje mahine mahina hafte din dino saal subah shaam raat dobara
    dubara baar lekin magar agar toh isliye sirf bilkul itna itni itne accha acha achha acchi
    theek thik sahi galat shukriya dhanyavaad dhanyawad dhanyavad kripya kripaya namaste namaskar
    sab sabko log logo logon chalu bandh aag lagi lag laga tha thi thay kaam baat bataye batao
    bataiye bolo bola boli pehle pahle baad saath andar bahar upar neeche maine usse isse
    hamesha kabhi zyada jyada thoda thodi nikal milta milega mila mili mile milegi pata kariye
    kariyega sunta sunte uthata uthate uthaya jata jati jate aata aati aate aaya aayi aaye aya
    chal chalta chalti chalte samajh samjh jhooth jhoota dhokha chor chori lut loot
    yahan yaha wahan waha yeh woh ye wo mein mai hu hoon hun tum hum ko ka ki
    """.split()  # noqa: SIM905 a list of words reads best as words
)
# Of those above, words that other languages or English slang have too: they help, alone they prove
# nothing.
_SHARED = frozenset(
    """
    lagi maine yaar bhai namaste namaskar logo yeh neeche
    ye wo hum tum hun hu mai mein ko ka ki din aya mila mili mile hue laga lag log loot lut bola
    bolo chor chal sab baat dena lena aap bacha baar tha thi kal itna kab kaha sahi nai acha mere
    mera meri baad thoda diya yaha hui aag chori waha raha kya liye pata karo
    """.split()  # noqa: SIM905
)
# Short ones that only add to the share.
_LITTLE = frozenset(
    ["main", "se", "par", "pe", "na", "ji", "aur", "ne", "ho", "kar", "kr", "h", "ke", "jo"]
)

# English that customers who write Hindi use for what they buy and what goes wrong with it, as far
# as `models.language` does not count it as plainly English.
_BORROWED = frozenset(
    """
    account activate address agent amount app application atm bank balance battery behaviour block
    blocked book booking box branch bus cab card care cart cash center centre charge charged
    charger charges check code complain complaint confirm confirmed connection counter coupon
    coverage crash credit damage damaged data debit delivered delivery device dispatch door double
    download driver driving electricity error exchange extra failed fast fault faulty fee fine food
    full fuse id install installation internet invoice issue item kids limit line link loan login
    mail manager message meter mobile money month network number offer office offline online order
    otp pack package packing parcel password pay payment pending phone pin plan plus policy portal
    price problem product quality quick railway rate receipt recharge refrigerator registered
    replace replacement request resolve resolved return reverse ride room router rude safe salary
    screen server service shipping shop shows signal sim site slot slow smoke software solve solved
    speed staff station status stock store subscription support switch system technical
    technician ticket time toll tracking train transaction transfer tv update urgent useless using
    version waiting warranty water website wifi wrong
    """.split()  # noqa: SIM905 a list of words reads best as words
)
# Words of English clauses, which a Hindi sentence does not borrow.
_CLAUSES = frozenset(
    """
    almost already crying day days delivered help hung leave letting loved morning month months
    night please plz pls says since somebody someone still telling thanks third today was without
    """.split()  # noqa: SIM905 the same
)
_POLITE = frozenset(
    ["hello", "hi", "hey", "dear", "fail", "wtf", "lol", "omg"]
)  # said with any words
_AMBIGUOUS = _SURELY | _LITTLE | {"me", "to", "hi", "us", "do"}
_READABLE = 0.35  # English words from which the model can tell what a text is about
_HINT = 0.15  # of the words, one of them Hindi alone, from which a text is at least in doubt
_MIXED = 0.25  # of the words from which a text is Hindi with foreign words in it
_WORD = re.compile(r"[^a-z]+")

Verdict = Literal["hindi", "mixed"]


def verdict(words: Sequence[str], english: float) -> Verdict | None:
    """Whether a text in Latin letters is Hindi, or Hindi and English by halves; None: neither.

    words: of the text, in any case. english: the share of them that is plainly English.
    """
    plain = [
        word if word.isascii() and word.isalpha() else _WORD.sub("", word)
        for word in map(str.lower, words)
    ]
    hindi = _SURELY.intersection(plain)
    share = _share(plain) if hindi else 0.0
    if not _is_proved(hindi, share):
        return "mixed" if hindi - _SHARED and share >= _HINT else None
    if share >= max(_MIXED, english) and _readable(plain, english) < _READABLE:
        return "hindi"
    return "mixed" if share >= english / 3 else None


def _share(plain: Sequence[str]) -> float:
    """How much of a text is Hindi; a little word counts half."""
    surely = sum(word in _SURELY for word in plain)
    return (surely + sum(word in _LITTLE for word in plain) / 2) / len(plain)


def _readable(plain: Sequence[str], english: float) -> float:
    """How much of a text is English that is no word of Hindi too, by the one count or the other."""
    borrowed = sum(word in _BORROWED for word in plain)
    little = sum(
        word not in _AMBIGUOUS and (is_stop_word(word) or word in _CLAUSES) for word in plain
    )
    polite = sum(word in _POLITE for word in plain)
    return (borrowed + max(round(english * len(plain)), little) - polite) / len(plain)


def _is_proved(hindi: AbstractSet[str], share: float) -> bool:
    """Two words that are Hindi alone; one, in a text that is Hindi in good part; or three that are
    other words elsewhere.
    """
    alone = len(hindi - _SHARED)
    if alone >= 2:
        return True
    return share >= _MIXED and (alone == 1 or len(hindi) >= 3)
