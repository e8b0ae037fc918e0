"""The binary event stream: what is encoded is decoded, and nothing that is damaged is believed."""

from __future__ import annotations

import struct
from itertools import pairwise
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opengateway.kit.event_stream import MAX_HEADER_BYTES, BadFrame, Decoder, Message, encode

LIMIT = 1024


def frame(headers: bytes = b"", payload: bytes = b"", **wrong: int) -> bytes:
    """A message whose checksums fit, whatever it says of its lengths."""
    size = wrong.get("size", 16 + len(headers) + len(payload))
    lengths = struct.pack(">II", size, wrong.get("says", len(headers)))
    body = lengths + struct.pack(">I", crc32(lengths)) + headers + payload
    return body + struct.pack(">I", crc32(body))


def header(name: bytes, kind: int, value: bytes) -> bytes:
    return bytes((len(name),)) + name + bytes((kind,)) + value


@given(
    st.dictionaries(st.text(min_size=1, max_size=20), st.text(max_size=40), max_size=5),
    st.binary(max_size=100),
    st.lists(st.integers(0, 600), max_size=20),
)
def test_what_is_encoded_is_decoded_wherever_it_is_cut(
    headers: dict[str, str], payload: bytes, cuts: list[int]
) -> None:
    data = encode(headers, payload) * 3
    decoder = Decoder(64 * 1024)
    edges = [0, *sorted(cut % len(data) for cut in cuts), len(data)]
    messages = [
        message for start, end in pairwise(edges) for message in decoder.feed(data[start:end])
    ]
    assert messages == [Message(headers, payload)] * 3
    assert decoder.buffered == 0


def test_every_type_of_header_is_read() -> None:
    block = b"".join(
        (
            header(b"yes", 0, b""),
            header(b"no", 1, b""),
            header(b"byte", 2, b"\xff"),
            header(b"short", 3, b"\xff\xfe"),
            header(b"int", 4, b"\x00\x01\x00\x00"),
            header(b"long", 5, b"\x00" * 7 + b"\x09"),
            header(b"bytes", 6, b"\x00\x02ab"),
            header(b"text", 7, b"\x00\x03\xe2\x82\xac"),
            header(b"time", 8, b"\x00" * 6 + b"\x01\x00"),
            header(b"uuid", 9, bytes(range(16))),
        )
    )
    (message,) = Decoder(LIMIT).feed(frame(block, b"x"))
    assert message.headers == {
        "yes": True,
        "no": False,
        "byte": -1,
        "short": -2,
        "int": 65536,
        "long": 9,
        "bytes": b"ab",
        "text": "€",
        "time": 256,
        "uuid": bytes(range(16)),
    }
    assert (message.text("text"), message.text("int"), message.text("none")) == ("€", "", "")


BAD: dict[str, bytes] = {
    "a prelude whose checksum does not fit": b"\0\0\0\x10\0\0\0\0\0\0\0\0" + b"\0" * 4,
    "a message whose checksum does not fit": frame(b"", b"abc")[:-1] + b"\0",
    "a message shorter than its parts": frame(size=15),
    f"a message larger than {LIMIT} bytes": frame(size=LIMIT + 1),
    "a header longer than the headers": frame(header(b"a", 7, b"\0\x09x")),
    "headers that cannot be read": frame(b"\x01a"),
    "a header of the unknown type 10": frame(header(b"a", 10, b"")),
    "more than 256 headers": frame(b"".join(header(b"%d" % n, 0, b"") for n in range(257))),
}


@pytest.mark.parametrize("why", BAD)
def test_what_is_no_message_is_told(why: str) -> None:
    limit = LIMIT if "1024" in why else 64 * 1024
    with pytest.raises(BadFrame, match=why):
        Decoder(limit).feed(BAD[why])


@pytest.mark.parametrize(
    "block", [header(b"a", 7, b"\0\x01\xff"), header(b"\xff", 0, b""), header(b"a", 4, b"\0")]
)
def test_headers_that_are_no_text_or_break_off_are_told(block: bytes) -> None:
    with pytest.raises(BadFrame, match="headers that cannot be read"):
        Decoder(LIMIT).feed(frame(block))


def test_headers_beyond_the_formats_own_bound_are_refused_before_they_come() -> None:
    size = MAX_HEADER_BYTES + 1
    with pytest.raises(BadFrame, match="larger"):
        Decoder(1 << 30).feed(frame(size=size + 16, says=size)[:12])


def test_what_came_before_the_damage_is_not_lost() -> None:
    whole = encode({"a": "b"}, b"1")
    messages, fault = Decoder(LIMIT).take(whole + b"\xff" * 20)
    assert [m.payload for m in messages] == [b"1"]
    assert fault is not None


@given(st.integers(0, 60), st.integers(1, 255))
def test_a_byte_that_was_changed_never_gives_another_message(at: int, change: int) -> None:
    data = bytearray(encode({":event-type": "x"}, b'{"a":1}'))
    data[at % len(data)] ^= change
    messages, fault = Decoder(LIMIT).take(bytes(data))
    assert messages == []
    assert fault is not None or len(data) < 60


def test_a_header_that_is_too_long_is_not_written() -> None:
    for headers in ({"a" * 256: "x"}, {"a": "x" * 0x8000}, {"": "x"}):
        with pytest.raises(ValueError, match="too long"):
            encode(headers, b"")
