"""The OpenAI wire: a recorded case, or a generated chat completion."""

from __future__ import annotations

from typing import Any

from opengateway.kit import json
from opengateway.kit.clock import Clock
from opengateway.kit.ids import NewId
from opengateway.simulator import fast
from opengateway.simulator.answers import make_answers
from opengateway.simulator.case_keys import classify_chat
from opengateway.simulator.cases import Case, CaseBook
from opengateway.simulator.chat_faults import ChatFaults
from opengateway.simulator.faults import Fault
from opengateway.simulator.ledger import Record
from opengateway.simulator.metering import PromptCache, meter_of
from opengateway.simulator.personas import Persona, Refusal, load_personas
from opengateway.simulator.reading import Ask, last_user_text, read_ask
from opengateway.simulator.rendering import Envelope, StreamRenderer, unary_body
from opengateway.simulator.serving import (
    HeaderList,
    Incoming,
    Prepared,
    from_case,
    no_case,
    reply_headers,
)
from opengateway.simulator.settings import ModelTraits, SimulatorSettings
from opengateway.simulator.validation import check_request


class ChatSimulator:
    """Holds what outlives a request on this wire: cases, the prompt cache, fixed replies."""

    def __init__(
        self, settings: SimulatorSettings, cases: CaseBook, clock: Clock, new_id: NewId
    ) -> None:
        self.cases = cases
        self.faults = ChatFaults()
        self._settings = settings
        self._clock = clock
        self._new_id = new_id
        self._prompts = PromptCache()
        self._fast: dict[tuple[str, str], fast.FastReplies] = {}
        self._started_s = clock.now_ns() // 1_000_000_000

    def reset(self) -> None:
        """Forget counters and cached prompts."""
        self.cases.rewind()
        self._prompts.clear()

    def models(self) -> dict[str, Any]:
        """The body of `GET /models`."""
        return {"object": "list", "data": [self._card(name) for name in self._settings.listed()]}

    def model(self, name: str) -> dict[str, Any]:
        """The body of `GET /models/{name}`. Raises `Refusal`."""
        if self._settings.traits(name) is None:
            raise Refusal("unknown_model", ("model",), model=name)
        return self._card(name)

    def _card(self, name: str) -> dict[str, Any]:
        return {"id": name, "object": "model", "created": self._started_s, "owned_by": "simulator"}

    def user_text(self, body: dict[str, Any]) -> str:
        messages = body.get("messages")
        return last_user_text(messages) if isinstance(messages, list) else ""

    def prepare(self, incoming: Incoming, body: Any, record: Record, fault: Fault) -> Prepared:
        """A recorded case, else a generated reply. Raises `Refusal`."""
        case = self.cases.find(body, incoming.provider)
        if case is not None:
            return self._from_case(case, incoming, body)
        if self._settings.strict_cases:
            raise no_case(self.cases, body)
        return self._generated(incoming, body, record, fault)

    def _from_case(self, case: Case, incoming: Incoming, body: Any) -> Prepared:
        """The recording. What the vendor took then must still be what the vendor takes."""
        if case.status < 400:
            persona = incoming.persona
            if incoming.provider is None and case.provider != "openai":
                # On the plain /v1 another vendor's recording has its own members.
                persona = load_personas()["generic"]
            check_request(body, persona, None)
        return from_case(case, self._settings.gap_s, classify_chat)

    def _generated(self, incoming: Incoming, body: Any, record: Record, fault: Fault) -> Prepared:
        persona = incoming.persona
        traits = self._settings.traits(record.model) if isinstance(body, dict) else None
        check_request(body, persona, traits)
        if traits is None:
            raise Refusal("unknown_model", ("model",), model=record.model)
        headers = reply_headers(persona, self._new_id, stream=record.stream)
        if traits.fast:
            return self._fast_reply(persona, traits, body, record, headers)
        ask = read_ask(body, persona, traits, fault.tokens)
        prompt, cached = self._prompts.count(body, incoming.key)
        if prompt + (ask.max_tokens or 0) > traits.context:
            if not persona.truncates:
                raise Refusal(
                    "context_length",
                    ("messages",),
                    model=record.model,
                    limit=traits.context,
                    tokens=prompt,
                    completion=ask.max_tokens or 0,
                )
            prompt = min(prompt, traits.context)
        answers = make_answers(ask, persona, traits, fault.tokens)
        meter = meter_of(answers, prompt=prompt, cached=cached)
        now_s = self._clock.now_ns() // 1_000_000_000
        envelope = Envelope(record.id, now_s, record.model, f"req_{record.id[-24:]}")
        if record.stream:
            frames = _renderer(persona, envelope, ask).frames(answers, meter)
            return Prepared(200, headers, meter, b"", frames, traits.gap_s)
        made = unary_body(
            persona,
            envelope,
            answers,
            meter,
            logprobs=ask.logprobs,
            show_reasoning=ask.show_reasoning,
        )
        return Prepared(200, headers, meter, json.dumps(made))

    def _fast_reply(
        self,
        persona: Persona,
        traits: ModelTraits,
        body: dict[str, Any],
        record: Record,
        headers: HeaderList,
    ) -> Prepared:
        place = (persona.name, traits.name)
        replies = self._fast.get(place)
        if replies is None:
            if len(self._fast) >= fast.MAX_FAST:
                self._fast.clear()
            replies = self._fast[place] = fast.make_fast(persona, traits.name)
        reply_id = record.id.encode()
        if not record.stream:
            return Prepared(200, headers, fast.METER, replies.body(reply_id))
        include = bool((body.get("stream_options") or {}).get("include_usage"))
        frames = replies.stream(reply_id, include_usage=include)
        return Prepared(200, headers, fast.METER, b"", frames, traits.gap_s)


def _renderer(persona: Persona, envelope: Envelope, ask: Ask) -> StreamRenderer:
    return StreamRenderer(
        persona,
        envelope,
        include_usage=ask.include_usage,
        logprobs=ask.logprobs,
        show_reasoning=ask.show_reasoning,
    )
