"""Tables for people's spreadsheets. A cell that a spreadsheet would run is kept from running."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any, Final

from fastapi import Response

_RUNS: Final = ("=", "+", "-", "@", "\t", "\r")


def csv_text(names: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """RFC 4180. Text that begins as a formula does gets an apostrophe before it; numbers stay."""
    held = io.StringIO()
    writer = csv.writer(held)
    writer.writerow(names)
    writer.writerows([[_cell(value) for value in row] for row in rows])
    return held.getvalue()


def csv_reply(name: str, text: str) -> Response:
    """`name` is a plain file name."""
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return Response(text, media_type="text/csv; charset=utf-8", headers=headers)


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return f"{value:f}"
    return f"'{value}" if isinstance(value, str) and value.startswith(_RUNS) else value
