"""`/metrics` of the whole product: each process answers for itself, the parent merges."""

from __future__ import annotations

from collections.abc import Iterable


def merge(texts: Iterable[str]) -> str:
    """Several Prometheus expositions as one: each family once, with the lines of all.

    A family's lines must stand together (exposition format 0.0.4), so the texts are not merely
    joined.
    """
    heads: dict[str, list[str]] = {}
    lines: dict[str, list[str]] = {}
    for text in texts:
        family = ""
        for line in text.splitlines():
            if line.startswith(("# HELP ", "# TYPE ")):
                family = line.split(" ", 3)[2]
                head = heads.setdefault(family, [])
                lines.setdefault(family, [])
                if not any(known.split(" ", 3)[1] == line.split(" ", 3)[1] for known in head):
                    head.append(line)
            elif line and not line.startswith("#"):
                lines.setdefault(family, []).append(line)
    return "".join(
        "\n".join([*heads.get(family, ()), *rows]) + "\n" for family, rows in lines.items() if rows
    )
