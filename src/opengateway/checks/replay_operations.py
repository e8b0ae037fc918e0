"""Recorded exchanges of the operations beside chat, both ways.

The recorded request, read as a caller's, must leave as it was recorded; the recorded answer must
reach the caller with everything that the vendor said. What was said is read here from the recording
itself, by code that shares nothing with the wires.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from opengateway.catalog.loader import load_catalogue
from opengateway.checks.case_player import CasePlayer
from opengateway.checks.completion_view import see_completion
from opengateway.checks.recorded_case import RecordedCase
from opengateway.checks.replay_rules import replay_rules
from opengateway.checks.vector_view import compare_vectors
from opengateway.dialects.openai_operations import DIALECTS
from opengateway.domain.catalog import Endpoint, Profile, Provider, Wire
from opengateway.domain.chat import ChatReply, ChatRequest
from opengateway.domain.errors import InvalidRequest, UpstreamError
from opengateway.domain.operations import Operation
from opengateway.domain.usage import Dimension, PriceRow, Usage
from opengateway.kit.json import JsonObject, dumps, loads
from opengateway.ports.provider import ChatWire
from opengateway.providers.operations import operation_wires

OPERATIONS: Final[Mapping[str, Operation]] = {
    "embeddings": Operation.EMBEDDINGS,
    "embedContent": Operation.EMBEDDINGS,
    "predict": Operation.EMBEDDINGS,
    "rerank": Operation.RERANK,
    "images": Operation.IMAGES,
    "completions": Operation.COMPLETIONS,
    "moderations": Operation.MODERATIONS,
}
"""Recorded endpoints to the operation that they are."""
_MODEL_ID: Final = "replayed/model"
_TEAM: Final = "team_replay"
_RATES: Final = {
    Dimension.INPUT: 1_000_000,
    Dimension.OUTPUT: 1_000_000,
    Dimension.IMAGES: 1_000_000,
    Dimension.REQUESTS: 1_000_000,
}
_COHERE: Final = ("embeddings", "rerank")
_TASKS: Final = {"RETRIEVAL_QUERY": "search_query", "RETRIEVAL_DOCUMENT": "search_document"}


def play_operation(case: RecordedCase) -> tuple[list[str], list[str]]:
    """What is not as it must be, in words; and what was compared."""
    player = _Player(case)
    player.play()
    return player.faults, player.checks


class _Player(CasePlayer):
    __slots__ = ("_endpoint", "_operation", "_provider", "_wire")

    def __init__(self, case: RecordedCase) -> None:
        super().__init__(case)
        self._operation = OPERATIONS[case.endpoint]
        self._provider = _provider_of(case)
        self._endpoint = _endpoint_for(self._provider, _model_of(case))
        wires: Mapping[Wire, ChatWire] = operation_wires(self._operation)
        self._wire = wires[self._provider.wire]

    def play(self) -> None:
        case = self._case
        asked = _as_a_callers(case)
        chat = self._play_request(asked)
        if chat is None:
            return
        if case.status >= 300:
            self._play_error()
        elif case.stream:
            self._play_stream(chat)
        else:
            self._play_reply(chat)

    # --- request ---------------------------------------------------------------------------------
    def _play_request(self, asked: JsonObject) -> ChatRequest | None:
        case = self._case
        try:
            chat = DIALECTS[self._operation].decode(dumps(asked), {})
            call = self._wire.request(chat, self._endpoint, self._provider, _TEAM)
        except InvalidRequest as error:
            # The provider refused it as well: then it is right that we do not send it.
            self._check("request", 400 <= case.status < 500, f"refused: {error.message}")
            return None
        path = call.path.partition("?")[0]
        self._check("path", case.path.endswith(path), f"we would ask {path!r}")
        sent, recorded = _without_nulls(loads(call.body)), _without_nulls(loads(case.request))
        self._check("request", True, "")
        for member in dict.fromkeys((*recorded, *sent)):
            if recorded.get(member) == sent.get(member):
                continue
            change = (
                "added"
                if member not in recorded
                else "removed"
                if member not in sent
                else "changed"
            )
            is_meant = member in call.dropped or self._is_intended(member, change)
            self._check("request", is_meant, f"{member} would be {change}")
        return chat

    def _is_intended(self, member: str, change: str) -> bool:
        names = (member, f"{self._case.endpoint}.{member}")
        return any(
            row.member in names
            and row.change == change
            and (not row.providers or self._case.provider in row.providers)
            for row in replay_rules().difference
        )

    # --- answers ---------------------------------------------------------------------------------
    def _play_error(self) -> None:
        case, expect = self._case, self._case.expect or {}
        error = self._wire.error(case.status, case.headers, case.response, self._provider)
        told = expect.get("error") or {}
        self._check("kind", expect.get("kind") == "error", "an error where none was expected")
        self._check("status", error.upstream_status == expect.get("status"), "another status")
        message = str(told.get("message") or "")[:2048]
        self._check("error.message", error.detail.startswith(message), f"{error.detail[:80]!r}")
        code = told.get("type") if told.get("code") is None else told["code"]
        if code is not None and self._provider.wire is not Wire.GEMINI:
            self._check("error.code", error.upstream_code == str(code), f"{error.upstream_code!r}")
        wanted = next(
            (
                row.class_
                for row in replay_rules().error
                if (row.status is None or row.status == case.status)
                and (row.code is None or row.code == code)
            ),
            None,
        )
        got = error.error_class.value
        self._check("error.class", wanted is None or got == wanted, f"{got} instead of {wanted}")

    def _play_reply(self, chat: ChatRequest) -> None:
        try:
            reply = self._reply(chat)
        except UpstreamError as error:
            self._check("kind", False, f"{error.error_class.value}: {error.detail or error}")
            return
        recorded = loads(self._case.response)
        shown = loads(reply.body)
        usage = reply.meter.usage or Usage()
        self._check("content", reply.meter.has_content, "nothing would be charged for it")
        match self._operation:
            case Operation.EMBEDDINGS:
                self._compare_vectors(chat, recorded, shown)
                self._compare_usage(usage, shown)
            case Operation.RERANK:
                self._compare_ranks(recorded, shown, usage)
            case Operation.IMAGES:
                self._check("images", shown["data"] == recorded["data"], "other images")
                made = len(recorded["data"])
                self._check("usage.images", usage.of(Dimension.IMAGES) == made, f"{usage}")
            case Operation.MODERATIONS:
                self._check("results", shown["results"] == recorded["results"], "other results")
            case _:
                seen = see_completion(shown, _MODEL_ID)
                wanted = [str(choice.get("text") or "") for choice in recorded["choices"]]
                self._check("form", not seen.faults, ", ".join(seen.faults))
                self._check("text", seen.texts == wanted, f"{seen.texts!r:.80}")
                self._compare_tokens(recorded.get("usage") or {}, usage)

    def _reply(self, chat: ChatRequest) -> ChatReply:
        return self._wire.reply(
            self._case.response, chat, self._endpoint, self._provider, _MODEL_ID
        )

    def _compare_vectors(self, chat: ChatRequest, recorded: Any, shown: JsonObject) -> None:
        other = "float" if _form_of(chat) == "base64" else "base64"
        turned = self._reply(_with_form(chat, other))
        for fault in compare_vectors(recorded, shown, loads(turned.body)):
            self._check("vectors", False, fault)
        self._check("vectors", True, "")
        self._check("model", shown.get("model") == _MODEL_ID, f"{shown.get('model')!r}")
        expect = self._case.expect or {}
        if expect.get("n") is not None:
            self._check("count", len(shown["data"]) == expect["n"], f"{len(shown['data'])}")

    def _compare_usage(self, usage: Usage, shown: JsonObject) -> None:
        told = shown["usage"]["prompt_tokens"]
        self._check("usage.shown", told == usage.input_tokens, f"{told} is shown")
        wanted = (self._case.expect or {}).get("usage") or {}
        for name in ("input", "total"):
            if name in wanted:
                got = usage.input_tokens
                self._check(f"usage.{name}", got == wanted[name], f"{got}, not {wanted[name]}")

    def _compare_ranks(self, recorded: Any, shown: JsonObject, usage: Usage) -> None:
        expect = self._case.expect or {}
        order = [result["index"] for result in shown["results"]]
        self._check("order", order == expect.get("order"), f"{order}")
        scores = {r["index"]: r["relevance_score"] for r in shown["results"]}
        told = {r["index"]: r["relevance_score"] for r in recorded["results"]}
        self._check("scores", scores == told, "other scores")
        units = recorded["meta"]["billed_units"].get("search_units", 0)
        self._check("usage.requests", usage.of(Dimension.REQUESTS) == units, f"{usage}")

    def _compare_tokens(self, told: JsonObject, usage: Usage) -> None:
        for name, got in (
            ("prompt_tokens", usage.input_tokens),
            ("completion_tokens", usage.output_tokens),
        ):
            if name in told:
                self._check(f"usage.{name}", got == told[name], f"{got} instead of {told[name]}")

    def _play_stream(self, chat: ChatRequest) -> None:
        wanted = _streamed_text(self._case.response)
        for include_usage in (False, True):
            stream = self._wire.stream(
                msgspec.structs.replace(chat, include_usage=include_usage),
                self._endpoint,
                self._provider,
                _MODEL_ID,
            )
            frames = stream.feed(self._case.response) + stream.end()
            self._check("end", stream.done, f"the stream's end is not told: {stream.error}")
            chunks = [loads(frame[6:]) for frame in frames.split(b"\n\n")[:-1]]
            seen = see_completion(chunks, _MODEL_ID)
            self._check("form", not seen.faults, ", ".join(seen.faults))
            self._check("text", "".join(seen.texts) == wanted, f"{seen.texts!r:.80}")


# --- reading the recordings -------------------------------------------------------------------------
def _provider_of(case: RecordedCase) -> Provider:
    """The catalogue's provider; at Vertex AI and elsewhere the wire follows from the endpoint."""
    name = replay_rules().like.get(case.provider, case.provider)
    known = load_catalogue().providers.get(name)
    wire = known.wire if known is not None else Wire.OPENAI
    return Provider(
        id=case.provider,
        name=case.provider,
        wire=wire,
        base_url="https://provider.invalid/v1",
        profile=known.profile if known is not None else Profile(),
    )


