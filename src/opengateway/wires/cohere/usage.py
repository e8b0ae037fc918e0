"""`usage` to disjoint dimensions: `tokens` are what was read and made, `billed_units` what is paid.

The vendor's own preambles are tokens that nobody is billed for. What a team pays is what the vendor
bills, and what the caller is shown is what was read and made.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from opengateway.domain.events import UsageReport
from opengateway.domain.usage import Dimension, Usage
from opengateway.wires.operations.metering import count, details


def report_of(reported: Any) -> UsageReport | None:
    """None where nothing is told. What is not billed apart is billed as it is told."""
    if not isinstance(reported, dict):
        return None
    told = _usage(details(reported, "tokens"), count(reported.get("cached_tokens")))
    billed = _usage(details(reported, "billed_units"))
    if billed is None:
        return UsageReport(told) if told is not None else None
    return UsageReport(billed, told)


def _usage(counts: Mapping[str, Any], cached: int = 0) -> Usage | None:
    read = count(counts.get("input_tokens"))
    cached = min(cached, read)
    quantities = {
        Dimension.INPUT: read - cached,
        Dimension.CACHE_READ: cached,
        Dimension.OUTPUT: count(counts.get("output_tokens")),
    }
    named = {dimension: made for dimension, made in quantities.items() if made}
    return Usage(named) if named else None
