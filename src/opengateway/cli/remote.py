"""Commands that ask control, and how they print what it says."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from opengateway.compose.remote_control import control_of
from opengateway.domain.errors import OperatorError
from opengateway.domain.money import nanos_to_usd
from opengateway.infra.control_client import ControlClient
from opengateway.infra.journal.shipper import ControlUnreachable
from opengateway.kit.json import dumps


async def call(zone: Path, method: str, path: str, payload: object, **query: str | int) -> Any:
    """One call of the zone's control; its decoded answer. Raises `OperatorError`."""
    async with control_of(zone) as client:
        return await ask(client, method, path, payload, **query)


async def ask(
    client: ControlClient, method: str, path: str, payload: object, **query: str | int
) -> Any:
    try:
        status, answer = await client.json(method, path, payload, **query)
    except ControlUnreachable as error:
        raise OperatorError(str(error)) from None
    if status >= 400:
        told = answer.get("error", {}) if isinstance(answer, dict) else {}
        raise OperatorError(str(told.get("message") or f"control answered {status}"))
    return answer


async def tail(zone: Path, limit: int, *, follow: bool, as_json: bool) -> None:
    """Print the newest records, oldest first; with `follow`, go on until interrupted."""
    async with control_of(zone) as client:
        rows = (await ask(client, "GET", "/events", None, limit=limit))["data"]
        newest = ""
        for row in sorted(rows, key=lambda r: str(r["id"])):
            newest = _tell(row, as_json)
        while follow:
            await asyncio.sleep(0.3)
            query: dict[str, str | int] = {"limit": 1000}
            if newest:
                query["after"] = newest
            for row in (await ask(client, "GET", "/events", None, **query))["data"]:
                newest = _tell(row, as_json)


def _tell(row: dict[str, Any], as_json: bool) -> str:
    if as_json:
        print(dumps(row).decode(), flush=True)
        return str(row["id"])
    usage = row.get("usage") or {}
    tokens_in = sum(usage.get(d, 0) for d in _IN)
    tokens_out = sum(usage.get(d, 0) for d in _OUT)
    served = row.get("provider") or "-"
    print(
        f"{row['id']}  {row['status']}  {row['ending']:<14}  {row['requested_model'] or '-':<32}"
        f"  {served:<12}  {len(row.get('attempts') or [])} tried  {tokens_in}+{tokens_out} tokens"
        f"{' (estimated)' if row.get('usage_estimated') else ''}"
        f"  {nanos_to_usd(row.get('cost_nanos', 0))} USD  {row.get('total_ms', 0):.1f} ms"
        f"{'  ' + row['error']['code'] if row.get('error') else ''}",
        flush=True,
    )
    return str(row["id"])


_IN = ("input_tokens", "cache_read_tokens", "cache_write_tokens", "cache_write_1h_tokens")
_OUT = ("output_tokens", "reasoning_tokens", "audio_output_tokens")


def show(answer: dict[str, Any], as_json: bool, names: tuple[str, ...]) -> None:
    if as_json:
        print(dumps({name: answer[name] for name in names}).decode())
        return
    width = max(len(name) for name in names)
    for name in names:
        print(f"{name:<{width}}  {answer[name]}")


def show_rows(rows: list[dict[str, Any]], as_json: bool, names: tuple[str, ...]) -> None:
    if as_json:
        print(dumps(rows).decode())
        return
    for row in rows:
        print("  ".join(str(row[name]) if row[name] is not None else "-" for name in names))
