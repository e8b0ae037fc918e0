"""From the rounds' raw figures to the results file (contract, part 5): added times, medians."""

from __future__ import annotations

import datetime
import json
import os
import platform
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from processes import ROOT

Row = dict[str, Any]
FOLDER = ROOT / "bench" / "results"
FIGURES = (
    "cpu_us_per_request",
    "rps",
    "added_p50_ms",
    "added_p99_ms",
    "cpu_us_per_event",
    "cpu_us_per_event_translated",
    "added_ttft_p50_ms",
    "rss_idle_mb",
    "rss_loaded_mb",
    "cold_start_s",
)
"""What every row has, null where it does not apply."""


def complete(rows: Sequence[Row]) -> list[Row]:
    """Rows with the times that a target adds to those of the upstream asked directly.

    `added_p50_ms` and `added_p99_ms` are at 200 requests a second, at 40 for a target that does
    not hold 200. `..._at_slow_rate` are at 40 for every target.
    """
    direct = {row["round"]: row for row in rows if row["target"] == "direct"}
    done: list[Row] = []
    for row in rows:
        beside = direct[row["round"]]
        added: Row = {}
        for point in ("p50", "p99"):
            slow = _difference(row, beside, f"{point}_ms_at_slow_rate")
            full = _difference(row, beside, f"{point}_ms")
            added[f"added_{point}_ms"] = slow if full is None else full
            added[f"added_{point}_ms_at_slow_rate"] = slow
        added["added_ttft_p50_ms"] = _difference(row, beside, "ttft_p50_ms")
        added["added_ttft_p50_ms_translated"] = _difference(
            row, {"ttft_p50_ms_translated": beside.get("ttft_p50_ms")}, "ttft_p50_ms_translated"
        )
        done.append({name: None for name in FIGURES} | row | added)
    return done


def _difference(row: Row, other: Row, name: str) -> float | None:
    if row.get(name) is None or other.get(name) is None:
        return None
    return float(row[name]) - float(other[name])


def medians(rows: Sequence[Row]) -> dict[str, dict[str, float]]:
    """By target, the median of each figure over its rounds."""
    found: dict[str, dict[str, float]] = {}
    for target in dict.fromkeys(row["target"] for row in rows):
        own = [row for row in rows if row["target"] == target]
        names = {name for row in own for name, value in row.items() if _is_figure(name, value)}
        found[target] = {
            name: median(row[name] for row in own if row.get(name) is not None) for name in names
        }
    return found


def _is_figure(name: str, value: Any) -> bool:
    return isinstance(value, int | float) and name != "round"


def machine() -> dict[str, Any]:
    """What the figures depend on, without a name of the host."""
    cpu = ""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            cpu = line.partition(":")[2].strip()
            break
    memory = next(
        int(line.split()[1]) // 1024**2
        for line in Path("/proc/meminfo").read_text().splitlines()
        if line.startswith("MemTotal")
    )
    return {
        "cpu": cpu,
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": memory,
        "architecture": platform.machine(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "load_before": round(os.getloadavg()[0], 2),
    }


def save(document: dict[str, Any], folder: Path = FOLDER) -> Path:
    """`bench/results/DATE-CORES-ARCHITECTURE.json`; a later run of a day has a number."""
    folder.mkdir(parents=True, exist_ok=True)
    about = document["machine"]
    day = datetime.datetime.now(datetime.UTC).date().isoformat()
    stem = f"{day}-{about['cores']}core-{about['architecture']}"
    path, number = folder / f"{stem}.json", 1
    while path.exists():
        number += 1
        path = folder / f"{stem}-{number}.json"
    path.write_text(json.dumps(_rounded(document), indent=1) + "\n")
    return path


def newest() -> tuple[Path, dict[str, Any]]:
    """Raises `SystemExit` when there is none."""
    found = [(json.loads(path.read_text()), path) for path in FOLDER.glob("*.json")]
    if not found:
        raise SystemExit("bench/results is empty: run `make bench`")
    document, path = max(found, key=lambda pair: pair[0]["measured_at"])
    return path, document


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.5g}")
    if isinstance(value, dict):
        return {name: _rounded(inner) for name, inner in value.items()}
    return [_rounded(inner) for inner in value] if isinstance(value, list) else value
