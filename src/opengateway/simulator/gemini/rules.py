"""What the vendor refuses beyond the shape of a request: turns, signatures, schemas, thinking."""

from __future__ import annotations

from typing import Any

from opengateway.kit import json
from opengateway.simulator.forms import Path, Table
from opengateway.simulator.gemini.forms import (
    COUNT,
    DATA,
    READER,
    REQUEST,
    VERTEX_COUNT,
    VERTEX_REQUEST,
)
from opengateway.simulator.personas import Refusal
from opengateway.simulator.settings import ModelTraits
from opengateway.simulator.signatures import Signer

SKIP = ("skip_thought_signature_validator", "context_engineering_is_the_way_to_go")
"""Signatures that the vendor documents for calls which another model made."""
CALL, TEXT = "function call", "text"
_MEDIA = ("image/", "audio/", "video/", "text/", "application/pdf", "application/json")
_IMAGES = ("image/png", "image/jpeg", "image/webp", "image/heic", "image/heif")
MAX_FLASH_BUDGET = 24_576


def read_request(body: Any, *, counting: bool, vertex: bool) -> dict[str, Any]:
    """The request with its names in camel case, if its shape is right. Raises `Refusal`."""
    if not isinstance(body, dict):
        raise Refusal("bad_json")
    form: Table = VERTEX_REQUEST if vertex else REQUEST
    if counting:
        form = VERTEX_COUNT if vertex else COUNT
    made: dict[str, Any] = READER.read(form, _unsentinel(body))
    return made


def check_request(
    body: dict[str, Any], traits: ModelTraits | None, signer: Signer, *, recorded: bool
) -> None:
    """Raises `Refusal`. `body` is what `read_request` gave.

    `recorded` is for a request that a recording answers, which may name what was cached then.
    """
    contents = body.get("contents") or []
    if not contents:
        raise Refusal("plain", (), message="* GenerateContentRequest.contents: contents is not "
                      "specified\n")  # fmt: skip
    for index, content in enumerate(contents):
        _check_content(content, ("contents", index))
    if (system := body.get("systemInstruction")) is not None:
        _check_parts(system, ("system_instruction",))
    _check_tools(body)
    _check_generation(body, traits)
    _check_turns(contents)
    if traits is not None and traits.newest:
        _check_signatures(contents, signer)
    if body.get("cachedContent") is not None and not recorded:
        raise Refusal("no_cached_content")


def call_text(call: dict[str, Any]) -> str:
    """What a signature of a call stands for, whatever the order of its arguments."""
    return f"{call['name']}\0{_sorted(call.get('args') or {})}"


def _sorted(value: Any) -> str:
    if isinstance(value, dict):
        inner = ",".join(f"{name}:{_sorted(value[name])}" for name in sorted(value))
        return f"{{{inner}}}"
    if isinstance(value, list):
        return f"[{','.join(map(_sorted, value))}]"
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # a number is a double there, and 1.0 comes back as 1
    return json.dumps(value).decode()


def _unsentinel(body: dict[str, Any]) -> dict[str, Any]:
    """The documented sentinels are no base64; everything else must be."""
    contents = body.get("contents")
    if not isinstance(contents, list):
        return body
    return body | {"contents": [_without_sentinels(content) for content in contents]}


def _without_sentinels(content: Any) -> Any:
    parts = content.get("parts") if isinstance(content, dict) else None
    if not isinstance(parts, list):
        return content
    made = []
    for part in parts:
        for name in ("thoughtSignature", "thought_signature"):
            if isinstance(part, dict) and part.get(name) in SKIP:
                part = part | {name: SENTINEL}
        made.append(part)
    return content | {"parts": made}


SENTINEL = "c2tpcHBlZA=="
"""What stands for a sentinel once it has been read: the base64 of "skipped"."""


def _plain(message: str) -> Refusal:
    return Refusal("plain", (), message=message)


def _field(path: Path, text: str) -> Refusal:
    where = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return _plain(f"* GenerateContentRequest{where}: {text}\n")


