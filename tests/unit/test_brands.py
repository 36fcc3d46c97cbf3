from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.taxonomy.classifier import Taxonomy, read_taxonomy
from stream.bootstrap.loading import check_trades
from stream.brands import Brand, Brands, BrandsError, Shift, load
from stream.settings import Settings

NORTH = Brand(
    "SkyNorth",
    handles=("SkyNorthAir", "skynorth.example"),
    words=("SkyNorth", "Sky North Airlines"),
)
VOLT = Brand("VoltLine", handles=("VoltLineCare",), words=("VoltLine",))
DELTA = Brand("Delta", handles=("Delta",), words=("Delta Air Lines",))
ATT = Brand("AT&T", handles=("ATT",), words=("AT&T",))

BRANDS = Brands([NORTH, VOLT, DELTA, ATT])


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("@SkyNorthAir where is my bag", "SkyNorth"),
        ("thanks @skynorthair!", "SkyNorth"),
        ("hey @SkyNorthAir.Please answer", "SkyNorth"),
        ("@skynorth.example on another network", "SkyNorth"),
        ("＠SkyNorthAir from a Japanese keyboard", "SkyNorth"),
        ("my SKYNORTH flight", "SkyNorth"),
        ("never again #SkyNorth", "SkyNorth"),
        ("SkyNorth's app", "SkyNorth"),
        ("sky  north\nairlines lost my bag", "SkyNorth"),
        ("at&t is down", "AT&T"),
        ("VoltLine told me to ask @SkyNorthAir", "SkyNorth"),
        ("@VoltLineCare and @SkyNorthAir, both down", "VoltLine"),
        ("@someone @VoltLineCare", "VoltLine"),
        ("@delta@social.example flies too", None),
        ("write to joe@delta.example", None),
        ("the Mississippi delta", None),
        ("look at t shirts", None),
        ("skynorthern lights", None),
        ("@SkyNorthAirFans", None),
        ("", None),
    ],
)
def test_a_message_is_about_the_first_handle_else_the_first_name_in_it(text, name):
    assert BRANDS.find(text) == name


def test_what_a_brand_says_about_another_is_still_its_own():
    assert BRANDS.find("please ask @SkyNorthAir", author="VoltLineCare") == "VoltLine"


def test_a_message_by_an_account_of_a_brand_is_the_brands_own():
    assert BRANDS.is_own("@voltlinecare")
    assert BRANDS.is_own("Delta")
    assert not BRANDS.is_own("delta_fan")
    assert not BRANDS.is_own("")
    assert not BRANDS.is_own(None)


def test_a_brand_that_listens_on_one_network_is_not_found_on_another():
    brands = Brands(
        [Brand("Quiet", handles=("quiet",), words=("Quiet",), networks=frozenset({"x"}))]
    )

    assert brands.find("hello @quiet", network="x") == "Quiet"
    assert brands.find("hello @quiet", network="mastodon") is None
    assert brands.find("hello @quiet") == "Quiet"


def test_the_longer_name_wins_where_two_begin_alike():
    brands = Brands(
        [Brand("Virgin", words=("Virgin",)), Brand("Virgin Trains", words=("Virgin Trains",))]
    )

    assert brands.find("a virgin trains ticket") == "Virgin Trains"
    assert brands.find("a virgin ticket") == "Virgin"


def test_a_brand_is_got_by_its_name_in_any_case():
    assert BRANDS.get("skynorth") is NORTH
    assert BRANDS.get("nobody") is None


@given(st.text(alphabet=st.sampled_from("@＠&.-_ \n#sSkKyNnorthıſAiI't\x00\ud800é")) | st.text())
def test_any_text_and_any_author_can_be_searched(text):
    BRANDS.find(text, author=text)


def test_a_huge_text_is_searched_to_its_end():
    assert BRANDS.find("@" * 100_000 + "sky " * 50_000 + "VoltLine") == "VoltLine"
    assert BRANDS.find("@" + "a.-@" * 75_000) is None


def test_the_brands_of_the_demo_have_a_trade():
    brands = load()

    assert brands.trade_of("SkyNorth") == "airline"
    assert brands.trade_of("VoltLine") == "telecom"


def test_the_shipped_brands_are_the_two_of_the_demo_and_those_of_the_public_sets():
    brands = load()

    for text, name in {
        "@SkyNorthAir": "SkyNorth",
        "@VoltLineCare": "VoltLine",
        "@united": "United",
        "@USAirways": "US Airways",
        "@AmericanAir": "American",
        "@SouthwestAir": "Southwest",
        "@Delta": "Delta",
        "@VirginAmerica": "Virgin America",
        "@JetBlue": "JetBlue",
        "@sprintcare": "Sprint",
        "@115712 @British_Airways": "British Airways",
    }.items():
        assert brands.find(f"{text} hello") == name


