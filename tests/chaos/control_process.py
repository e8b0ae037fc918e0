"""A control process on a home of its own, without a zone file: HOME [STORE]. Run by the tests beside it."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from control_plane import settings_in
from opengateway.compose.control import run_control

if __name__ == "__main__":
    store = sys.argv[2] if len(sys.argv) > 2 else None
    asyncio.run(run_control(settings_in(Path(sys.argv[1]), store)))