def _check_content(content: dict[str, Any], path: Path) -> None:
    if content.get("role", "user") not in ("user", "model", "function"):
        raise _plain("Please use a valid role: user, model.")
    _check_parts(content, path)


def _check_parts(content: dict[str, Any], path: Path) -> None:
    parts = content.get("parts") or []
    if not parts:
        raise _field((*path, "parts"), "contents.parts must not be empty.")
    for index, part in enumerate(parts):
        here: Path = (*path, "parts", index)
        held = DATA & part.keys()
        if not held:
            raise _field(
                (*here, "data"), "required oneof field 'data' must have one initialized field"
            )
        if len(held) > 1:
            raise _field((*here, "data"), "oneof field 'data' is already set.")
        if (blob := part.get("inlineData")) is not None:
            _check_blob(blob, (*here, "inline_data"))
        for inner in (part.get("functionResponse") or {}).get("parts") or ():
            if (blob := inner.get("inlineData")) is not None:
                _check_blob(blob, (*here, "function_response", "parts", "inline_data"))


def _check_blob(blob: dict[str, Any], path: Path) -> None:
    kind = blob.get("mimeType", "")
    wrong = kind.startswith("image/") and kind not in _IMAGES
    if wrong or not kind.startswith(_MEDIA):
        raise _plain(f"Unsupported MIME type: {kind[:80]}")
    if not blob.get("data"):
        raise _field((*path, "data"), "data must not be empty.")


def _check_tools(body: dict[str, Any]) -> None:
    names: set[str] = set()
    for at, tool in enumerate(body.get("tools") or ()):
        for index, declared in enumerate(tool.get("functionDeclarations") or ()):
            path: Path = ("tools", at, "function_declarations", index)
            if "parameters" in declared and "parametersJsonSchema" in declared:
                raise _field(
                    (*path, "parameters_json_schema"),
                    "parameters_json_schema must not be set when parameters is set.",
                )
            if declared["name"] in names:
                raise _plain(f"Duplicate function declaration found: {declared['name'][:64]}")
            names.add(declared["name"])
            if "parameters" in declared:
                _check_schema(declared["parameters"], (*path, "parameters"))
    calling = (body.get("toolConfig") or {}).get("functionCallingConfig") or {}
    allowed = calling.get("allowedFunctionNames")
    if not allowed:
        return
    if calling.get("mode") not in ("ANY", "VALIDATED"):
        raise _plain(
            "allowed_function_names should only be set when the function calling mode is ANY or "
            "VALIDATED."
        )
    if unknown := [name for name in allowed if name not in names]:
        raise _field(
            ("tool_config", "function_calling_config", "allowed_function_names"),
            f"unknown function {unknown[0][:64]}",
        )


def _check_schema(schema: dict[str, Any], path: Path) -> None:
    kind = str(schema.get("type", "")).upper()
    if not kind and "anyOf" not in schema:
        raise _field((*path, "type"), "must be specified")
    if kind == "ARRAY" and "items" not in schema:
        raise _field((*path, "items"), "missing field.")
    if "enum" in schema and kind != "STRING":
        raise _field((*path, "enum"), "only allowed for STRING type")
    properties = schema.get("properties") or {}
    for name in schema.get("required") or ():
        if name not in properties:
            raise _field((*path, "required"), f"property is not defined: {name[:64]}")
    for name, inner in properties.items():
        _check_schema(inner, (*path, f"properties[{name[:64]}]"))
    if "items" in schema:
        _check_schema(schema["items"], (*path, "items"))
    for index, inner in enumerate(schema.get("anyOf") or ()):
        _check_schema(inner, (*path, "any_of", index))


