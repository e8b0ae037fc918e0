"""Where the recordings of real provider traffic lie, and how tests ask for them."""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

import pytest

RECORDINGS = Path(__file__).resolve().parents[2] / "shared" / "data" / "recordings"

if os.environ.get("OPENGATEWAY_REQUIRE_SHARED") and not RECORDINGS.is_dir():
    raise RuntimeError("the recordings are required here (OPENGATEWAY_REQUIRE_SHARED) and absent")

needs_recordings = pytest.mark.skipif(
    not RECORDINGS.is_dir(), reason="no recordings beside this checkout (../shared/data)"
)


@cache
def chat_cases() -> tuple[dict[str, Any], ...]:
    """Every recorded chat completion, as its JSON says. Empty where there are no recordings."""
    found = (json.loads(path.read_bytes()) for path in sorted(RECORDINGS.glob("*/*.json")))
    return tuple(case for case in found if case["endpoint"] == "chat.completions")
