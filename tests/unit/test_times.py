from datetime import UTC, datetime

import pytest

from connectors.formats.times import twitter_time, written_time

APRIL = datetime(2015, 4, 22, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "2015-04-22",
            "22-Apr-15",
            "22 April 2015",
            "Apr 22, 2015",
            "April 22, 2015",
            "4/22/2015",
            "22/4/2015",
        ),
        *(
            "4/22/15",
            "22.04.2015",
            "2015-04-22T02:00:00+02:00",
            "2015-04-22 00:00:00 UTC",
            "4/22/2015 12:00:00 AM",
        ),
    ],
)
def test_a_date_is_read_as_people_write_it(text):
    assert written_time(text) == APRIL


@pytest.mark.parametrize(
    "text", ["", "soon", "22-Foo-15", "31/31/2015", "4/22/2015 25:00", "2015-02-30"]
)
def test_what_is_no_date_is_refused(text):
    with pytest.raises(ValueError, match="is no date"):
        written_time(text)


@pytest.mark.parametrize(
    ("text", "hour"),
    [
        ("Mon Apr 06 22:19:45 PDT 2009", 5),
        ("Tue Apr 07 05:19:45 UTC 2009", 5),
        ("Tue Apr 07 05:19:45 +0000 2009", 5),
        ("Tue Apr 07 10:49:45 +0530 2009", 5),
    ],
)
def test_twitters_dates_name_their_zone(text, hour):
    assert twitter_time(text).astimezone(UTC) == datetime(2009, 4, 7, hour, 19, 45, tzinfo=UTC)


@pytest.mark.parametrize(
    "text", ["", "Mon Apr 06 22:19:45 XYZ 2009", "Mon Foo 06 22:19:45 PDT 2009", "Mon Apr 06"]
)
def test_what_is_no_date_of_twitters_is_refused(text):
    with pytest.raises(ValueError, match=r"is no date|time zone"):
        twitter_time(text)


@pytest.mark.parametrize(
    "text",
    [
        *("22/04/2015 03:20 μμ", "22/04/2015 03:20:00 μ.μ.", "2015. 4. 22. 오후 3:20"),
        *("2015/4/22 下午3:20:00", "2015/04/22 午後3:20", "2015年4月22日 15時20分"),
        *("22/4/2015 3:20 p. m.", "22/04/2015 03:20 م", "2015. 04. 22. du. 3:20"),
        *("22/04/2015 03:20 ÖS", "22/4/2015 3:20 da tarde", "22/04/2015 03:20 CH"),
        *("2015-04-22 17:20 (GMT+2)", "2015-04-22 17:20 UTC+02:00", "2015-04-22 10:20 UTC\u22125"),
        *("2015-04-22 5:20 PM (UTC+2)", "2015-04-22 17:20 (GMT+02:00) Oslo"),
        *("/Date(1429716000000)/", "/Date(1429716000000+0200)/", "new Date(1429716000000)"),
        *("42116.638888889", "42116,638888889"),
    ],
)
def test_a_clock_is_read_with_its_half_of_the_day_and_its_zone_in_any_language(text):
    assert written_time(text) == datetime(2015, 4, 22, 15, 20, tzinfo=UTC)


@pytest.mark.parametrize("text", ["2015-04-22 오전 12:20", "2015/4/22 上午12:20", "22/4/2015 0:20"])
def test_midnight_is_in_the_first_half(text):
    assert written_time(text, day_first=True) == datetime(2015, 4, 22, 0, 20, tzinfo=UTC)
