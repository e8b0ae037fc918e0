"""A form with a file, read with the standard library's own parser: not with the gateway's."""

from __future__ import annotations

import base64
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from typing import Any, Final

from opengateway.kit import json
from opengateway.simulator.personas import Refusal

MAX_FILE_BYTES: Final = 25 * 1024 * 1024
_KINDS: Final = ("flac", "m4a", "mp3", "mp4", "mpeg", "mpga", "oga", "ogg", "wav", "webm")


def form_as_json(body: bytes, content_type: str) -> bytes:
    """The form as an object of its members; the file as its name, its size and its beginning.

    Raises `Refusal` as the vendor does for what is no form, and for a file that is no sound.
    """
    if (
        not content_type.lower().startswith("multipart/form-data")
        or "boundary=" not in content_type
    ):
        raise Refusal("bad_value", (), message="Could not parse multipart form")
    head = f"Content-Type: {content_type}\r\nMIME-Version: 1.0\r\n\r\n".encode()
    message = BytesParser(policy=policy.HTTP).parsebytes(head + body)
    members: dict[str, Any] = {}
    for part in message.iter_parts():
        if isinstance(part, EmailMessage):
            _add(part, members)
    return json.dumps(members)


def _add(part: EmailMessage, members: dict[str, Any]) -> None:
    name = part.get_param("name", header="content-disposition")
    data = part.get_payload(decode=True)
    if not isinstance(name, str) or not isinstance(data, bytes):
        raise Refusal("bad_value", (), message="Could not parse multipart form")
    filename = part.get_filename()
    if filename is None:
        text = data.decode("utf-8", "replace")
        if name.endswith("[]"):
            members.setdefault(name[:-2], []).append(text)
        else:
            members[name] = float(text) if name == "temperature" else text
        return
    if len(data) > MAX_FILE_BYTES:
        raise Refusal("too_large", (), limit=MAX_FILE_BYTES)
    if filename.rpartition(".")[2].lower() not in _KINDS:
        listed = ", ".join(f"'{kind}'" for kind in _KINDS)
        told = f"Unrecognized file format. Supported formats: [{listed}]"
        raise Refusal("bad_value", (name,), message=told)
    if not data:
        told = "Audio file is too short. Minimum audio length is 0.1 seconds."
        raise Refusal("bad_value", (name,), message=told)
    members[name] = {
        "name": filename,
        "size": len(data),
        "head": base64.b64encode(data[:64]).decode(),
    }
