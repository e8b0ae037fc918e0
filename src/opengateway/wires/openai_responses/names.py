"""The flat name of a tool that the caller grouped: for vendors whose tools are one list."""

from __future__ import annotations

from typing import Final

JOINT: Final = "__"


def joined(namespace: str | None, name: str) -> str:
    return f"{namespace}{JOINT}{name}" if namespace else name
