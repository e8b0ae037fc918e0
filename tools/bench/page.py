"""Writes the docs page on the benchmark from the newest results.

python tools/bench/page.py
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import goals
import results
from processes import ROOT

PAGE = ROOT / "docs" / "src" / "content" / "docs" / "explain" / "benchmark.md"

_HEAD = """---
title: Benchmark
description: What the gateway costs beside LiteLLM, Portkey and nginx, and how that was measured.
---

<!-- Written by tools/bench/page.py; `make bench` renews it. -->

Measured on {day} in one run of `make bench`: medians of {rounds} rounds, in which every target took
its turn, each round in the opposite order of the one before. Run it yourself: it needs nothing that
the repository does not set up. All figures of the run are in `bench/results/{file}`.

## Figures

{figures}

CPU is user and system time of all processes of a target. "Added" is beside the same upstream asked
without any gateway, at {rate:.0f} requests a second; LiteLLM does not hold that rate here and is
measured at {slow_rate:.0f}, and so are the columns named after it. TTFT is the time to the first
bytes of a stream. RSS and cold start are those of the process that holds the public port.

Of our CPU time for each request, {gateway} us are the gateway's, {control} us the control process's
(it settles each record into the event log) and {parent} us the parent's.

## Goals

{goals}
"""

_HOW = """
## How it was measured

- **Upstream**: one small process that answers at once with {reply} bytes; a stream has 50 content
  events, 2 ms apart, then a finish, the usage and the end marker. Every gateway speaks OpenAI's wire
  to it.
- **Loader**: one process, the same for all. A *closed loop* with {connections} connections for
  {closed_s:.0f} s gives CPU and requests a second; an *open loop* sends at random times (Poisson, a
  fixed seed) for {open_s:.0f} s and gives the times; {stream_rate:.0f} streams a second for
  {stream_s:.0f} s give CPU for each event. A target is started, warmed and ended in every round.
- **OpenGateway** is the product as `opengateway serve` starts it: parent, gateway and control, with
  {keys:,} keys, {endpoints} endpoints (three for each model), prices, holds, the journal on disk and
  the event log. The CPU that settles the records counts, up to the last row. Each request takes
  another key and model. Where the event log does not hold one row for each reply received, the run
  is void.
- **Portkey** {portkey} with its streams working (`@hono/node-server` 1.3.3, `hono` 4.9.7), headless,
  without its log.
- **LiteLLM** {litellm} as `pip install 'litellm[proxy]'` leaves it, one worker, production mode, log
  level ERROR, a master key, no database: it records nothing.
{nginx}
## What it does not say

- The machine has {cores} cores ({cpu}, {memory_gib} GiB), and the upstream, the loader and the
  gateway share them. Requests a second and times hold for such a machine only; CPU for each request
  and the ratios travel further. The load was {load_before} when the run began.
- Everything is on loopback without TLS; bodies are small, and no provider is slow or broken.
- Differences below a quarter are within what one round differs from the next.
- Peers do other things than we do. Neither peer here checks a balance or writes a record.
"""

_NGINX = (
    "- **nginx**, one worker, buffering off, no log: the floor of any proxy. It reads nothing.\n"
)


def write_page() -> Path:
    """Returns the page's path."""
    path, measured = results.newest()
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text(page(path.name, measured))
    return PAGE


def page(file: str, measured: dict[str, Any]) -> str:
    found = measured["medians"]
    set_up, about, versions = measured["set_up"], measured["machine"], measured["versions"]
    gateway, control, parent = (part[1] for part in goals.own_parts(found))
    head = _HEAD.format(
        day=measured["measured_at"][:10],
        file=file,
        figures=goals.as_markdown(goals.figure_head(), goals.figures(found)),
        goals=goals.as_markdown([*goals.GOAL_HEAD[:-1], "verdict"], goals.verdicts(found)),
        gateway=gateway,
        control=control,
        parent=parent,
        **set_up,
    )
    how = _HOW.format(
        reply=567,
        portkey=versions.get("portkey", "(not in this run)"),
        litellm=versions.get("litellm", "(not in this run)"),
        nginx=_NGINX if "nginx" in found else "",
        **set_up,
        **about,
    )
    return head + how


if __name__ == "__main__":
    print(write_page().relative_to(ROOT))
