"""Writing `multipart/form-data` (RFC 7578). The boundary follows from the content: no chance here."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

from opengateway.domain.chat import Upload

Field = tuple[str, str]


def written_form(fields: Sequence[Field], upload: Upload) -> tuple[bytes, str]:
    """The body and its content type."""
    heads = [
        f'Content-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields
    ]
    file_head = (
        f'Content-Disposition: form-data; name="file"; filename="{upload.name}"\r\n'
        f"Content-Type: {_media_type(upload.content_type)}\r\n\r\n"
    ).encode()
    boundary = _boundary(heads, upload.data)
    line = b"--" + boundary + b"\r\n"
    pieces: list[bytes | memoryview] = []
    for head in heads:
        pieces += (line, head)
    pieces += (line, file_head, upload.data, b"\r\n--" + boundary + b"--\r\n")
    return b"".join(pieces), f"multipart/form-data; boundary={boundary.decode()}"


def _boundary(heads: list[bytes], data: bytes | memoryview) -> bytes:
    """One that stands nowhere in the content."""
    digest = blake2b(data, digest_size=12)
    content = b"".join((*heads, data))
    while True:
        boundary = b"opengateway-" + digest.hexdigest().encode()
        if boundary not in content:
            return boundary
        digest.update(b"again")


def _media_type(told: str) -> str:
    kind = told.partition(";")[0].strip()
    is_one = kind.isascii() and kind.isprintable() and kind.count("/") == 1 and " " not in kind
    return kind if is_one and len(kind) <= 100 else "application/octet-stream"
