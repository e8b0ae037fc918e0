"""A generateContent request as the generator reads it."""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

from opengateway.kit import json
from opengateway.simulator.reading import DIRECTIVE, Ask, sniff
from opengateway.simulator.settings import ModelTraits


def read_ask(
    body: dict[str, Any], traits: ModelTraits, target_tokens: int | None, model: str
) -> Ask:
    """Read a request that the rules let through. `target_tokens` is a directive's wish."""
    contents = body["contents"]
    config = body.get("generationConfig") or {}
    thinking = config.get("thinkingConfig") or {}
    last = contents[-1]["parts"]
    answers = [part["functionResponse"] for part in last if "functionResponse" in part]
    calling = (body.get("toolConfig") or {}).get("functionCallingConfig") or {}
    tools = _tools(body, calling)
    return Ask(
        seed=_seed(body, target_tokens, model),
        question=DIRECTIVE.sub("", user_text(contents)).strip(),
        after_tool=bool(answers) and not any(part.get("text") for part in last),
        tool_results=tuple(_result(answer["response"]) for answer in answers),
        images=_images(contents),
        files=_files(contents),
        tools=tools,
        forced=tuple(tools) if calling.get("mode") == "ANY" and tools else None,
        parallel=True,
        max_tokens=config.get("maxOutputTokens"),
        stop=tuple(each for each in config.get("stopSequences") or () if each),
        n=config.get("candidateCount") or 1,
        json_schema=_schema(config),
        reasoning=traits.reasons and thinking.get("thinkingBudget") != 0,
        show_reasoning=thinking.get("includeThoughts") is True,
        logprobs=None,
        include_usage=True,
    )


def user_text(contents: Any) -> str:
    """The newest text of the user's, as it came; empty for what is no conversation."""
    for content in reversed(contents) if isinstance(contents, list) else ():
        parts = content.get("parts") if isinstance(content, dict) else None
        if not isinstance(parts, list) or content.get("role", "user") == "model":
            continue
        texts = [part.get("text") for part in parts if isinstance(part, dict)]
        if found := "\n".join(text for text in texts if isinstance(text, str)):
            return found
    return ""


def countable(body: dict[str, Any], model: str) -> dict[str, Any]:
    """The request in the shape that the prompt cache counts: messages of texts and images."""
    contents = list(body.get("contents") or ())
    if (system := body.get("systemInstruction")) is not None:
        contents.insert(0, system | {"role": "system"})
    messages = [
        {
            "role": content.get("role", "user"),
            "content": [_countable(part) for part in content.get("parts") or ()],
        }
        for content in contents
    ]
    return {"model": model, "tools": body.get("tools"), "messages": messages}


def _countable(part: dict[str, Any]) -> dict[str, Any]:
    if "inlineData" in part or "fileData" in part:
        return {"type": "media", "media": part}
    return {"type": "text", "text": part.get("text") or json.dumps(part).decode()}


def _seed(body: dict[str, Any], target_tokens: int | None, model: str) -> int:
    wanted = [body.get(name) for name in ("contents", "systemInstruction", "tools")]
    seed = (body.get("generationConfig") or {}).get("seed")
    digest = blake2b(json.dumps([wanted, seed, model, target_tokens]), digest_size=8)
    return int.from_bytes(digest.digest(), "big")


def _result(response: dict[str, Any]) -> str:
    """What a tool said: the text itself where the response is one wrapped text."""
    if len(response) == 1:
        (only,) = response.values()
        if isinstance(only, str):
            return only
    return json.dumps(response).decode()


def _tools(body: dict[str, Any], calling: dict[str, Any]) -> dict[str, dict[str, Any]]:
    if calling.get("mode") == "NONE":
        return {}
    allowed = calling.get("allowedFunctionNames")
    found: dict[str, dict[str, Any]] = {}
    for tool in body.get("tools") or ():
        for declared in tool.get("functionDeclarations") or ():
            schema = declared.get("parametersJsonSchema")
            if schema is None:
                schema = plain_schema(declared.get("parameters") or {})
            if not allowed or declared["name"] in allowed:
                found[declared["name"]] = {"kind": "function", "schema": schema}
    return found


def _schema(config: dict[str, Any]) -> dict[str, Any] | None:
    """The schema of a JSON answer; `{}` for any JSON."""
    if config.get("responseMimeType") != "application/json":
        return None
    schema = config.get("responseJsonSchema")
    if schema is None:
        schema = plain_schema(config.get("responseSchema") or {})
    return schema if isinstance(schema, dict) else {}


def plain_schema(schema: Any) -> Any:
    """The vendor's own subset as JSON Schema: types in lower case, counts as numbers."""
    if not isinstance(schema, dict):
        return schema
    made = dict(schema)
    if isinstance(kind := made.get("type"), str):
        made["type"] = kind.lower()
    for name, value in schema.items():
        if name.startswith(("min", "max")) and isinstance(value, str) and value.isdigit():
            made[name] = int(value)
    if "properties" in made:
        made["properties"] = {n: plain_schema(v) for n, v in schema["properties"].items()}
    if "items" in made:
        made["items"] = plain_schema(schema["items"])
    if "anyOf" in made:
        made["anyOf"] = [plain_schema(each) for each in schema["anyOf"]]
    return made


def _blobs(contents: list[dict[str, Any]]) -> list[dict[str, Any]]:
    found = []
    for content in contents:
        for part in content["parts"]:
            inner = (part.get("functionResponse") or {}).get("parts") or ()
            found += [p for p in (part, *inner) if "inlineData" in p or "fileData" in p]
    return found


def _images(contents: list[dict[str, Any]]) -> tuple[str, ...]:
    kinds = []
    for part in _blobs(contents):
        blob = part.get("inlineData")
        if blob is None and str(part["fileData"].get("mimeType", "image/")).startswith("image/"):
            kinds.append("link")
        elif blob is not None and blob["mimeType"].startswith("image/"):
            data = blob["data"][:16].translate(str.maketrans("-_", "+/"))
            kinds.append(sniff(f"data:{blob['mimeType']};base64,{data}"))
    return tuple(kinds)


def _files(contents: list[dict[str, Any]]) -> int:
    return len(_blobs(contents)) - len(_images(contents))
