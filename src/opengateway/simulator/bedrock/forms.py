"""What a Converse request may hold, as data. Amazon Bedrock's API reference, Runtime, as of 2026-09."""

from __future__ import annotations

from opengateway.simulator.forms import (
    Anything,
    Base64,
    Form,
    Many,
    Mapping,
    Number,
    Reader,
    Switch,
    Table,
    Text,
)

_OBJECT = Anything(mapping=True)
_NAME = r"[a-zA-Z0-9_-]{1,64}"
_ID = r"[a-zA-Z0-9_.:-]{1,64}"


def _table(required: tuple[str, ...] = (), **members: Form) -> Table:
    return Table(members, frozenset(required))


_S3 = _table(("uri",), uri=Text(pattern=r"s3://.{1,1024}"), bucketOwner=Text())
_SOURCE = _table(bytes=Base64(), s3Location=_S3)
_IMAGE = _table(("format", "source"), format=Text(("png", "jpeg", "gif", "webp")), source=_SOURCE)
_DOCUMENT = _table(
    ("name", "source"),
    format=Text(("pdf", "csv", "doc", "docx", "xls", "xlsx", "html", "txt", "md")),
    name=Text(least=1, most=200),
    source=_table(bytes=Base64(), s3Location=_S3, text=Text(least=1)),
    context=Text(),
    citations=_table(enabled=Switch()),
)
_VIDEO = _table(
    ("format", "source"),
    format=Text(("mkv", "mov", "mp4", "webm", "flv", "mpeg", "mpg", "wmv", "three_gp")),
    source=_SOURCE,
)
_AUDIO = _table(("format", "source"), format=Text(), source=_SOURCE)
POINT = _table(("type",), type=Text(("default",)), ttl=Text(("5m", "1h")))
_RESULT_PART = _table(
    text=Text(),
    json=Anything(),
    image=_IMAGE,
    document=_DOCUMENT,
    video=_VIDEO,
    searchResult=_OBJECT,
)
_BLOCK_MEMBERS: dict[str, Form] = {
    "text": Text(),
    "image": _IMAGE,
    "document": _DOCUMENT,
    "video": _VIDEO,
    "audio": _AUDIO,
    "toolUse": _table(
        ("toolUseId", "name", "input"),
        toolUseId=Text(pattern=_ID),
        name=Text(pattern=_NAME),
        input=Anything(),
        type=Text(("server_tool_use", "tool_use")),
    ),
    "toolResult": _table(
        ("toolUseId", "content"),
        toolUseId=Text(pattern=_ID),
        content=Many(_RESULT_PART),
        status=Text(("success", "error")),
        type=Text(),
    ),
    "guardContent": _OBJECT,
    "cachePoint": POINT,
    "reasoningContent": _table(
        reasoningText=_table(("text",), text=Text(), signature=Text()),
        redactedContent=Base64(),
    ),
    "citationsContent": _OBJECT,
    "searchResult": _OBJECT,
}
BLOCK = Table(_BLOCK_MEMBERS)
"""Holds one of its members."""
_TOOL = _table(
    toolSpec=_table(
        ("name", "inputSchema"),
        name=Text(pattern=_NAME),
        description=Text(least=1),
        inputSchema=_table(json=_OBJECT),
        strict=Switch(),
    ),
    systemTool=_table(("name",), name=Text(pattern=_NAME)),
    cachePoint=POINT,
)
_CHOICE = _table(auto=_OBJECT, any=_OBJECT, tool=_table(("name",), name=Text(pattern=_NAME)))
_SCHEMA = _table(("schema",), schema=Text(), name=Text(), description=Text())
REQUEST = _table(
    ("messages",),
    messages=Many(
        _table(("role", "content"), role=Text(("user", "assistant")), content=Many(BLOCK))
    ),
    system=Many(_table(text=Text(), guardContent=_OBJECT, cachePoint=POINT)),
    inferenceConfig=_table(
        maxTokens=Number(low=1),
        temperature=Number(low=0, high=1, fraction=True),
        topP=Number(low=0, high=1, fraction=True),
        stopSequences=Many(Text(least=1), most=2500),
    ),
    toolConfig=_table(("tools",), tools=Many(_TOOL, least=1), toolChoice=_CHOICE),
    outputConfig=_table(
        textFormat=_table(
            ("type", "structure"),
            type=Text(("json_schema",)),
            structure=_table(jsonSchema=_SCHEMA),
        )
    ),
    guardrailConfig=_OBJECT,
    performanceConfig=_table(latency=Text(("standard", "optimized"))),
    serviceTier=_table(("type",), type=Text(("default", "flex", "priority", "reserved"))),
    requestMetadata=Mapping(Text()),
    promptVariables=_OBJECT,
    additionalModelRequestFields=_OBJECT,
    additionalModelResponseFieldPaths=Many(Text()),
)
READER = Reader(
    words={
        "text": "a string",
        "integer": "an integer",
        "number": "a number",
        "boolean": "a boolean",
        "object": "a structure",
        "array": "a list",
    }
)
