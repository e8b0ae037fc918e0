"""Serves a folder of built pages: only files that are there, with a strict content policy."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Final
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from opengateway.domain.errors import NotFound
from opengateway.http.control_errors import error_response

# Our own table: the system's differs from machine to machine.
_TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".map": "application/json",
    ".webmanifest": "application/manifest+json",
    ".xml": "application/xml",
    ".txt": "text/plain; charset=utf-8",
    ".md": "text/markdown; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".webp": "image/webp",
    ".avif": "image/avif",
    ".ico": "image/x-icon",
    ".woff2": "font/woff2",
    ".wasm": "application/wasm",
}
_FOREVER: Final = "public, max-age=31536000, immutable"
_ASK: Final = "no-cache"  # keep it, but ask whether it is still the same
_ENCODINGS: Final = (("br", ".br"), ("gzip", ".gz"))
"""Built beside the file (web/scripts/compress.mjs), the smaller first."""


@dataclass(frozen=True, slots=True)
class _Known:
    """What was found out about a file when it had this `stamp` (modification time and size)."""

    stamp: tuple[int, int]
    etag: str
    policy: str | None


class StaticSite:
    """The files below `root`, at `prefix`.

    A request's path is looked up in the list of files, never joined to the root: a path that
    climbs out of it names nothing. `hashed` is the folder whose names change with their content.
    """

    def __init__(self, root: Path, prefix: str, *, hashed: str = "", wasm: bool = False) -> None:
        self._root = root
        self._prefix = prefix
        self._hashed = hashed
        self._wasm = wasm
        self._known: dict[str, _Known] = {}
        self._files: dict[str, Path] = {}
        self._encoded: dict[str, dict[str, Path]] = {}
        self._built_at = 0
        self._look()

    def has(self, name: str) -> bool:
        """Whether there is a file at this path, relative to the prefix."""
        if self._built() != self._built_at:
            self._look()
        return name in self._files

    async def answer(self, request: Request, path: str) -> Response:
        """The file at `path` (without the prefix); a folder's index; or the site's 404 page."""
        if self._built() != self._built_at:
            self._look()
        for name in (path, f"{path}index.html") if path.endswith("/") or not path else (path,):
            if (file := self._files.get(name)) is not None:
                return await self._send(request, name, file, 200)
        if f"{path}/index.html" in self._files:
            return RedirectResponse(quote(f"{self._prefix}{path}/"), 308)
        if (page := self._files.get("404.html")) is not None:
            return await self._send(request, "404.html", page, 404)
        return error_response(request, NotFound(f"there is nothing at {request.scope['path']!r}"))

    def _built(self) -> int:
        try:
            return (self._root / "index.html").stat().st_mtime_ns
        except OSError:
            return 0

    def _look(self) -> None:
        self._built_at = self._built()
        self._known = {}
        found = {
            file.relative_to(self._root).as_posix(): file
            for file in self._root.rglob("*")
            if file.is_file()
        }
        self._encoded = {}
        for name in tuple(found):
            for coding, suffix in _ENCODINGS:
                if (of := name.removesuffix(suffix)) != name and of in found:
                    self._encoded.setdefault(of, {})[coding] = found.pop(name)
        self._files = found

    async def _send(self, request: Request, name: str, plain: Path, status: int) -> Response:
        encoded = self._encoded.get(name, {})
        coding = _accepted(request.headers.get("accept-encoding", ""), encoded)
        file = encoded.get(coding, plain)
        try:
            stat = await asyncio.to_thread(file.stat)
            body = await asyncio.to_thread(file.read_bytes)
        except OSError:  # it was there at the last look: a new build is on its way
            return error_response(
                request, NotFound(f"there is nothing at {request.scope['path']!r}")
            )
        known = self._known.get(name + coding)
        if known is None or known.stamp != (stat.st_mtime_ns, stat.st_size):
            known = self._learn(file, body, (stat.st_mtime_ns, stat.st_size))
            self._known[name + coding] = known
        forever = bool(self._hashed) and name.startswith(self._hashed)
        headers = {"etag": known.etag, "cache-control": _FOREVER if forever else _ASK}
        if known.policy is not None:
            headers["content-security-policy"] = known.policy
        if encoded:
            headers["vary"] = "accept-encoding"
        if coding:
            headers["content-encoding"] = coding
        if status == 200 and known.etag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        kind = _TYPES.get(plain.suffix, "application/octet-stream")
        return Response(body, status, {**headers, "content-type": kind})

    def _learn(self, file: Path, body: bytes, stamp: tuple[int, int]) -> _Known:
        etag = f'"{hashlib.sha256(body).hexdigest()[:20]}"'
        policy = None
        if file.suffix == ".html":
            policy = content_policy(body.decode("utf-8", "replace"), wasm=self._wasm)
        return _Known(stamp, etag, policy)


def _accepted(header: str, encoded: dict[str, Path]) -> str:
    """The first coding that is there and that the caller takes; "" for none."""
    taken = {
        name.strip().lower()
        for name, _, weight in (part.partition(";") for part in header.split(","))
        if weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    }
    return next((coding for coding, _ in _ENCODINGS if coding in encoded and coding in taken), "")


def content_policy(page: str, *, wasm: bool, style_nonce: str = "") -> str:
    """The Content-Security-Policy of `page`: everything from here, and its own inline scripts.

    The scripts that the build put into the page are allowed by their hashes, so a script that
    anybody else brings into it does not run. Inline styles are allowed where no nonce is given:
    the docs' code blocks carry their colours in `style` attributes, which cannot be hashed.
    `wasm`: the docs' search.
    """
    scripts = _InlineScripts()
    scripts.feed(page)
    scripts.close()
    hashes = (base64.b64encode(hashlib.sha256(s.encode()).digest()) for s in scripts.found)
    allowed = [f"'sha256-{h.decode()}'" for h in dict.fromkeys(hashes)]
    if wasm:
        allowed.append("'wasm-unsafe-eval'")
    return "; ".join(
        (
            "default-src 'self'",
            " ".join(("script-src 'self'", *allowed)),
            f"style-src 'self' 'nonce-{style_nonce}'"
            if style_nonce
            else "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data:",
            "object-src 'none'",
            "base-uri 'none'",
            "form-action 'self'",
            "frame-ancestors 'none'",
        )
    )


class _InlineScripts(HTMLParser):
    """Collects the text of scripts that have no `src`, exactly as it stands."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=False)
        self.found: list[str] = []
        self._inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._inside = tag == "script" and all(name != "src" for name, _ in attrs)
        if self._inside:
            self.found.append("")

    def handle_endtag(self, tag: str) -> None:
        self._inside = False

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.found[-1] += data
