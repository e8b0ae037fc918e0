"""What a generateContent request may hold, as data. The vendor's API reference, v1beta.

Google's JSON takes member names in camel and in snake case; errors show them in snake case.
"""

from __future__ import annotations

import re

from opengateway.simulator.case_keys import camel
from opengateway.simulator.forms import (
    Anything,
    Base64,
    Form,
    Later,
    Many,
    Mapping,
    Number,
    Reader,
    Switch,
    Table,
    Text,
)

FUNCTION_NAME = r"[a-zA-Z_][a-zA-Z0-9_.:-]{0,63}"
_OBJECT = Anything(mapping=True)
_TYPES = ("STRING", "NUMBER", "INTEGER", "BOOLEAN", "ARRAY", "OBJECT", "NULL")
_BYTES = Base64(url=True)


def _table(required: tuple[str, ...] = (), **members: Form) -> Table:
    return Table(members, frozenset(required))


BLOB = _table(mimeType=Text(), data=_BYTES, displayName=Text())
FILE = _table(("fileUri",), mimeType=Text(), fileUri=Text(), displayName=Text())
_PART_MEMBERS: dict[str, Form] = {
    "text": Text(),
    "inlineData": BLOB,
    "fileData": FILE,
    "functionCall": _table(("name",), id=Text(), name=Text(), args=_OBJECT),
    "functionResponse": _table(
        ("name", "response"),
        id=Text(),
        name=Text(),
        response=_OBJECT,
        parts=Many(_table(inlineData=BLOB, fileData=FILE)),
        willContinue=Switch(),
        scheduling=Text(("SILENT", "WHEN_IDLE", "INTERRUPT")),
    ),
    "executableCode": _table(("code",), id=Text(), language=Text(), code=Text()),
    "codeExecutionResult": _table(("outcome",), id=Text(), outcome=Text(), output=Text()),
    "toolCall": _OBJECT,
    "toolResponse": _OBJECT,
}
DATA = frozenset(_PART_MEMBERS)
"""A part holds one of these."""
PART = Table(
    _PART_MEMBERS
    | {
        "thought": Switch(),
        "thoughtSignature": _BYTES,
        "videoMetadata": _OBJECT,
        "mediaResolution": Anything(),
        "partMetadata": _OBJECT,
    }
)
CONTENT = _table(parts=Many(PART, single=True), role=Text())

SCHEMA: Form = Table(
    {
        "type": Text((*_TYPES, *(name.lower() for name in _TYPES))),
        "properties": Mapping(Later(lambda: SCHEMA)),
        "items": Later(lambda: SCHEMA),
        "anyOf": Many(Later(lambda: SCHEMA)),
        "enum": Many(Text()),
        "required": Many(Text()),
        "propertyOrdering": Many(Text()),
        "nullable": Switch(),
        "default": Anything(),
        "example": Anything(),
        **{name: Text() for name in ("format", "title", "description", "pattern")},
        **{name: Number(fraction=True) for name in ("minimum", "maximum")},
        **{
            name: Anything()  # int64: a number, or a string of digits
            for name in (
                "minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties",
            )
        },
    }
)  # fmt: skip
_DECLARATION = _table(
    ("name",),
    name=Text(pattern=FUNCTION_NAME),
    description=Text(),
    behavior=Text(("BLOCKING", "NON_BLOCKING")),
    parameters=SCHEMA,
    parametersJsonSchema=Anything(),
    response=SCHEMA,
    responseJsonSchema=Anything(),
)
_TOOL_MEMBERS: dict[str, Form] = {
    name: _OBJECT
    for name in (
        "googleSearch", "googleSearchRetrieval", "codeExecution", "urlContext", "googleMaps",
        "computerUse", "fileSearch", "retrieval", "enterpriseWebSearch",
    )
}  # fmt: skip
_TOOL_MEMBERS["functionDeclarations"] = Many(_DECLARATION, single=True)
_TOOL = Table(_TOOL_MEMBERS)
_THINKING = _table(
    includeThoughts=Switch(),
    thinkingBudget=Number(-1, 32_768),
    thinkingLevel=Text(("MINIMAL", "LOW", "MEDIUM", "HIGH", "minimal", "low", "medium", "high")),
)
_GENERATION = _table(
    stopSequences=Many(Text(), most=5),
    responseMimeType=Text(),
    responseSchema=SCHEMA,
    responseJsonSchema=Anything(),
    responseModalities=Many(Text(("TEXT", "IMAGE", "AUDIO"))),
    candidateCount=Number(1, 8),
    maxOutputTokens=Number(1),
    temperature=Number(0, 2, fraction=True),
    topP=Number(0, 1, fraction=True),
    topK=Number(1, fraction=True),
    seed=Number(-(2**31), 2**31 - 1),
    presencePenalty=Number(-2, 2, fraction=True),
    frequencyPenalty=Number(-2, 2, fraction=True),
    responseLogprobs=Switch(),
    logprobs=Number(0, 20),
    enableEnhancedCivicAnswers=Switch(),
    speechConfig=_OBJECT,
    imageConfig=_OBJECT,
    thinkingConfig=_THINKING,
    mediaResolution=Text(),
    audioTimestamp=Switch(),
)
_CALLING = _table(
    mode=Text(("MODE_UNSPECIFIED", "AUTO", "ANY", "NONE", "VALIDATED")),
    allowedFunctionNames=Many(Text()),
    streamFunctionCallArguments=Switch(),
)
_REQUEST: dict[str, Form] = {
    "model": Text(),
    "contents": Many(CONTENT, single=True),
    "systemInstruction": CONTENT,
    "tools": Many(_TOOL, single=True),
    "toolConfig": _table(
        functionCallingConfig=_CALLING,
        retrievalConfig=_OBJECT,
        includeServerSideToolInvocations=Switch(),
    ),
    "safetySettings": Many(_table(("category", "threshold"), category=Text(), threshold=Text(),
                                  method=Text())),
    "generationConfig": _GENERATION,
    "cachedContent": Text(),
    "serviceTier": Text(),
    "store": Switch(),
}  # fmt: skip
_NEEDED = frozenset(("contents",))
REQUEST = Table(_REQUEST, _NEEDED)
VERTEX_REQUEST = Table(_REQUEST | {"labels": Mapping(Text())}, _NEEDED)
COUNT = _table(contents=Many(CONTENT, single=True), generateContentRequest=REQUEST)
VERTEX_COUNT = Table(
    {
        name: _REQUEST[name]
        for name in ("model", "contents", "systemInstruction", "tools", "generationConfig")
    },
    _NEEDED,
)


def snake(name: str) -> str:
    return re.sub(r"[A-Z]", lambda found: f"_{found[0].lower()}", name)


_WORDS = {
    "text": "TYPE_STRING",
    "integer": "TYPE_INT32",
    "number": "TYPE_FLOAT",
    "boolean": "TYPE_BOOL",
    "object": "TYPE_MESSAGE",
    "array": "TYPE_MESSAGE",
}
READER = Reader(canonical=camel, shown=snake, words=_WORDS)
