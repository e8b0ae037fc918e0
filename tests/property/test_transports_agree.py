"""The own client and aiohttp's see the same in whatever a server says.

Servers are made up: heads, framings, extensions, cuts, garbage, split at any byte. Where the two
may differ is data: `DIFFERENCES`. `OPENGATEWAY_SOAK=1` runs for ten minutes.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

import pytest
import uvloop
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contract.scripted_server import Peer, scripted
from contract.transport_case import post
from opengateway.domain.errors import ErrorClass, UpstreamError
from opengateway.infra.aiohttp_transport import AiohttpTransport
from opengateway.infra.http_client.transport import HttpClientTransport
from opengateway.ports.transport import UpstreamTransport

pytestmark = pytest.mark.slow

SOAK = bool(os.environ.get("OPENGATEWAY_SOAK"))
SOAK_S = 600 if SOAK else 0
LIMIT = 10_000_000


@dataclass(frozen=True)
class Served:
    """What a server says to each request of a connection, in which pieces, and whether it stays."""

    said: bytes
    pieces: tuple[bytes, ...]
    stays: bool


@dataclass(frozen=True)
class Answer:
    status: int
    headers: tuple[tuple[str, bytes], ...]
    body: bytes


Outcome: TypeAlias = Answer | ErrorClass


@dataclass(frozen=True)
class Difference:
    why: str
    holds: Callable[[Served, Outcome, Outcome], bool]
    """Takes what was said, what the own client made of it, and what aiohttp did."""
    example: bytes


_LENIENT_HEAD = re.compile(
    rb"\r\n[ \t]"  # a folded header
    rb"|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]"  # a control character
    rb"|\r[^\n]|[^\r]\n"  # half of a line's end
    rb"|\n[^\r\n:]*[ \t]:"  # a space behind a name
    rb"|(?i:transfer-encoding):(?! ?(?i:chunked)\r\n)"  # a coding besides chunked
)
_INTERIM_HEADS = re.compile(rb"(?:\s*HTTP/\S* 1\d\d[^\r]*\r\n(?:[^\r]+\r\n)*\r\n)*")
_LENIENT_CHUNKS = re.compile(
    rb"[0-9a-fA-F] +[;\r]"  # a space behind a size
    rb"|[0-9a-fA-F][^\r\n]*\n"  # half of a line's end: behind a size,
    rb"|[^\r]\n[0-9a-fA-F]+[;\r\n ]"  # behind a chunk,
    rb"|\r\n\n"  # at the end
)


def _own_is_stricter(served: Served, own: Outcome, other: Outcome) -> bool:
    _, _, body = _parts(served)
    if own is ErrorClass.MALFORMED:
        return _LENIENT_HEAD.search(served.said[: len(served.said) - len(body)]) is not None
    # A byte is missing in a chunk: aiohttp takes its \r for data and its \n for the end.
    half_an_end = isinstance(other, Answer) and b"\r" in other.body
    return own is ErrorClass.ABORTED and (half_an_end or bool(_LENIENT_CHUNKS.search(body)))


def _parts(served: Served) -> tuple[bytes, bytes, bytes]:
    """What was said up to the end of the final head, and what came behind it."""
    interim = _INTERIM_HEADS.match(served.said)
    return served.said[interim.end() if interim else 0 :].partition(b"\r\n\r\n")


def _more_behind_the_end(served: Served, own: Outcome, other: Outcome) -> bool:
    if not isinstance(own, Answer) or not isinstance(other, ErrorClass):
        return False
    body = _parts(served)[2]
    if own.status in (204, 304):
        return body != b""
    if "content-length" in dict(own.headers):
        return len(body) > len(own.body)
    return not body.endswith(b"\r\n\r\n") or body.count(b"\r\n\r\n") > 1


def _broken_with_its_head(served: Served, own: Outcome, other: Outcome) -> bool:
    return (own, other) == (ErrorClass.ABORTED, ErrorClass.MALFORMED) and (
        b"\r\n\r\n" in served.said
    )


DIFFERENCES = (
    Difference(
        "aiohttp reads heads and chunks leniently",
        _own_is_stricter,
        b"HTTP/1.1 200 OK\r\nx: a\r\n b\r\ncontent-length: 0\r\n\r\n",
    ),
    Difference(
        "aiohttp refuses an answer that has something behind its end: ours takes it and closes",
        _more_behind_the_end,
        b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nxyz",
    ),
    Difference(
        "aiohttp forgets that a head was good when its body breaks in the same read",
        _broken_with_its_head,
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
    ),
)

# --- what servers say ------------------------------------------------------------------------------
_VERSIONS = st.sampled_from([b"HTTP/1.1"] * 12 + [b"HTTP/1.0", b"HTTP/1.2", b"HTTP/2.0", b"HTTP/1"])
_STATUSES = st.sampled_from(
    [b"200"] * 8 + [b"204", b"304", b"400", b"429", b"500", b"302", b"205", b"999", b"99", b"1000"]
)
_REASONS = st.sampled_from([b" OK"] * 4 + [b"", b" ", b" a b", b" \xc3\xa9", b"\tOK"])
_INTERIM = st.sampled_from(
    [b""] * 8
    + [
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\nlink: <x>\r\n\r\n" * 2,
        b"HTTP/1.1 199 X\r\ncontent-length: 3\r\n\r\n",
        b"\r\n",
        b"\n",
        b"x",
    ]
)
_HEADERS = st.lists(
    st.sampled_from(
        [b"content-type: application/json", b"X-Request-Id: r1", b"x-request-id: r2"] * 4
        + [
            b"Server:",
            b"x-empty: ",
            b"x-blank:\t a b \t",
            b"x-latin: \xe9",
            b"x-utf: \xc3\xa9",
            b"connection: close",
            b"Connection: keep-alive",
            b"connection: upgrade\r\nupgrade: h2c",
            b"set-cookie: a=b",
            b"content-encoding: gzip",
            b"x-folded: a\r\n b",
            b"x spaced: a",
            b"x-colon : a",
            b"no colon",
            b": no name",
            b"x-nul: a\x00b",
            b"x-del: a\x7fb",
            b"x-long: " + b"y" * 2000,
            b"x\xe9: a",
            b"trailer: x",
            b"x-cr: a\rb",
        ]
    ),
    max_size=5,
)
_BODIES = st.one_of(
    st.binary(max_size=40),
    st.sampled_from(
        [b"hello", b'{"a":1}\r\n\r\n', b"data: x\n\n" * 30, b"0\r\n\r\n", b"z" * 70_000]
    ),
)
_EXTENSIONS = st.sampled_from([b""] * 6 + [b";a", b";a=b", b';a="b;c"', b" ;a", b"; a = b", b" "])
_SIZES = st.sampled_from(["%x"] * 8 + ["%X", "0%x", "+%x", "0x%x", "-%x", "%xg", " %x"])
_TRAILERS = st.sampled_from([b""] * 6 + [b"x-late: 1\r\n", b"x: 1\r\ny: 2\r\n", b"bad\r\n"])


@st.composite
def _chunked(draw: st.DrawFn, body: bytes) -> bytes:
    out = []
    while body:
        size = draw(st.integers(1, min(len(body), 30))) if len(body) < 1000 else len(body)
        head = (draw(_SIZES) % size).encode() + draw(_EXTENSIONS)
        out.append(head + b"\r\n" + body[:size] + b"\r\n")
        body = body[size:]
    return b"".join(out) + b"0" + draw(_EXTENSIONS) + b"\r\n" + draw(_TRAILERS) + b"\r\n"


@st.composite
def _framed(draw: st.DrawFn) -> tuple[list[bytes], bytes]:
    """The headers that say how long a body is, and the body as it is sent."""
    body = draw(_BODIES)
    length = b"content-length: %d" % len(body)
    kind = draw(st.sampled_from(["length"] * 4 + ["chunked"] * 6 + ["close"] * 2 + ["odd"] * 3))
    if kind == "length":
        return [length], body
    if kind == "chunked":
        return [b"Transfer-Encoding: chunked"], draw(_chunked(body))
    if kind == "close":
        return [], body
    return draw(
        st.sampled_from(
            [
                ([length, b"transfer-encoding: chunked"], body),
                ([b"transfer-encoding: chunked", length], b"%x\r\n%b\r\n0\r\n\r\n" % (5, b"hello")),
                ([length, length], body),
                ([b"content-length: %d, %d" % (len(body), len(body))], body),
                ([b"content-length: %d" % (len(body) + 3)], body),
                ([b"content-length: +%d" % len(body)], body),
                ([b"content-length: 0x%x" % len(body)], body),
                ([b"content-length:"], body),
                ([b"content-length: 99999999999999999999999"], body),
                ([b"transfer-encoding: CHUNKED"], b"5\r\nhello\r\n0\r\n\r\n"),
                ([b"transfer-encoding: chunked, chunked"], b"5\r\nhello\r\n0\r\n\r\n"),
                ([b"transfer-encoding: gzip, chunked"], b"5\r\nhello\r\n0\r\n\r\n"),
                ([b"transfer-encoding: gzip"], body),
                ([b"transfer-encoding: identity"], body),
                ([b"transfer-encoding:"], body),
            ]
        )
    )


@st.composite
def _servers(draw: st.DrawFn) -> Served:
    framing, body = draw(_framed())
    headers = [*draw(_HEADERS), *framing]
    if draw(st.booleans()):
        headers.reverse()
    line = draw(_VERSIONS) + b" " + draw(_STATUSES) + draw(_REASONS)
    said = draw(_INTERIM) + b"\r\n".join([line, *headers, b"", b""]) + body
    harm = draw(st.sampled_from(["none"] * 6 + ["cut", "cut", "surplus", "flip", "drop", "insert"]))
    at = draw(st.integers(0, len(said)))
    if harm == "cut":
        said = said[:at]
    elif harm == "surplus":
        said += draw(st.sampled_from([b"\r\n", b"x", b"HTTP/1.1 200 OK\r\n", b"\x00" * 9]))
    elif harm == "flip":
        said = said[:at] + draw(st.binary(min_size=1, max_size=1)) + said[at + 1 :]
    elif harm == "drop":
        said = said[:at] + said[at + 1 :]
    elif harm == "insert":
        said = said[:at] + draw(st.sampled_from([b"\r", b"\n", b" ", b"\x00", b":"])) + said[at:]
    cuts = sorted(draw(st.lists(st.integers(0, min(len(said), 400)), max_size=4)))
    edges = [0, *cuts, len(said)]
    pieces = tuple(said[a:b] for a, b in itertools.pairwise(edges) if a < b)
    return Served(said, pieces, stays=draw(st.booleans()))


# --- both see it -----------------------------------------------------------------------------------
async def _outcome(transport: UpstreamTransport, url: str) -> Outcome:
    try:
        response = await transport.send(post(url))
        try:
            body = await response.read(LIMIT)
        finally:
            await response.release()
    except UpstreamError as error:
        return error.error_class
    # The bytes of a header: one takes them as Latin-1, the other as UTF-8 where it is that.
    own = isinstance(transport, HttpClientTransport)
    how = ("latin-1", "strict") if own else ("utf-8", "surrogateescape")
    headers = sorted((name, value.encode(*how)) for name, value in response.headers.items())
    return Answer(response.status, tuple(headers), body)


async def _seen(served: Served, transport: UpstreamTransport) -> list[Outcome]:
    """What becomes of two requests, one after the other."""

    async def script(peer: Peer) -> None:
        await peer.request()
        while True:
            for piece in served.pieces:
                await peer.say(piece)
                for _ in range(3):  # a chance for the client to read it by itself
                    await asyncio.sleep(0)
            if not served.stays:
                return
            try:
                await asyncio.wait_for(peer.request(), 0.02)
            except TimeoutError:
                return

    async with scripted(script) as server:
        return [await asyncio.wait_for(_outcome(transport, server.origin), 5) for _ in range(2)]


class Pair:
    """Both transports, on one event loop, for many servers."""

    def __init__(self) -> None:
        self._runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)
        self._own, self._aiohttp = self._runner.run(self._make())

    async def _make(self) -> tuple[UpstreamTransport, UpstreamTransport]:
        return HttpClientTransport(), AiohttpTransport()

    def disagreement(self, served: Served) -> str:
        """Empty if they agree, or differ as they may."""
        own = self._runner.run(_seen(served, self._own))
        other = self._runner.run(_seen(served, self._aiohttp))
        for each in zip(own, other, strict=True):
            if each[0] != each[1] and not any(may.holds(served, *each) for may in DIFFERENCES):
                return f"ours: {each[0]}\naiohttp: {each[1]}"
        return ""

    def close(self) -> None:
        for transport in (self._own, self._aiohttp):
            self._runner.run(transport.aclose())
        self._runner.close()


@pytest.fixture
def pair() -> Iterator[Pair]:
    pair = Pair()
    yield pair
    pair.close()


@pytest.mark.timeout(SOAK_S + 120)
def test_both_transports_agree_on_whatever_a_server_says(pair: Pair) -> None:
    @settings(
        max_examples=500,
        deadline=None,
        database=None,
        derandomize=not SOAK,
        suppress_health_check=list(HealthCheck),
    )
    @given(_servers())
    def agree(served: Served) -> None:
        assert pair.disagreement(served) == ""

    ends = time.monotonic() + SOAK_S
    agree()
    while time.monotonic() < ends:
        agree()


@pytest.mark.parametrize("difference", DIFFERENCES, ids=lambda difference: difference.why)
def test_each_difference_is_still_there(pair: Pair, difference: Difference) -> None:
    """One that is gone must leave the list."""
    served = Served(difference.example, (difference.example,), stays=False)
    own = pair._runner.run(_seen(served, pair._own))[0]
    other = pair._runner.run(_seen(served, pair._aiohttp))[0]
    assert own != other
    assert difference.holds(served, own, other)
