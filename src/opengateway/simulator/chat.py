"""Answers one chat completion: a fault, a recorded case, or a generated reply."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from opengateway.kit import json
from opengateway.kit.clock import Clock
from opengateway.kit.ids import NewId
from opengateway.simulator import fast
from opengateway.simulator.answers import Answer, make_answers
from opengateway.simulator.cases import Case, CaseBook, split_frames
from opengateway.simulator.faults import NO_FAULT, Fault, RuleBook, Target, directive_fault
from opengateway.simulator.ledger import Ending, Ledger, Record
from opengateway.simulator.link import CallerGone, Reply
from opengateway.simulator.metering import Meter, PromptCache, count_text
from opengateway.simulator.personas import (
    ErrorReply,
    Persona,
    Refusal,
    load_personas,
    render_refusal,
)
from opengateway.simulator.playing import Ended, Player
from opengateway.simulator.reading import Ask, last_user_text, read_ask
from opengateway.simulator.rendering import Envelope, Frame, StreamRenderer, unary_body
from opengateway.simulator.settings import ModelTraits, SimulatorSettings
from opengateway.simulator.validation import check_request

HeaderList = list[tuple[bytes, bytes]]
MAX_FAST = 256


@dataclass(frozen=True, slots=True)
class Incoming:
    """One request as it came. `provider` is the name in `/as/<provider>`, None on the plain /v1."""

    persona: Persona
    provider: str | None
    path: str
    key: str
    body: bytes
    headers: dict[bytes, bytes]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A reply before it is played: either a whole body or frames."""

    status: int
    headers: HeaderList
    meter: Meter | None
    body: bytes = b""
    frames: Iterable[Frame] | None = None
    gap_s: float = 0.0
    case: str = ""