@pytest.mark.parametrize(
    "text",
    [
        "we stand united",
        "the southwest of England, in the delta",
        "an American in Paris",
        "an apple a day, and a sprint to the chase",
        "o2 levels are fine, ups and downs",
        "the spectrum of target audiences",
    ],
)
def test_words_of_everyday_language_name_no_shipped_brand(text):
    assert load().find(text) is None


ENTRY = '[[brand]]\nname = "Acme"\n'


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "brands.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_brand_of_ones_own_is_read_with_everything_it_says(tmp_path):
    path = written(
        tmp_path,
        ENTRY + 'handles = ["acme"]\nwords = ["Acme"]\nnetworks = ["x"]\n'
        'locale = "de-DE"\ntime_zone = "Europe/Berlin"\n'
        'hours = { mon-tue = "08:00-20:00", sat = "09:30-24:00" }\n',
    )

    (brand,) = load(path)

    assert brand == Brand(
        "Acme",
        handles=("acme",),
        words=("Acme",),
        networks=frozenset({"x"}),
        locale="de-DE",
        time_zone=ZoneInfo("Europe/Berlin"),
        hours=(Shift(0, 480, 1200), Shift(1, 480, 1200), Shift(5, 570, 1440)),
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "brand: Field required"),
        ("brand = []", "brand: "),
        ("[[brand]]\nname = ", "not TOML"),
        ("[[brand]]\n", "brand number 1: name: Field required"),
        (ENTRY + 'handels = ["a"]', "brand Acme: handels: "),
        (ENTRY + 'handles = ["@acme"]', "brand Acme: handles: 0: "),
        (ENTRY + "handles = [1]", "brand Acme: handles: 0: "),
        (ENTRY + 'words = ["?"]', "brand Acme: words: 0: "),
        (ENTRY + 'locale = "english"', "brand Acme: locale: "),
        (
            ENTRY + 'time_zone = "Mars/Olympus"',
            "brand Acme: time_zone: 'Mars/Olympus' is no time zone",
        ),
        (ENTRY + 'time_zone = "../../etc/passwd"', "brand Acme: time_zone: "),
        (ENTRY + 'time_zone = ""', "brand Acme: time_zone: "),
        (ENTRY + 'hours = { weekdays = "08:00-20:00" }', "brand Acme: hours: weekdays"),
        (ENTRY + 'hours = { mon = "8-20" }', "are no hours"),
        (ENTRY + 'hours = { mon = "20:00-08:00" }', "ends before it starts"),
        (ENTRY + 'hours = { fri-mon = "08:00-20:00" }', "ends before it starts"),
        (ENTRY + 'hours = { mon = "08:00-24:30" }', "ends before it starts"),
        (ENTRY + ENTRY, "the name 'Acme' of Acme is already there"),
        (
            ENTRY + 'handles = ["a"]\n[[brand]]\nname = "B"\nhandles = ["A"]',
            "the handle 'A' of B is already there for Acme",
        ),
        (
            ENTRY + 'words = ["a a"]\n[[brand]]\nname = "B"\nwords = ["A a"]',
            "the word 'A a' of B is already there for Acme",
        ),
    ],
)
def test_a_mistake_is_one_line_that_says_what_and_where(tmp_path, text, told):
    path = written(tmp_path, text)

    with pytest.raises(BrandsError) as error:
        load(path)

    assert str(error.value).startswith(f"{path}: ")
    assert told in str(error.value)
    assert "\n" not in str(error.value)


def test_a_file_that_cannot_be_read_is_one_line_too(tmp_path):
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b"\xff\xfe\x00")

    for path in (tmp_path / "none.toml", tmp_path, binary):
        with pytest.raises(BrandsError, match="brands") as error:
            load(path)
        assert "\n" not in str(error.value)


def test_every_trade_of_the_shipped_brands_is_one_of_the_taxonomy():
    check_trades(load(), read_taxonomy(), Settings())
    assert {load().trade_of("Tesco"), load().trade_of("delta")} == {"supermarket", "airline"}
    assert load().trade_of("nobody") is None


def test_a_trade_that_the_taxonomy_does_not_have_is_one_line_that_lists_them(tmp_path):
    path = tmp_path / "brands.toml"
    path.write_text('[[brand]]\nname = "Acme"\ntrade = "airlin"\n')

    with pytest.raises(BrandsError, match=r"brand Acme: trade: .*'airlin'.*airline, bank"):
        check_trades(load(path), read_taxonomy(), Settings(brands=path))
    check_trades(load(path), Taxonomy((), ()), Settings(brands=path))
    check_trades(Brands([Brand("Acme", trade="other")]), read_taxonomy(), Settings())
