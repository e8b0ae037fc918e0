"""A control process on a home of its own, without a zone file. Run by the tests beside it."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from control_plane import settings_in
from opengateway.compose.control import run_control

if __name__ == "__main__":
    asyncio.run(run_control(settings_in(Path(sys.argv[1]))))
