"""CSV of a report: a line a group, the sum of all first; no cell is a formula."""

from __future__ import annotations

import csv
import io

from stream.postgres.sql import harmless
from stream.reports.reports import Report, ReportRow

_COLUMNS = tuple(ReportRow.__slots__)


def csv_of(report: Report) -> bytes:
    """After RFC 4180, in UTF-8; the first line names the columns."""
    page = io.StringIO(newline="")
    writer = csv.writer(page, lineterminator="\r\n")
    writer.writerow((report.by, *_COLUMNS[1:]))
    for row in (report.total, *report.rows):
        writer.writerow([_cell(getattr(row, name)) for name in _COLUMNS])
    return page.getvalue().encode()


def _cell(value: str | float | None) -> str | float:
    if value is None:
        return ""
    return harmless(value) if isinstance(value, str) else round(value, 1)
