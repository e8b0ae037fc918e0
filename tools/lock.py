"""Renews requirements/*.lock: hashes, no addresses, nothing younger than seven days.

python3 tools/lock.py path/to/uv
"""

from __future__ import annotations

import datetime
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
COOLDOWN = datetime.timedelta(days=7)
GROUPS = ("uv", "runtime", "test", "web", "bench", "clients", "deploy")


def main(uv: str) -> None:
    newest = (datetime.datetime.now(datetime.UTC) - COOLDOWN).date().isoformat()
    for group in GROUPS:
        # A group that builds on the runtime gets the runtime's versions, not newer ones.
        constraint = ["-c", "requirements/runtime.lock"] if group == "test" else []
        subprocess.run(
            [
                uv,
                *("pip", "compile", "--quiet", "--universal", "--python-version", "3.11"),
                *("--generate-hashes", "--no-emit-index-url", "--no-header", "--upgrade"),
                *("--exclude-newer", newest, *constraint),
                *(f"requirements/{group}.in", "-o", f"requirements/{group}.lock"),
            ],
            cwd=ROOT,
            env=os.environ,
            check=True,
        )
        print(f"requirements/{group}.lock: as of {newest}")


if __name__ == "__main__":
    main(sys.argv[1])
