"""Gemini's wire refuses what the vendor refuses, in its words."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from simulated import GEMINI, Got, Running, gemini, send
from test_gemini_generation import CLOCK, PNG, TOOLS, WEATHER, parts

USER = {"role": "user", "parts": [{"text": "Hi"}]}


def model(*made: Any) -> dict[str, Any]:
    return {"role": "model", "parts": list(made)}


def user(*made: Any) -> dict[str, Any]:
    return {"role": "user", "parts": list(made)}


def call(name: str = "get_weather", **more: Any) -> dict[str, Any]:
    return {"functionCall": {"name": name, "args": {}}} | more


def answer(name: str = "get_weather") -> dict[str, Any]:
    return {"functionResponse": {"name": name, "response": {"result": "ok"}}}


def config(**members: Any) -> dict[str, Any]:
    return {"generationConfig": members}


def declared(**more: Any) -> dict[str, Any]:
    return {"tools": [{"functionDeclarations": [{"name": "f"} | more]}]}


def schema(**members: Any) -> dict[str, Any]:
    return declared(parameters={"type": "OBJECT", "properties": {"a": members}})


BAD: list[tuple[dict[str, Any], str]] = [
    ({"contents": []}, "contents is not specified"),
    ({"messages": []}, 'Unknown name "messages": Cannot find field.'),
    (config(max_tokens=1), "Unknown name \"max_tokens\" at 'generation_config': Cannot find field."),
    ({"contents": [USER | {"name": "x"}]}, "Unknown name \"name\" at 'contents[0]'"),
    ({"contents": [user({"type": "text"})]}, "Unknown name \"type\" at 'contents[0].parts[0]'"),
    ({"labels": {"a": "b"}}, 'Unknown name "labels"'),
    ({"contents": [{"role": "assistant", "parts": [{"text": "x"}]}]}, "Please use a valid role"),
    ({"contents": [user()]}, "contents[0].parts: contents.parts must not be empty"),
    ({"contents": [user({})]}, "required oneof field 'data' must have one initialized field"),
    ({"contents": [user({"text": 1})]}, "Invalid value at 'contents[0].parts[0].text' (TYPE_STRING)"),
    (
        {"contents": [user({"inlineData": {"mimeType": "image/png", "data": "%"}})]},
        "Invalid value at 'contents[0].parts[0].inline_data.data' (TYPE_BYTES), Base64 decoding",
    ),
    (
        {"contents": [user({"inlineData": {"mimeType": "image/bmp", "data": PNG}})]},
        "Unsupported MIME type: image/bmp",
    ),
    (config(temperature=2.5), "must be less than or equal to 2"),
    (config(candidateCount=9), "must be less than or equal to 8"),
    (config(stopSequences=["a"] * 6), "must have at most 5 items"),
    (config(responseMimeType="text/html"), "allowed mimetypes are"),
    (config(responseJsonSchema={}), "only supported with response_mime_type `application/json`"),
    (
        config(responseMimeType="application/json", responseJsonSchema={}, responseSchema={"type": "OBJECT"}),
        "cannot both be set",
    ),
    (
        config(responseMimeType="application/json") | {"tools": TOOLS},
        "Function calling with a response mime type",
    ),
    (
        config(thinkingConfig={"thinkingBudget": 1024, "thinkingLevel": "LOW"}),
        "You can only set one of thinking budget and thinking level",
    ),
    (config(thinkingConfig={"thinkingLevel": "LOW"}), "Thinking level is not supported"),
    (config(thinkingConfig={"thinkingLevel": "max"}), "(TYPE_ENUM), \"max\""),
    (config(thinkingConfig={"thinkingBudget": 30000}), "The thinking budget 30000 is invalid"),
    (
        config(thinkingConfig={"thinkingBudget": 0}) | {"model_": "sim-gemini-3"},
        "This model only works in thinking mode",
    ),
    (declared(name="1f"), "Invalid function name"),
    (declared(strict=True), "Unknown name \"strict\" at 'tools[0].function_declarations[0]'"),
    (
        declared(parameters={"type": "OBJECT"}, parametersJsonSchema={"type": "object"}),
        "parameters_json_schema must not be set when parameters is set",
    ),
    (
        schema(type="OBJECT", additionalProperties=False),
        "\"additionalProperties\" at 'tools[0].function_declarations[0].parameters.properties.a'",
    ),
    (schema(type=["STRING", "NULL"]), "(TYPE_STRING)"),
    (schema(type="ARRAY"), "items: missing field"),
    (schema(type="INTEGER", enum=["1"]), "only allowed for STRING type"),
    (declared(parameters={"type": "OBJECT", "required": ["x"]}), "property is not defined: x"),
    (
        {"toolConfig": {"functionCallingConfig": {"mode": "REQUIRED"}}},
        "Invalid value at 'tool_config.function_calling_config.mode' (TYPE_ENUM), \"REQUIRED\"",
    ),
    (
        {"tools": TOOLS, "toolConfig": {"functionCallingConfig": {"mode": "AUTO", "allowedFunctionNames": ["get_time"]}}},
        "allowed_function_names should only be set",
    ),
    ({"tools": [{"functionDeclarations": [CLOCK, CLOCK]}]}, "Duplicate function declaration"),
    (
        {"contents": [USER, model(call(), call("get_time")), user(answer())]},
        "the number of function response parts is equal to the number of function call parts",
    ),
    ({"contents": [USER, model(call()), user(answer("get_time"))]}, "names of function response"),
    ({"contents": [USER, model(call()), USER]}, "the number of function response parts"),
    ({"contents": [USER, user(answer())]}, "function response turn comes immediately after"),
    ({"contents": [model(call()), user(answer())]}, "function call turn comes immediately after"),
    ({"contents": [USER, model(call())]}, "followed by a function response turn"),
]  # fmt: skip


@pytest.mark.parametrize(("members", "says"), BAD)
def test_what_the_vendor_refuses_is_refused(
    simulator: Running, members: dict[str, Any], says: str
) -> None:
    body = dict(members)
    got = gemini(simulator, model=body.pop("model_", "sim-gemini"), **body)
    error = got.json["error"]
    assert (got.status, error["code"], error["status"]) == (400, 400, "INVALID_ARGUMENT"), got.body
    assert says in error["message"]


def test_an_unknown_name_is_a_field_violation(simulator: Running) -> None:
    details = gemini(simulator, generationConfig={"foo": 1}).json["error"]["details"]
    violation = details[0]["fieldViolations"][0]
    assert violation["field"] == "generation_config"
    assert "Cannot find field" in violation["description"]


GOOD: list[dict[str, Any]] = [
    {"generation_config": {"max_output_tokens": 900, "thinking_config": {"include_thoughts": True}}},
    {"contents": [{"parts": [{"text": "no role"}]}]},
    {"contents": {"parts": {"text": "one for a list"}}},
    {"contents": [USER, USER, model({"text": "x"}), USER]},
    {"contents": [USER, model(call(), call("get_time")), user(answer("get_time"), answer())]},
    {"tools": [{"googleSearch": {}}, {"functionDeclarations": [WEATHER]}]},
    {"generationConfig": {"thinkingConfig": {"thinkingLevel": "high"}}, "model": "sim-gemini-3"},
    {"generationConfig": {"responseMimeType": "application/json"}, "tools": TOOLS, "model": "sim-gemini-3"},
    {"systemInstruction": {"parts": [{"text": "Be kind."}]}, "safetySettings": []},
]  # fmt: skip


@pytest.mark.parametrize("members", GOOD)
def test_what_the_vendor_takes_is_taken(simulator: Running, members: dict[str, Any]) -> None:
    got = gemini(simulator, **members)
    assert got.status == 200, got.body


def test_a_key_is_needed_and_checked(simulator: Running) -> None:
    got = gemini(simulator, headers={})
    assert (got.status, got.json["error"]["status"]) == (403, "PERMISSION_DENIED")
    got = gemini(simulator, headers={"x-goog-api-key": "bad-key"})
    assert (got.status, got.json["error"]["details"][0]["reason"]) == (400, "API_KEY_INVALID")


def test_addresses_and_models_that_are_not_there_are_not_found(simulator: Running) -> None:
    got = gemini(simulator, model="gemini-none")
    assert (got.status, got.json["error"]["status"]) == (404, "NOT_FOUND")
    assert "models/gemini-none is not found for API version v1beta" in got.json["error"]["message"]
    for path in ("/gemini/v1beta/models/sim-gemini:predict", "/gemini/v2/models/x:generateContent"):
        assert gemini(simulator, path=path).status == 404
    path = "/gemini/v1beta/models/sim-gemini:generateContent"
    for raw in (b"{", b"[]"):
        assert send(simulator, "POST", path, raw, headers=GEMINI).json["error"]["code"] == 400


def test_content_that_nobody_cached_is_forbidden(simulator: Running) -> None:
    assert gemini(simulator, cachedContent="cachedContents/x").status == 403


# --- signatures -------------------------------------------------------------------------------------


def loop(
    simulator: Running, change: Any, name: str = "sim-gemini-3", *, closed: bool = False
) -> Got:
    """Two parallel calls and their answers, the calls changed by `change` before they go back."""
    asked = user({"text": "Call get_weather and get_time for Oslo"})
    made = parts(gemini(simulator, asked["parts"][0]["text"], model=name, tools=TOOLS))
    assert len(made) == 2
    turns = [asked, model(*change(made)), user(answer(), answer("get_time"))]
    if closed:
        turns += [model({"text": "Cold."}), USER]
    return gemini(simulator, model=name, contents=turns, tools=TOOLS)


def signed(part: dict[str, Any], signature: str) -> dict[str, Any]:
    return part | {"thoughtSignature": signature}


def forged(part: dict[str, Any]) -> dict[str, Any]:
    raw = bytearray(base64.b64decode(part["thoughtSignature"]))
    raw[-1] ^= 1
    return signed(part, base64.b64encode(raw).decode())


def url_safe(part: dict[str, Any]) -> dict[str, Any]:
    text = part["thoughtSignature"].translate(str.maketrans("+/", "-_")).rstrip("=")
    kept = {k: v for k, v in part.items() if k != "thoughtSignature"}
    return kept | {"thought_signature": text}


def bare(part: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in part.items() if k != "thoughtSignature"}


def recalled(part: dict[str, Any], args: dict[str, Any]) -> dict[str, Any]:
    return part | {"functionCall": part["functionCall"] | {"args": args}}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda made: made, ""),
        (lambda made: [url_safe(made[0]), made[1]], ""),
        (lambda made: [signed(made[0], "skip_thought_signature_validator"), made[1]], ""),
        (lambda made: [bare(made[0]), made[1]], "Function call is missing a thought_signature"),
        (lambda made: made[::-1], "Function call is missing a thought_signature"),
        (lambda made: [forged(made[0]), made[1]], "Corrupted thought signature"),
        (lambda made: [recalled(made[0], {"city": "Rome"}), made[1]], "Corrupted thought"),
        (lambda made: [signed(made[0], "EpwICpkIAXLI2nxl"), made[1]], "Corrupted thought"),
    ],
)
def test_the_first_call_of_a_step_comes_back_signed(
    simulator: Running, change: Any, says: str
) -> None:
    got = loop(simulator, change)
    if says:
        assert (got.status, says in got.json["error"]["message"]) == (400, True), got.body
    else:
        assert got.status == 200, got.body


def test_older_turns_and_older_models_need_no_signature(simulator: Running) -> None:
    def strip(made: list[Any]) -> list[Any]:
        return [bare(part) for part in made]

    assert loop(simulator, strip, closed=True).status == 200
    assert loop(simulator, strip, "sim-gemini").status == 200


def test_the_order_of_arguments_does_not_matter_to_a_signature(simulator: Running) -> None:
    number = {"type": "OBJECT", "properties": {"b": {"type": "NUMBER"}, "a": {"type": "STRING"}}}
    tools = [
        {"functionDeclarations": [{"name": "f", "parameters": number | {"required": ["a", "b"]}}]}
    ]
    asked = user({"text": "Call f with 7"})
    made = parts(gemini(simulator, "Call f with 7", model="sim-gemini-3", tools=tools))[0]
    args = made["functionCall"]["args"]
    turned = recalled(made, {"a": args["a"], "b": float(args["b"])})
    turns = [asked, model(turned), user(answer("f"))]
    assert gemini(simulator, model="sim-gemini-3", contents=turns, tools=tools).status == 200
