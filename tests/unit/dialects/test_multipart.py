"""Forms within a body: what is read, and what is refused instead of being mended."""

from __future__ import annotations

import pytest

from opengateway.dialects.openai_operations.multipart import (
    MAX_HEAD_BYTES,
    MAX_PARTS,
    MAX_TEXT_BYTES,
    BadForm,
    boundary_of,
    parts_of,
)

TYPE = "multipart/form-data; boundary=b"
TEXT = b'Content-Disposition: form-data; name="a"\r\n\r\n'


def whole(*parts: bytes) -> bytes:
    return b"".join(b"--b\r\n" + part + b"\r\n" for part in parts) + b"--b--"


def test_parts_come_in_order_with_their_bytes_untouched() -> None:
    file = (
        b'content-disposition: form-data; filename="x\\"y.bin"; name=file\r\n'
        b"Content-Type: audio/x\r\n\r\n\r\n--c\r\n--\r\n"
    )
    parts = parts_of(whole(TEXT + b"1", file) + b"\r\n", TYPE)
    assert [(p.name, p.filename, p.content_type) for p in parts] == [
        ("a", None, ""),
        ("file", 'x"y.bin', "audio/x"),
    ]
    assert [bytes(p.data) for p in parts] == [b"1", b"\r\n--c\r\n--\r\n"]
    assert parts[0].text() == "1"


@pytest.mark.parametrize(
    ("content_type", "boundary"),
    [
        ("multipart/form-data; boundary=abc", b"abc"),
        ('Multipart/Form-Data; charset=utf-8; boundary="a b"', b"a b"),
        ("multipart/form-data;boundary=----WebKit0A; x=1", b"----WebKit0A"),
    ],
)
def test_a_boundary_is_found(content_type: str, boundary: bytes) -> None:
    assert boundary_of(content_type) == boundary


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "application/json",
        "multipart/form-data",
        "multipart/form-data; boundary=",
        f"multipart/form-data; boundary={'x' * 71}",
        'multipart/form-data; boundary="a\x00b"',
        "multipart/mixed; boundary=b",
        "multipart/form-data; boundary=b" + " " * 600,
    ],
)
def test_a_type_without_a_boundary_is_refused(content_type: str) -> None:
    with pytest.raises(BadForm):
        boundary_of(content_type)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"--b",
        b"--b\r\n",
        b"x--b\r\n" + TEXT + b"1\r\n--b--",
        b"--b\n" + TEXT + b"1\r\n--b--",
        b"--b\r\n" + TEXT + b"1\r\n--b",
        b"--b\r\n" + TEXT + b"1\r\n--b-",
        whole(TEXT + b"1") + b"\r\nmore",
        whole(b'Content-Disposition: attachment; name="a"\r\n\r\n1'),
        whole(b"Content-Disposition: form-data\r\n\r\n1"),
        whole(b'Content-Disposition: form-data; name=""\r\n\r\n1'),
        whole(b"\r\n1"),
        whole(b"Content-Disposition\r\n\r\n1"),
        whole(TEXT[:-2] + b"Content-Disposition: form-data\r\n\r\n1"),
        whole(b"X: \x01\r\n" + TEXT + b"1"),
        whole(b"Content-Transfer-Encoding: base64\r\n" + TEXT + b"MQ=="),
        whole(b"X: " + b"x" * MAX_HEAD_BYTES + b"\r\n" + TEXT + b"1"),
        whole(*[TEXT + b"1"] * (MAX_PARTS + 1)),
    ],
)
def test_what_is_no_form_is_refused(body: bytes) -> None:
    with pytest.raises(BadForm):
        parts_of(body, TYPE)


def test_a_text_has_a_bound_and_is_utf_8() -> None:
    long, bad = parts_of(whole(TEXT + b"x" * (MAX_TEXT_BYTES + 1), TEXT + b"\xff"), TYPE)
    for part in (long, bad):
        with pytest.raises(BadForm):
            part.text()
