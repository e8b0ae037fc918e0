"""What is wrong with a zone file: every fault, each one line, each where it stands."""

from __future__ import annotations

from typing import Final

from opengateway.compose.yaml_tree import Listing, Mapping, Node
from opengateway.domain.errors import OperatorError

MAX_SHOWN: Final = 100


class ZoneFaults(OperatorError):
    """The zone file is at fault. `faults` holds one line for each: `FILE:LINE: key: what to do`."""

    def __init__(self, faults: tuple[str, ...]) -> None:
        more = len(faults) - 1
        advice = f" (and {more} more: opengateway doctor lists them all)" if more else ""
        super().__init__(faults[0] + advice)
        self.faults = faults


class Faults:
    """Gathers faults by key path (`providers.acme.base_url`); finds the line by itself."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._lines: dict[str, int] = {}
        self._found: dict[tuple[int, str], None] = {}

    def __len__(self) -> int:
        return len(self._found)

    def learn(self, tree: Mapping) -> None:
        """Remember where every key of the file stands."""
        self._learn(tree, "")

    def _learn(self, node: Node, path: str) -> None:
        if isinstance(node, Mapping):
            for key, child in node.entries.items():
                inner = join(path, key)
                self._lines[inner] = node.lines[key]
                self._learn(child, inner)
        elif isinstance(node, Listing):
            for index, child in enumerate(node.items):
                self._lines[f"{path}[{index}]"] = child.line
                self._learn(child, f"{path}[{index}]")

    def add(self, path: str, text: str) -> None:
        """`path` may name a key that is not there: then the line is that of what would hold it."""
        self.add_at(self._line(path), f"{path}: {text}" if path else text)

    def add_at(self, line: int, text: str) -> None:
        self._found[line, text] = None

    def _line(self, path: str) -> int:
        while path:
            if path in self._lines:
                return self._lines[path]
            path = path[: max(path.rfind("."), path.rfind("["), 0)]
        return 1

    def rendered(self) -> tuple[str, ...]:
        """In the order of the file; line 0 is the whole file."""
        ordered = sorted(self._found, key=lambda found: found[0])
        lines = [
            f"{self._file}:{line}: {text}" if line else f"{self._file}: {text}"
            for line, text in ordered[:MAX_SHOWN]
        ]
        if len(ordered) > MAX_SHOWN:
            lines.append(f"{self._file}: and {len(ordered) - MAX_SHOWN} more faults")
        return tuple(lines)


def join(path: str, key: str) -> str:
    """The path of a key below `path`; a very long key is cut, as it may be a slip of the paste."""
    key = key if len(key) <= 80 else key[:77] + "..."
    return f"{path}.{key}" if path else key