class ChatSimulator:
    """Holds what outlives a request: cases, rules, the prompt cache, the ledger."""

    def __init__(
        self,
        settings: SimulatorSettings,
        cases: CaseBook,
        ledger: Ledger,
        clock: Clock,
        new_id: NewId,
    ) -> None:
        self.cases = cases
        self.rules = RuleBook([], settings.seed)
        self._settings = settings
        self._ledger = ledger
        self._clock = clock
        self._new_id = new_id
        self._prompts = PromptCache()
        self._fast: dict[tuple[str, str], fast.FastReplies] = {}
        self._started_s = clock.now_ns() // 1_000_000_000

    def reset(self) -> None:
        """Forget rules, counters, cached prompts and the ledger's past."""
        self.rules = RuleBook([], self._settings.seed)
        self.cases.rewind()
        self._prompts.clear()
        self._ledger.reset()

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

    async def answer(self, incoming: Incoming, reply: Reply) -> None:
        """Answer to the end. Raises `Refusal` only before a record of the request exists."""
        body = _decoded(incoming.body)
        asked = body if isinstance(body, dict) else {}
        record = self._record(incoming, asked)
        ending: Ending = "bug"
        meter: Meter | None = None
        try:
            if self._ledger.active_streams > self._settings.max_streams:
                raise Refusal("overloaded", (), model=record.model)
            fault = self._fault(incoming, asked)
            record.fault = _shown(fault)
            player = Player(reply, self._ledger, record, fault, incoming.persona)
            if fault.replaces_answer:
                ending = "error"
                await player.instead()
                return
            made = self._prepare(incoming, body, record, fault)
            meter, record.case = made.meter, made.case
            if made.frames is None:
                await player.unary(made.status, made.headers, made.body)
            else:
                await player.stream(made.status, made.headers, made.frames, made.gap_s)
            ending = "finished" if made.status < 400 else "error"
        except Refusal as refusal:
            ending = "refused"
            await self._refuse(refusal, incoming, record, reply)
        except CallerGone:
            ending = "client_gone"
            raise
        except Ended:
            ending = "cut"
        except asyncio.CancelledError:
            ending = "cut"
            raise
        finally:
            record.bytes = reply.bytes_sent
            self._ledger.finish(record, ending, meter)

    def _record(self, incoming: Incoming, asked: dict[str, Any]) -> Record:
        model = asked.get("model")
        request_id = incoming.headers.get(b"x-request-id", b"")[:128]
        return self._ledger.begin(
            Record(
                number=0,
                id=self._new_id(incoming.persona.id_prefix),
                path=incoming.path,
                persona=incoming.provider or incoming.persona.name,
                model=model[:256] if isinstance(model, str) else "",
                stream=asked.get("stream") is True,
                key=incoming.key[-4:],
                client_request_id=request_id.decode("latin-1"),
                started_s=self._clock.monotonic(),
            )
        )

    async def _refuse(
        self, refusal: Refusal, incoming: Incoming, record: Record, reply: Reply
    ) -> None:
        made: ErrorReply = render_refusal(incoming.persona, refusal, reply_id=record.id)
        await reply.start(made.status, made.headers, length=len(made.body))
        self._ledger.first_byte(record, made.status)
        await reply.write(made.body, last=True)

    def _fault(self, incoming: Incoming, asked: dict[str, Any]) -> Fault:
        """A directive in the message goes before the rules."""
        if b"[[simulate" in incoming.body and isinstance(asked.get("messages"), list):
            try:
                wanted = directive_fault(last_user_text(asked["messages"]))
            except ValueError as error:
                raise Refusal("bad_value", ("messages",), message=str(error)) from error
            if wanted is not None:
                return wanted
        if not self.rules.rules:
            return NO_FAULT
        model = asked.get("model")
        target = Target(
            model=model if isinstance(model, str) else "",
            persona=incoming.provider or incoming.persona.name,
            path=incoming.path,
            key=incoming.key,
            stream=asked.get("stream") is True,
        )
        return self.rules.choose(target) or NO_FAULT

    def _prepare(self, incoming: Incoming, body: Any, record: Record, fault: Fault) -> Prepared:
        case = self.cases.find(body, incoming.provider)
        if case is not None:
            return self._from_case(case, incoming, body)
        if self._settings.strict_cases:
            near = self.cases.near_misses(body)
            raise Refusal(
                "bad_value",
                ("messages",),
                message="no recorded case matches this request "
                f"({near} of {self.cases.size} have the same messages)",
            )
        return self._generated(incoming, body, record, fault)

    def _from_case(self, case: Case, incoming: Incoming, body: Any) -> Prepared:
        """The recording. What the vendor took then must still be what the vendor takes."""
        if case.status < 400:
            persona = incoming.persona
            if incoming.provider is None and case.provider != "openai":
                # On the plain /v1 another vendor's recording has its own members.
                persona = load_personas()["generic"]
            check_request(body, persona, None)
        gap = self._settings.gap_s
        headers = list(case.headers)
        if case.stream and case.status < 400:
            frames = split_frames(case.body)
            return Prepared(case.status, headers, None, b"", frames, gap, case.case_id)
        return Prepared(case.status, headers, None, case.body, case=case.case_id)

    def _generated(self, incoming: Incoming, body: Any, record: Record, fault: Fault) -> Prepared:
        persona = incoming.persona
        traits = self._settings.traits(record.model) if isinstance(body, dict) else None
        check_request(body, persona, traits)
        if traits is None:
            raise Refusal("unknown_model", ("model",), model=record.model)
        headers = self._headers(persona, stream=record.stream)
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
        meter = _meter(prompt, cached, answers)
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
            if len(self._fast) >= MAX_FAST:
                self._fast.clear()
            replies = self._fast[place] = fast.make_fast(persona, traits.name)
        reply_id = record.id.encode()
        if not record.stream:
            return Prepared(200, headers, fast.METER, replies.body(reply_id))
        include = bool((body.get("stream_options") or {}).get("include_usage"))
        frames = replies.stream(reply_id, include_usage=include)
        return Prepared(200, headers, fast.METER, b"", frames, traits.gap_s)

    def _headers(self, persona: Persona, *, stream: bool) -> HeaderList:
        kind = persona.stream_type if stream else "application/json"
        headers = [(b"content-type", kind.encode())]
        headers += [(k.encode(), v.encode()) for k, v in persona.headers.items()]
        headers.append((b"x-request-id", self._new_id("req_").encode()))
        return headers


def _renderer(persona: Persona, envelope: Envelope, ask: Ask) -> StreamRenderer:
    return StreamRenderer(
        persona,
        envelope,
        include_usage=ask.include_usage,
        logprobs=ask.logprobs,
        show_reasoning=ask.show_reasoning,
    )


def _meter(prompt: int, cached: int, answers: tuple[Answer, ...]) -> Meter:
    return Meter(
        prompt=prompt,
        cached=cached,
        completion=sum(answer.tokens for answer in answers),
        reasoning=sum(count_text(answer.reasoning) for answer in answers),
    )


def _decoded(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except (json.DecodeError, RecursionError) as error:
        raise Refusal("bad_json") from error


def _shown(fault: Fault) -> dict[str, Any]:
    if fault is NO_FAULT:
        return {}
    return {
        name: value
        for name in fault.__struct_fields__
        if (value := getattr(fault, name)) != getattr(NO_FAULT, name)
    }
