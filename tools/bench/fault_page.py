"""The docs page on `make bench-faults`, from its results."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from processes import ROOT

RESULTS = ROOT / "bench" / "faults" / "results.json"
PAGE = ROOT / "docs" / "src" / "content" / "docs" / "explain" / "faults.md"
NAMES = {
    "dead": "dead: nothing answers",
    "refusing": "refuses connections",
    "limited": "429",
    "limited_told": "429, `retry-after: 5`",
    "500": "500",
    "529": "529",
    "slow": "first token after 30 s",
    "stall": "200, then nothing",
    "cut": "cut before the first content",
    "malformed": "malformed stream",
    "revoked": "credential revoked (401)",
    "flapping": "flapping: 30 % are 500",
}

_HEAD = """---
title: Faults
description: What callers notice when providers fail.
---

<!-- Written by tools/bench/fault_page.py; `make bench-faults` renews it. -->

Three providers serve one model. One of them, then two, fail in one of twelve ways for {fault_s:.0f} s, and heal.
Streams of four words come at an even rate the whole time; each request that is not answered whole is
lost. Measured on {date} in one run of `make bench-faults`; each line has a new gateway and new providers, so that
nothing is known of the fault when it begins.

- **Lost** of all requests, while one provider was well all the time.
- **Added**: what the 99th percentile of the time to the first token is more than when all are well, in
  the second half of the fault.
- **Recovery**: from the beginning of the fault until the last request came whose caller noticed it: lost, or
  with a first token more than a second late.
- **Calls**: calls at providers for each request, while the fault lasts.
- **First**, **full**: seconds after healing until the healed providers got their first request, and at
  least seven tenths of a third of all calls in 6 s. Empty where that was not watched for so long.
"""

_FOOT = """
## What to read from it

- A revoked credential is tried again after ten minutes or after a restart: a person has to mend it. So
  there is no first request after healing.
- An endpoint that answers nothing at all costs the requests that were sent to it before that showed: they
  wait for the connection (5 s) or the first token (10 s or more), and go elsewhere then. After 2 s without
  any answer no more are sent there.
- Everything runs on one machine with two cores, which other work may share: times are orders of magnitude,
  and an added time below a tenth of a second is noise. Lost requests and calls are what they are.
"""
_NO_PEER = """- No peer was measured in this run: `make bench-faults` does, on a machine with nothing else to do.
"""
_PEER = """- LiteLLM {litellm} ran with one worker, production mode, `num_retries: 3`, `timeout: 30`, `allowed_fails: 3`,
  `cooldown_time: 30`, `simple-shuffle`; it does not hold 200 requests a second here.
"""


def write_page(results: dict[str, Any]) -> Path:
    PAGE.write_text(page(results))
    return PAGE


def page(results: dict[str, Any]) -> str:
    parts = [_HEAD.format(**results)]
    rows: list[dict[str, Any]] = results["rows"]
    for target, rate in dict.fromkeys((row["target"], row["rate"]) for row in rows):
        shown = {"opengateway": "The gateway", "litellm": "LiteLLM"}[target]
        parts.append(f"\n## {shown}, {rate:.0f} requests a second\n\n")
        parts.append(
            "| Fault | Faulty | Lost | Added | Recovery | Calls | First | Full |\n"
            "|---|---|---|---|---|---|---|---|\n"
        )
        parts += [_line(r) for r in rows if (r["target"], r["rate"]) == (target, rate)]
    parts.append(_FOOT)
    if any(row["target"] == "litellm" for row in rows):
        parts.append(_PEER.format(litellm=results["versions"].get("litellm", "")))
    else:
        parts.append(_NO_PEER)
    return "".join(parts)


def _line(row: dict[str, Any]) -> str:
    return (
        f"| {NAMES[row['fault']]} | {row['faulty']} of 3 | {row['lost']} of {row['requests']} |"
        f" {row['p99_added_ms']:.0f} ms | {row['recovery_s']:.1f} s | {row['amplification']:.2f} |"
        f" {_s(row['first_after_heal_s'])} | {_s(row['full_after_heal_s'])} |\n"
    )


def _s(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds:.1f} s"


if __name__ == "__main__":
    print(write_page(json.loads(RESULTS.read_text())).relative_to(ROOT))
