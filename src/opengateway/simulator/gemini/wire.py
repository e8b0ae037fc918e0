"""Gemini's wire, as its own API and Vertex speak it: a recorded case, or a generated reply."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qs, unquote

from opengateway.kit import json
from opengateway.kit.ids import NewId
from opengateway.simulator import fast
from opengateway.simulator.answers import Answer, make_answers
from opengateway.simulator.case_keys import classify_gemini
from opengateway.simulator.cases import Case, CaseBook
from opengateway.simulator.faults import Fault
from opengateway.simulator.gemini.faults import GeminiFaults
from opengateway.simulator.gemini.reading import countable, read_ask, user_text
from opengateway.simulator.gemini.rendering import Shown, array_of, frames_of, whole_reply
from opengateway.simulator.gemini.rules import check_request, read_request
from opengateway.simulator.ledger import Record
from opengateway.simulator.link import Scope
from opengateway.simulator.metering import PromptCache, meter_of
from opengateway.simulator.personas import Refusal, load_wire_personas
from opengateway.simulator.serving import (
    HeaderList,
    Incoming,
    Prepared,
    from_case,
    no_case,
    reply_headers,
)
from opengateway.simulator.settings import ModelTraits, SimulatorSettings
from opengateway.simulator.signatures import Signer

_PATH = re.compile(
    r"/gemini/v1(?:beta1?)?/(?P<vertex>projects/[^/]+/locations/[^/]+/publishers/google/)?"
    r"models/(?P<model>[^/:]+)(?::(?P<action>\w+))?"
)
_LIST = re.compile(r"/gemini/v1(?:beta)?/models")
_ACTIONS = ("generateContent", "streamGenerateContent", "countTokens")
_STREAM = "streamGenerateContent"


class GeminiSimulator:
    """Holds what outlives a request on this wire: cases, the prompt cache, fixed replies."""

    prefix = "/gemini/"

    def __init__(self, settings: SimulatorSettings, cases: CaseBook, new_id: NewId) -> None:
        self.cases = cases
        self.faults = GeminiFaults()
        self.persona = load_wire_personas()["gemini"]
        self._settings = settings
        self._new_id = new_id
        self._signer = Signer(settings.seed)
        self._prompts = PromptCache()
        self._fast: dict[str, fast.FastReplies] = {}

    def reset(self) -> None:
        """Forget counters and cached prompts."""
        self.cases.rewind()
        self._prompts.clear()

    def arrived(self, scope: Scope, body: bytes) -> Incoming | dict[str, Any]:
        """A request to answer, or at once the body of a list of models. Raises `Refusal`."""
        headers = dict(scope["headers"])
        query = parse_qs(scope.get("query_string", b"").decode("latin-1"), max_num_fields=20)
        key = self._key(headers, query)
        path, method = scope["path"], scope["method"]
        if _LIST.fullmatch(path) and method == "GET":
            return {"models": [self._model(n) for n in self._settings.listed("gemini")]}
        found = _PATH.fullmatch(path)
        if found is None:
            raise Refusal("not_found")
        model, action = unquote(found["model"]), found["action"]
        if action is None and method == "GET":
            return self._model(model)
        if action not in _ACTIONS:
            raise Refusal("not_found")
        if method != "POST":
            raise Refusal("method")
        stream = action == _STREAM and query.get("alt") == ["sse"]
        return Incoming(
            self.persona, None, path, key, body, headers, action, model=model, stream=stream
        )

    def _key(self, headers: dict[bytes, bytes], query: dict[str, list[str]]) -> str:
        key = headers.get(b"x-goog-api-key", b"").decode("latin-1") or query.get("key", [""])[0]
        if not key:
            scheme, _, token = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
            key = token.strip() if scheme.lower() == "bearer" else ""
        if not key:
            raise Refusal("missing_key")
        if key.startswith("bad-key"):
            raise Refusal("unauthorized")
        return key

    def _model(self, name: str) -> dict[str, Any]:
        traits = self._settings.traits(name, "gemini")
        if traits is None:
            raise Refusal("unknown_model", (), model=name, action="GetModel")
        return {
            "name": f"models/{name}",
            "displayName": name,
            "inputTokenLimit": traits.context,
            "supportedGenerationMethods": ["generateContent", "countTokens"],
            "thinking": traits.reasons,
        }

    def user_text(self, body: dict[str, Any]) -> str:
        return user_text(body.get("contents"))

    def prepare(self, incoming: Incoming, body: Any, record: Record, fault: Fault) -> Prepared:
        """A recorded case, else a generated reply. Raises `Refusal`."""
        vertex = "/projects/" in incoming.path
        asked = None
        if isinstance(body, dict):
            streams = incoming.action == _STREAM
            asked = body | {"model": incoming.model, "action": incoming.action, "stream": streams}
        own = "vertex" if vertex else "google"
        case = self.cases.find(asked, own) or self.cases.find(asked, None)
        if case is not None:
            return self._from_case(case, incoming, body)
        if self._settings.strict_cases:
            raise no_case(self.cases, asked)
        counting = incoming.action == "countTokens"
        read = read_request(body, counting=counting, vertex=vertex)
        traits = self._settings.traits(record.model, "gemini")
        if counting:
            read = read.get("generateContentRequest") or read
        check_request(read, traits, self._signer, recorded=False)
        if traits is None:
            raise Refusal("unknown_model", (), model=record.model, action=incoming.action)
        headers = reply_headers(self.persona, self._new_id, stream=record.stream)
        if counting:
            return Prepared(200, headers, None, json.dumps(_counted(read, record.model)))
        if traits.fast:
            return self._fast_reply(traits, record, headers)
        return self._generated(incoming, read, traits, record, fault, headers)

    def _from_case(self, case: Case, incoming: Incoming, body: Any) -> Prepared:
        """The recording. What the vendor took then must still be what the vendor takes."""
        if case.status < 400:
            counting = incoming.action == "countTokens"
            read = read_request(body, counting=counting, vertex=True)
            check_request(read, None, self._signer, recorded=True)
        return from_case(case, self._settings.gap_s, classify_gemini)

    def _generated(
        self,
        incoming: Incoming,
        body: dict[str, Any],
        traits: ModelTraits,
        record: Record,
        fault: Fault,
        headers: HeaderList,
    ) -> Prepared:
        ask = read_ask(body, traits, fault.tokens, record.model)
        prompt, cached = self._prompts.count(countable(body, record.model), incoming.key)
        if prompt > traits.context:
            raise Refusal("context_length", (), tokens=prompt, limit=traits.context)
        answers = make_answers(ask, self.persona, traits, fault.tokens)
        meter = meter_of(answers, prompt=prompt, cached=cached)
        shown = Shown(
            record.id,
            record.model,
            self._signer,
            thoughts=ask.show_reasoning,
            signs=traits.reasons,
        )
        if incoming.action != _STREAM:
            return Prepared(200, headers, meter, json.dumps(whole_reply(answers, meter, shown)))
        frames = frames_of(answers, meter, shown)
        if not record.stream:
            return Prepared(200, headers, meter, array_of(frames))
        return Prepared(200, headers, meter, b"", frames, traits.gap_s)

    def _fast_reply(self, traits: ModelTraits, record: Record, headers: HeaderList) -> Prepared:
        replies = self._fast.get(traits.name)
        if replies is None:
            if len(self._fast) >= fast.MAX_FAST:
                self._fast.clear()
            shown = Shown(fast.SLOT, traits.name, self._signer, False, False, group=1)

            def whole(answer: Answer) -> bytes:
                return json.dumps(whole_reply((answer,), fast.METER, shown))

            replies = self._fast[traits.name] = fast.fixed_replies(
                whole, lambda answer: frames_of((answer,), fast.METER, shown)
            )
        reply_id = record.id.encode()
        if not record.stream:
            return Prepared(200, headers, fast.METER, replies.body(reply_id))
        frames = replies.stream(reply_id, include_usage=True)
        return Prepared(200, headers, fast.METER, b"", frames, traits.gap_s)


def _counted(body: dict[str, Any], model: str) -> dict[str, Any]:
    tokens, _ = PromptCache().count(countable(body, model), "")
    details = [{"modality": "TEXT", "tokenCount": tokens}]
    return {"totalTokens": tokens, "promptTokensDetails": details}
