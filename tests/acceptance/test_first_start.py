"""The first start of the desk, as a person meets it: an address, a code that is typed once, and
then a login.
"""

from __future__ import annotations

import re
import signal
import time
import urllib.error
import urllib.parse
import urllib.request
from http.cookiejar import CookieJar
from pathlib import Path

from acceptance.earshot import GOODBYE, Home

PASSWORD = "violet ladder seventeen"


def said(log: Path, wanted: str, seconds: float = 600) -> str:
    """What the command said once it said that. Raises AssertionError when it does not in time."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        if log.exists() and re.search(wanted, text := log.read_text()):
            return text
        time.sleep(0.2)
    raise AssertionError(f"{wanted} was never said:\n{log.read_text() if log.exists() else ''}")


def opened(browser: urllib.request.OpenerDirector, address: str, **fields: str) -> tuple[int, str]:
    """(status, where it led) of a page that is opened, or of a form that is sent."""
    data = urllib.parse.urlencode(fields).encode() if fields else None
    request = urllib.request.Request(
        address, data, {"Accept": "text/html", "Sec-Fetch-Site": "same-origin"}
    )
    try:
        with browser.open(request, timeout=60) as answer:
            return answer.status, urllib.parse.urlsplit(answer.url).path
    except urllib.error.HTTPError as error:
        with error:
            return error.code, urllib.parse.urlsplit(error.url).path


def test_the_first_start_prints_a_code_that_makes_the_first_user_and_the_second_prints_none(
    home: Home,
):
    log = home.folder / "web.log"
    first = home.start("web", "--port", "0", log=log, threads="1")
    told = said(log, r"/setup within 15 minutes")
    address = re.search(r"http://127\.0\.0\.1:\d+", told)[0]
    code = re.search(r"type (\S+) into", told)[1]
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))

    assert opened(browser, address + "/") == (200, "/setup")
    given = {"name": "ada", "password": PASSWORD, "again": PASSWORD, "code": code}
    assert opened(browser, address + "/setup", **given) == (200, "/")
    assert opened(browser, address + "/setup", **given | {"name": "eve"})[0] == 422

    first.send_signal(signal.SIGTERM)
    assert first.wait(GOODBYE) == 0
    assert "Traceback" not in log.read_text()
    second = home.start("web", "--port", "0", log=(again := home.folder / "again.log"), threads="1")
    said(again, r"http://127\.0\.0\.1:\d+")
    time.sleep(1)
    assert "setup" not in again.read_text()
    second.send_signal(signal.SIGTERM)
    assert second.wait(GOODBYE) == 0
