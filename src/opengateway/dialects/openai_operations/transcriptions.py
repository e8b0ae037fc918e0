"""`POST /v1/audio/transcriptions` and `/translations`: a sound in a form, a text out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from opengateway.dialects.openai_chat import complaints as bad
from opengateway.dialects.openai_operations.decode import (
    of_validation_error,
    refuse_stream,
    request_of,
)
from opengateway.dialects.openai_operations.multipart import BadForm, Part, parts_of
from opengateway.dialects.openai_operations.shapes import Transcriptions
from opengateway.domain.catalog import ModelKind
from opengateway.domain.chat import ChatRequest, Upload
from opengateway.domain.operations import Demand, Operation
from opengateway.kit.json import DecodeError, JsonObject, Raw, RawObject, dumps, loads

MAX_FILE_BYTES: Final = 25 * 1024 * 1024
"""OpenAI's bound; others' are larger."""
LEAST_BYTES_PER_SECOND: Final = 500
"""Opus and AMR speak at 4 kbit/s at least: no sound of that size is longer."""
USUAL_BYTES_PER_SECOND: Final = 8_000
"""An MP3 or M4A of 64 kbit/s."""

_KINDS: Final = (ModelKind.TRANSCRIPTION,)
_LISTS: Final = ("timestamp_granularities", "include", "languages", "keywords")
_NUMBERS: Final = ("temperature",)
_OBJECTS: Final = ("extra", "provider", "debug", "models")
_SWITCHES: Final = ("stream",)
_NUMBER: Final = re.compile(r"-?[0-9]{1,9}(\.[0-9]{1,9})?")
_NAME: Final = re.compile(r"[^\x20-\x7e]|[\"\\]")


def decode_transcription(body: bytes, headers: Mapping[str, str]) -> ChatRequest:
    """Raises `InvalidRequest`."""
    return _decode(body, headers, Operation.TRANSCRIPTIONS)


def decode_translation(body: bytes, headers: Mapping[str, str]) -> ChatRequest:
    """Raises `InvalidRequest`."""
    return _decode(body, headers, Operation.TRANSLATIONS)


def _decode(body: bytes, headers: Mapping[str, str], operation: Operation) -> ChatRequest:
    try:
        parts = parts_of(body, headers.get("content-type", ""))
        upload, members = _sorted(parts)
    except BadForm as error:
        raise bad.wrong(
            bad.INVALID_VALUE,
            None,
            f"the body is not a form as it must be: {error}; send"
            " multipart/form-data with 'file' and 'model'",
        ) from None
    if upload is None:
        raise bad.missing("file", "the sound as a file")
    if not upload.data:
        raise bad.wrong(bad.INVALID_VALUE, "file", "'file' is empty; send the sound")
    if len(upload.data) > MAX_FILE_BYTES:
        raise bad.wrong(
            bad.INVALID_VALUE,
            "file",
            f"'file' is larger than {MAX_FILE_BYTES:,} bytes; send the sound in pieces",
        )
    try:
        params = msgspec.convert(members, Transcriptions)
    except msgspec.ValidationError as error:
        raise of_validation_error(error) from None
    refuse_stream(params, "transcriptions")
    if operation is Operation.TRANSLATIONS and "language" in members:
        raise bad.wrong(
            bad.UNSUPPORTED,
            "language",
            "translations are always into English; leave 'language' out",
        )
    fields: RawObject = {name: Raw(dumps(value)) for name, value in members.items()}
    read = len((params.prompt or "").encode())
    size = len(upload.data)
    demand = Demand(
        operation,
        text_bytes=read,
        seconds=-(-size // LEAST_BYTES_PER_SECOND),
        usual_seconds=-(-size // USUAL_BYTES_PER_SECOND),
    )
    return request_of(
        params,
        fields,
        headers,
        demand,
        _KINDS,
        input_bytes=read,
        upload=upload,
    )


def _sorted(parts: list[Part]) -> tuple[Upload | None, JsonObject]:
    """The file, and the texts by name as the values that they stand for. Raises `BadForm`."""
    upload: Upload | None = None
    members: JsonObject = {}
    for part in parts:
        if part.name == "file":
            if upload is not None:
                raise BadForm("there is more than one 'file'")
            # The vendor tells the kind of sound by the name's ending.
            name = _NAME.sub("_", part.filename or "audio")[-200:]
            upload = Upload(name, part.content_type or "application/octet-stream", part.data)
            continue
        if part.filename is not None:
            raise BadForm(f"the file {part.name[:60]!r} is not expected")
        name = part.name.removesuffix("[]")
        if name in _LISTS:
            members.setdefault(name, []).append(part.text())
        elif name in members:
            raise BadForm(f"the field {name[:60]!r} comes twice")
        else:
            members[name] = _value(name, part.text())
    return upload, members


def _value(name: str, text: str) -> Any:
    if name in _NUMBERS and _NUMBER.fullmatch(text):
        return float(text)
    if name in _SWITCHES and text in ("true", "false"):
        return text == "true"
    if name in _OBJECTS and len(text) <= 8192:
        try:
            return loads(text)
        except (DecodeError, RecursionError):
            return text
    return text
