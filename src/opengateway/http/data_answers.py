"""What the data plane answers, as JSON Schemas: the parts that clients may rely on.

Vendors say more, and what they say passes: every object may have members that are not named here.
"""

from __future__ import annotations

from typing import Any, Final

Schema = dict[str, Any]

TEXT: Final[Schema] = {"type": "string"}
NUMBER: Final[Schema] = {"type": "number"}
COUNT: Final[Schema] = {"type": "integer", "minimum": 0}
FLAG: Final[Schema] = {"type": "boolean"}
ANY_OBJECT: Final[Schema] = {"type": "object"}


def ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def const(value: str) -> Schema:
    return {"type": "string", "const": value}


def words(*values: str) -> Schema:
    return {"type": "string", "enum": list(values)}


def nullable(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def several(schema: Schema) -> Schema:
    return {"type": "array", "items": schema}


def shape(description: str, required: Schema, optional: Schema | None = None) -> Schema:
    return {
        "type": "object",
        "description": description,
        "required": list(required),
        "properties": {**required, **(optional or {})},
    }


_FINISH: Final = words("stop", "length", "tool_calls", "content_filter", "function_call")
_CALL: Final = shape(
    "A call of a function, or of a custom tool.",
    {"id": TEXT, "type": words("function", "custom")},
    {
        "function": shape("Arguments are JSON as text.", {"name": TEXT, "arguments": TEXT}),
        "custom": shape("What a custom tool is given.", {"name": TEXT, "input": TEXT}),
    },
)
_SPOKEN: Final[Schema] = {
    "reasoning_content": nullable(TEXT),
    "reasoning_details": several(ANY_OBJECT),
    "annotations": several(ANY_OBJECT),
}
_CHAT: Final[Schema] = {
    "ChatCompletion": shape(
        "A whole answer.",
        {
            "id": TEXT,
            "object": const("chat.completion"),
            "created": {"type": "integer"},
            "model": TEXT,
            "choices": several(
                shape(
                    "One of `n`.",
                    {
                        "index": COUNT,
                        "message": shape(
                            "What the model said.",
                            {
                                "role": const("assistant"),
                                "content": nullable(TEXT),
                                "refusal": nullable(TEXT),
                            },
                            {"tool_calls": several(_CALL), **_SPOKEN},
                        ),
                        "finish_reason": _FINISH,
                        "logprobs": nullable(ANY_OBJECT),
                    },
                )
            ),
        },
        {"usage": ref("ChatUsage")},
    ),
    "ChatChunk": shape(
        "One event of a stream; the last is `[DONE]`. A broken stream ends with an error instead.",
        {
            "id": TEXT,
            "object": const("chat.completion.chunk"),
            "created": {"type": "integer"},
            "model": TEXT,
            "choices": several(
                shape(
                    "What is added to one of `n`.",
                    {"index": COUNT, "delta": ANY_OBJECT, "finish_reason": nullable(_FINISH)},
                )
            ),
        },
        {"usage": nullable(ref("ChatUsage"))},
    ),
    "ChatUsage": shape(
        "What was used. Totals include their parts.",
        {"prompt_tokens": COUNT, "completion_tokens": COUNT, "total_tokens": COUNT},
        {"prompt_tokens_details": ANY_OBJECT, "completion_tokens_details": ANY_OBJECT},
    ),
    "Completion": shape(
        "A text that goes on, or an event of its stream.",
        {
            "id": TEXT,
            "object": const("text_completion"),
            "created": {"type": "integer"},
            "model": TEXT,
            "choices": several(
                shape(
                    "One of `n`.",
                    {"index": COUNT, "text": TEXT, "finish_reason": nullable(_FINISH)},
                    {"logprobs": nullable(ANY_OBJECT)},
                )
            ),
        },
        {"usage": nullable(ref("ChatUsage"))},
    ),
}
_ITEM: Final = shape("An item of a conversation; `type` says of which kind.", {"type": TEXT})
_RESPONSES: Final[Schema] = {
    "Response": shape(
        "A response: what was asked, and what came of it.",
        {
            "id": TEXT,
            "object": const("response"),
            "created_at": NUMBER,
            "status": words("completed", "failed", "incomplete", "in_progress"),
            "model": TEXT,
            "output": several(_ITEM),
            "error": nullable(ANY_OBJECT),
            "incomplete_details": nullable(ANY_OBJECT),
        },
        {"usage": nullable(ANY_OBJECT), "previous_response_id": nullable(TEXT), "store": FLAG},
    ),
    "ResponseEvent": shape(
        "One event of a stream. Numbers rise by one; the last is `response.completed`,"
        " `response.incomplete` or `response.failed`.",
        {"type": TEXT, "sequence_number": COUNT},
        {"response": ref("Response"), "item": _ITEM, "delta": TEXT, "item_id": TEXT},
    ),
    "ResponseDeleted": shape(
        "It is gone.", {"id": TEXT, "object": const("response"), "deleted": {"const": True}}
    ),
    "ResponseItems": shape(
        "A page of the input.",
        {
            "object": const("list"),
            "data": several(_ITEM),
            "first_id": TEXT,
            "last_id": TEXT,
            "has_more": FLAG,
        },
    ),
}
_MESSAGES: Final[Schema] = {
    "Message": shape(
        "A whole answer in Anthropic's shape.",
        {
            "id": TEXT,
            "type": const("message"),
            "role": const("assistant"),
            "model": TEXT,
            "content": several(shape("A block.", {"type": TEXT})),
            "stop_reason": nullable(TEXT),
            "stop_sequence": nullable(TEXT),
            "usage": ANY_OBJECT,
        },
    ),
    "MessageEvent": shape(
        "One event of a stream, from `message_start` to `message_stop`.", {"type": TEXT}
    ),
    "TokenCount": shape("How long the conversation is.", {"input_tokens": COUNT}),
}
_VECTOR: Final[Schema] = {
    "anyOf": [several(NUMBER), {"type": "string", "contentEncoding": "base64"}]
}
_OPERATIONS: Final[Schema] = {
    "Embeddings": shape(
        "A vector for each input, in its order.",
        {
            "object": const("list"),
            "model": TEXT,
            "data": several(
                shape(
                    "Floats, or these as base64, as asked for.",
                    {"object": const("embedding"), "index": COUNT, "embedding": _VECTOR},
                )
            ),
            "usage": ANY_OBJECT,
        },
    ),
    "Ranking": shape(
        "The documents by relevance, best first.",
        {
            "model": TEXT,
            "results": several(shape("One document.", {"index": COUNT, "relevance_score": NUMBER})),
        },
        {"id": TEXT, "usage": ANY_OBJECT, "meta": ANY_OBJECT},
    ),
    "Images": shape(
        "Pictures: an address or the data of each.",
        {"created": {"type": "integer"}, "data": several(ANY_OBJECT)},
        {"usage": ANY_OBJECT},
    ),
    "Transcription": shape("What was said.", {"text": TEXT}),
    "Moderation": shape(
        "A verdict for each input.",
        {
            "id": TEXT,
            "model": TEXT,
            "results": several(
                shape(
                    "One input's.",
                    {"flagged": FLAG, "categories": ANY_OBJECT, "category_scores": ANY_OBJECT},
                )
            ),
        },
    ),
}
_ACCOUNT: Final[Schema] = {
    "Model": shape(
        "A model. Prices are US dollars a unit, as decimal strings.",
        {
            "id": TEXT,
            "object": const("model"),
            "created": {"type": "integer"},
            "owned_by": TEXT,
            "name": TEXT,
            "kind": TEXT,
            "context_length": COUNT,
            "pricing": {"type": "object", "additionalProperties": TEXT},
        },
        {
            "architecture": ANY_OBJECT,
            "capabilities": several(TEXT),
            "top_provider": ANY_OBJECT,
            "shutdown_date": nullable(TEXT),
        },
    ),
    "Models": shape("All of them.", {"object": const("list"), "data": several(ref("Model"))}),
    "Endpoints": shape(
        "Where a model is served.",
        {"data": shape("The model.", {"id": TEXT, "name": TEXT, "endpoints": several(ANY_OBJECT)})},
    ),
    "Key": shape("What the key may do, and has spent.", {"data": ANY_OBJECT}),
    "Credits": shape(
        "The team's, in US dollars.",
        {
            "data": shape(
                "Null where nobody pays.",
                {"total_credits": nullable(NUMBER), "total_usage": nullable(NUMBER)},
            )
        },
    ),
    "Generation": shape("A request's record: usage, cost, times, attempts.", {"data": ANY_OBJECT}),
    "Health": shape("The process lives.", {"status": const("ok")}),
    "Readiness": shape(
        "Whether requests can be served, and why not.",
        {"status": words("ready", "unready"), "reasons": several(TEXT)},
    ),
    "Version": shape("What runs, and where.", {"version": TEXT, "zone": TEXT}),
}
_ERRORS: Final[Schema] = {
    "Error": shape(
        "What every error looks like on OpenAI's surfaces. Codes are listed at"
        " /docs/reference/errors/.",
        {
            "error": shape(
                "Decide by `code`; `message` is for people.",
                {
                    "message": TEXT,
                    "type": TEXT,
                    "param": nullable(TEXT),
                    "code": TEXT,
                    "request_id": TEXT,
                },
                {"availability": ANY_OBJECT, "metadata": ANY_OBJECT},
            )
        },
    ),
    "MessagesError": shape(
        "What every error looks like on Anthropic's surface.",
        {"type": const("error"), "error": shape("What.", {"type": TEXT, "message": TEXT})},
        {"request_id": TEXT},
    ),
}
ANSWERS: Final[Schema] = {
    **_CHAT,
    **_RESPONSES,
    **_MESSAGES,
    **_OPERATIONS,
    **_ACCOUNT,
    **_ERRORS,
}
"""Every schema by its name in the document's components."""
