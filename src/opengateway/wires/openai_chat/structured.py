"""A JSON Schema for vendors that know `json_object` only: their mode holds the answer to JSON, and
the schema is said in the instructions."""

from __future__ import annotations

from typing import Final

import msgspec

from opengateway.kit.json import Raw, RawObject, dumps, loads, loads_raw_object
from opengateway.wires.emulation import schema_instruction

_MODE: Final = Raw(b'{"type":"json_object"}')
_NO_SCHEMA: Final = Raw(b"{}")
_INSTRUCTING: Final = (b'"system"', b'"developer"')
_decode = msgspec.json.Decoder(list[dict[str, msgspec.Raw]]).decode


def say_schema(fields: RawObject) -> None:
    """Change `response_format` and `messages` in place."""
    form = loads_raw_object(fields["response_format"])
    described = loads_raw_object(form["json_schema"])
    schema = described.get("schema", _NO_SCHEMA)
    told = schema_instruction(schema, with_tools="tools" in fields)
    messages = _decode(fields["messages"])
    first = messages[0] if messages else {}
    content = bytes(first.get("content", Raw(b"null")))
    if bytes(first.get("role", Raw(b""))) in _INSTRUCTING and content.startswith(b'"'):
        first["content"] = Raw(dumps(f"{loads(content)}\n\n{told}"))
    else:
        messages.insert(0, {"role": Raw(b'"system"'), "content": Raw(dumps(told))})
    fields["messages"] = Raw(dumps(messages))
    fields["response_format"] = _MODE
