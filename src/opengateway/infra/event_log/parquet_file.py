"""Rows of the log as one Parquet file, made on disk: memory stays flat, however many there are."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from opengateway.domain.errors import CapacityError
from opengateway.infra.event_log.columns import FLAGS, FRACTIONS, WHOLE
from opengateway.kit import json
from opengateway.kit.ids import NewId
from opengateway.kit.log import get_logger

MEMORY_MB: Final = 256
_HOW: Final = "FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 20480"
log = get_logger(__name__)


class ParquetFiles:
    """Implements `ports.row_files.RowFiles`. `folder` is for what is being made, and nothing else."""

    def __init__(self, folder: Path, new_id: NewId) -> None:
        self._folder = folder
        self._new_id = new_id

    @asynccontextmanager
    async def parquet(
        self, names: Sequence[str], batches: AsyncIterator[Sequence[Sequence[Any]]]
    ) -> AsyncIterator[Path]:
        name = self._new_id("export_")
        draft, made = self._folder / f"{name}.jsonl", self._folder / f"{name}.parquet"
        try:
            try:
                await self._draft(draft, names, batches)
                await asyncio.to_thread(self._copy, draft, made, names)
            except OSError as error:
                raise CapacityError("the file cannot be written; try again later") from error
            draft.unlink(missing_ok=True)
            yield made
        finally:
            for path in (draft, made):
                path.unlink(missing_ok=True)

    async def _draft(
        self, path: Path, names: Sequence[str], batches: AsyncIterator[Sequence[Sequence[Any]]]
    ) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            async for rows in batches:
                lines = [json.dumps(dict(zip(names, row, strict=True))) for row in rows]
                await asyncio.to_thread(file.write, b"".join(line + b"\n" for line in lines))

    def _copy(self, draft: Path, made: Path, names: Sequence[str]) -> None:
        """In a thread."""
        import duckdb

        columns = ", ".join(f"'{name}': '{_type(name)}'" for name in names)
        source = f"read_json({_quoted(draft)}, format='newline_delimited', columns={{{columns}}})"
        config: dict[str, Any] = {
            "threads": 1,
            "memory_limit": f"{MEMORY_MB}MB",
            "temp_directory": str(self._folder / "spill"),
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        }
        try:
            with duckdb.connect(":memory:", config=config) as session:
                session.execute(f"COPY (SELECT * FROM {source}) TO {_quoted(made)} ({_HOW})")
        except duckdb.Error as error:
            log.error("export failed", error=str(error)[:500])
            raise CapacityError("the file cannot be written; try again later") from error


def _type(name: str) -> str:
    if name in WHOLE:
        return "BIGINT"
    if name in FRACTIONS:
        return "DOUBLE"
    return "BOOLEAN" if name in FLAGS else "VARCHAR"


def _quoted(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"