def _endpoint_for(provider: Provider, model: str) -> Endpoint:
    return Endpoint(
        id=f"{_MODEL_ID}@{provider.id}",
        provider_id=provider.id,
        upstream_model=model,
        context=1_000_000,
        max_output=None,
        price=PriceRow(id="none", effective_from="2000-01-01", source="none", rates=_RATES),
        completes=True,
    )


def _model_of(case: RecordedCase) -> str:
    """As it was asked for: in the path of Google's, else in the body."""
    if ":" in case.path:
        return case.path.rpartition("/models/")[2].partition(":")[0]
    asked = loads(case.request)
    return str(asked.get("model") or case.model)


def _as_a_callers(case: RecordedCase) -> JsonObject:
    """The recorded request in the words of this gateway's callers."""
    recorded = _without_nulls(loads(case.request))
    reader: Callable[[JsonObject], JsonObject] | None = {
        "embedContent": _from_google,
        "predict": _from_google,
    }.get(case.endpoint)
    if reader is None and "texts" in recorded:
        reader = _from_texts
    asked = reader(recorded) if reader is not None else dict(recorded)
    asked["model"] = _MODEL_ID
    if "output_dimension" in asked:
        asked["dimensions"] = asked.pop("output_dimension")
    return asked


def _from_texts(recorded: JsonObject) -> JsonObject:
    types = recorded.get("embedding_types") or ["float"]
    asked = {"input": recorded["texts"], "encoding_format": types[0]}
    return asked | {n: v for n, v in recorded.items() if n not in ("texts", "embedding_types")}


