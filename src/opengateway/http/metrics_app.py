"""A process's own metrics, on its own socket; the parent merges them (decision 5)."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from opengateway.http.asgi import Receive, Scope, Send

Sample = tuple[str, str, str, dict[str, str], float]
"""Name, kind (`gauge` or `counter`), help, labels, value."""


class MetricsApp:
    """Answers every request with what `samples` says now, in Prometheus' text format."""

    def __init__(self, samples: Callable[[], Iterable[Sample]]) -> None:
        self._samples = samples

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = exposition(self._samples()).encode()
        await send(
            {
                "type": "http.response.start",
                "status": 200,
                "headers": [
                    (b"content-type", b"text/plain; version=0.0.4; charset=utf-8"),
                    (b"content-length", b"%d" % len(body)),
                ],
            }
        )
        await send({"type": "http.response.body", "body": body, "more_body": False})


def exposition(samples: Iterable[Sample]) -> str:
    lines: list[str] = []
    told: set[str] = set()
    for name, kind, text, labels, value in samples:
        if name not in told:
            told.add(name)
            lines += [f"# HELP {name} {text}", f"# TYPE {name} {kind}"]
        inner = ",".join(f'{k}="{_escaped(v)}"' for k, v in labels.items())
        number = f"{value:.17g}"
        lines.append(f"{name}{{{inner}}} {number}" if inner else f"{name} {number}")
    return "\n".join(lines) + "\n"


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
