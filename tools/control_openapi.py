"""Prints the control API's own description, OpenAPI 3.1, as the running product would serve it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, cast

from opengateway.http.control_app import new_control_app


class _NoParts:
    """No store and no zone is needed: the description says what is there, not what it holds."""

    def __getattr__(self, name: str) -> _NoParts:
        return self


def described() -> dict[str, Any]:
    return new_control_app(cast(Any, _NoParts()), Path("nowhere")).openapi()


if __name__ == "__main__":
    json.dump(described(), sys.stdout, indent=1, sort_keys=True)