def _from_google(recorded: JsonObject) -> JsonObject:
    requests = recorded.get("requests") or recorded.get("instances") or [recorded]
    texts = [
        request["content"]
        if isinstance(request["content"], str)
        else request["content"]["parts"][0]["text"]
        for request in requests
    ]
    asked: JsonObject = {"input": texts}
    task = requests[0].get("taskType") or requests[0].get("task_type")
    if task is not None:
        asked["input_type"] = _TASKS.get(task, task)
    return asked


def _without_nulls(document: Any) -> JsonObject:
    if not isinstance(document, dict):
        return {}
    return {name: value for name, value in document.items() if value is not None}


def _form_of(chat: ChatRequest) -> str:
    raw = chat.fields.get("encoding_format")
    return str(loads(raw)) if raw is not None else "float"


def _with_form(chat: ChatRequest, form: str) -> ChatRequest:
    fields = {**chat.fields, "encoding_format": msgspec.Raw(dumps(form))}
    return msgspec.structs.replace(chat, fields=fields)


def _streamed_text(body: bytes) -> str:
    """What the vendor said, read line by line."""
    lines = (line[6:] for line in body.split(b"\n") if line.startswith(b"data: {"))
    return "".join(c.get("text") or "" for line in lines for c in loads(line).get("choices") or ())
