"""Forms of any content come back as they were written; anything else is refused, and in time."""

from __future__ import annotations

import os
import time

from hypothesis import given, settings
from hypothesis import strategies as st

from opengateway.dialects.openai_operations.multipart import BadForm, parts_of
from opengateway.domain.chat import Upload
from opengateway.wires.operations.form import written_form

EXAMPLES = 20_000 if os.environ.get("OPENGATEWAY_SOAK") else 300
NAMES = st.text(
    st.characters(codec="ascii", exclude_characters='"\\', min_codepoint=32, max_codepoint=126),
    min_size=1,
)
PIECES = st.sampled_from(
    [b"--b", b"--b--", b"\r\n", b"\n", b'Content-Disposition: form-data; name="a"', b"; ", b'"']
)


@settings(max_examples=EXAMPLES, deadline=None)
@given(
    st.lists(st.tuples(NAMES.filter(lambda n: len(n) < 100), st.text(max_size=200))), st.binary()
)
def test_a_form_that_we_write_is_read_as_it_was(fields: list[tuple[str, str]], data: bytes) -> None:
    body, content_type = written_form(fields[:60], Upload("s.mp3", "audio/mpeg", data))
    *texts, file = parts_of(body, content_type)
    assert [(part.name, part.text()) for part in texts] == fields[:60]
    assert (file.name, file.filename, bytes(file.data)) == ("file", "s.mp3", data)


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.lists(st.one_of(PIECES, st.binary(max_size=50)), max_size=60))
def test_any_bytes_are_a_form_or_are_refused(pieces: list[bytes]) -> None:
    body = b"--b\r\n" + b"".join(pieces)
    try:
        parts = parts_of(body, "multipart/form-data; boundary=b")
    except BadForm:
        return
    assert sum(len(part.data) for part in parts) < len(body)


def test_a_hostile_form_of_many_megabytes_is_refused_at_once() -> None:
    began = time.perf_counter()
    for filler in (b"\r\n--", b"\r\n--a", b"\r\n\r\n", b"-"):
        body = b"--b\r\n" + filler * (8_000_000 // len(filler))
        try:
            parts_of(body, "multipart/form-data; boundary=b")
        except BadForm:
            pass
        else:
            raise AssertionError("it has no end")
    assert time.perf_counter() - began < 2.0