def _check_generation(body: dict[str, Any], traits: ModelTraits | None) -> None:
    config = body.get("generationConfig") or {}
    shaped = [n for n in ("responseSchema", "responseJsonSchema") if n in config]
    kind = config.get("responseMimeType", "text/plain")
    if kind not in ("text/plain", "application/json"):
        raise _field(
            ("generation_config", "response_mime_type"),
            "allowed mimetypes are `text/plain` and `application/json`.",
        )
    if len(shaped) == 2:
        raise _plain("response_schema and response_json_schema cannot both be set.")
    if shaped and kind != "application/json":
        raise _field(
            ("generation_config", "response_schema"),
            "only supported with response_mime_type `application/json`.",
        )
    declared = any("functionDeclarations" in tool for tool in body.get("tools") or ())
    if kind == "application/json" and declared and traits is not None and not traits.newest:
        raise _plain(
            "Function calling with a response mime type: 'application/json' is unsupported"
        )
    if "logprobs" in config and not config.get("responseLogprobs"):
        raise _plain("logprobs is only valid if response_logprobs is true.")
    _check_thinking(config.get("thinkingConfig") or {}, traits)


def _check_thinking(config: dict[str, Any], traits: ModelTraits | None) -> None:
    budget = config.get("thinkingBudget")
    if budget is not None and "thinkingLevel" in config:
        raise _plain("You can only set one of thinking budget and thinking level.")
    if traits is None:
        return
    if "thinkingLevel" in config and not traits.newest:
        raise _plain("Thinking level is not supported for this model.")
    if budget is None:
        return
    if traits.newest and budget == 0:
        raise _plain("Budget 0 is invalid. This model only works in thinking mode.")
    if budget > MAX_FLASH_BUDGET and not traits.newest:
        raise _plain(
            f"The thinking budget {budget} is invalid. Please choose a value between 0 and "
            f"{MAX_FLASH_BUDGET}."
        )


def _check_turns(contents: list[dict[str, Any]]) -> None:
    """Calls follow the user, answers follow calls, and there are as many of them, by name."""
    waiting: list[str] = []
    previous = ""
    for content in contents:
        calls = [p["functionCall"]["name"] for p in content["parts"] if "functionCall" in p]
        answers = [
            p["functionResponse"]["name"] for p in content["parts"] if "functionResponse" in p
        ]
        if answers and not waiting:
            raise _plain(
                "Please ensure that function response turn comes immediately after a function "
                "call turn."
            )
        if waiting and len(answers) != len(waiting):
            raise _plain(
                "Please ensure that the number of function response parts is equal to the number "
                "of function call parts of the function call turn."
            )
        if waiting and sorted(answers) != sorted(waiting):
            raise _plain(
                "Please ensure that the names of function response parts are those of the "
                "function call parts of the function call turn."
            )
        role = content.get("role", "user")
        if calls and role != "model":
            raise _plain("Please ensure that function call parts have the role: model.")
        if calls and previous in ("", "model"):
            raise _plain(
                "Please ensure that function call turn comes immediately after a user turn or "
                "after a function response turn."
            )
        waiting, previous = calls, role
    if waiting:
        raise _plain(
            "Please ensure that function call turn is followed by a function response turn."
        )


def _check_signatures(contents: list[dict[str, Any]], signer: Signer) -> None:
    """In the turn that is under way, the first call of each step carries its signature."""
    start = 0
    for index, content in enumerate(contents):
        answers = any("functionResponse" in part for part in content["parts"])
        if content.get("role", "user") != "model" and not answers:
            start = index
    for index in range(start, len(contents)):
        parts = contents[index]["parts"]
        first = True
        for place, part in enumerate(parts):
            signature = part.get("thoughtSignature")
            call = part.get("functionCall")
            if call is not None and first and not signature:
                raise _plain(
                    "Function call is missing a thought_signature in functionCall parts. This is "
                    "required for tools to work correctly, and missing thought_signature may lead "
                    "to degraded model performance. Additional data, function call "
                    f"`default_api:{call['name'][:64]}` , position {place + 1}. Please refer to "
                    "https://ai.google.dev/gemini-api/docs/thought-signatures for more details."
                )
            first = first and call is None
            if signature and signature != SENTINEL:
                held = (CALL, call_text(call)) if call is not None else (TEXT, "")
                if not signer.holds(*held, signature):
                    raise _plain("Corrupted thought signature.")
