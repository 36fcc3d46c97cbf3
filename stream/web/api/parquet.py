"""Rows as Apache Parquet, group by group: no more than one group of rows is held."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

ROWS = 5_000  # of one group

_MOMENT = pa.timestamp("us", tz="UTC")
_KINDS: Mapping[str, Any] = {
    **dict.fromkeys(("priority", "messages", "version", "revision", "severity"), pa.int32()),
    **dict.fromkeys(("needs_look", "abstained"), pa.bool_()),
    "dissatisfaction": pa.float64(),
    "tags": pa.list_(pa.string()),
}


def kind_of(column: str) -> Any:
    """Arrow's type of a column of the export."""
    if column.endswith(("_at", "_until")):
        return _MOMENT
    return _KINDS.get(column, pa.string())


class ParquetFile:
    """A file that is made while it is sent: rows in, bytes out when a group is full."""

    def __init__(self, columns: Sequence[str]) -> None:
        self._schema = pa.schema([(name, kind_of(name)) for name in columns])
        self._rows: list[Sequence[Any]] = []
        self._out = _Drained()
        self._writer = pq.ParquetWriter(
            pa.PythonFile(self._out, mode="w"), self._schema, compression="zstd"
        )

    def add(self, row: Sequence[Any]) -> None:
        self._rows.append(row)

    @property
    def is_full(self) -> bool:
        return len(self._rows) >= ROWS

    def take(self) -> bytes:
        """The bytes so far, with the rows that were added as a group of their own."""
        if self._rows:
            columns = list(zip(*self._rows, strict=True))
            arrays = [
                pa.array([_plain(value) for value in values], field.type)
                for values, field in zip(columns, self._schema, strict=True)
            ]
            self._writer.write_table(pa.Table.from_arrays(arrays, schema=self._schema))
            self._rows = []
        return self._out.drain()

    def end(self) -> bytes:
        """What is left, with the table of contents."""
        rest = self.take()
        self._writer.close()
        return rest + self._out.drain()


class _Drained(io.RawIOBase):
    """A file to write to whose bytes are taken away in between; it goes on counting."""

    def __init__(self) -> None:
        super().__init__()
        self._parts: list[bytes] = []
        self._at = 0

    def writable(self) -> bool:
        return True

    def write(self, chunk: Any) -> int:
        part = bytes(chunk)
        self._parts.append(part)
        self._at += len(part)
        return len(part)

    def tell(self) -> int:
        return self._at

    def drain(self) -> bytes:
        parts, self._parts = self._parts, []
        return b"".join(parts)


def _plain(value: Any) -> Any:
    """Postgres's decimals are floats here."""
    return float(value) if type(value).__name__ == "Decimal" else value
