"""`opengateway replay`: recorded exchanges through the mappers, compared with what they must give.

Each case is played both ways: the recorded request as a caller's, through the dialect and the
wire, against the bytes that were sent; the recorded answer through the wire, against `expect`,
and as an official client would put it together.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import msgspec

from opengateway.catalog.loader import load_catalogue
from opengateway.checks.caller_view import Seen, see_reply, see_stream
from opengateway.checks.case_player import CasePlayer
from opengateway.checks.endings import failure_fits
from opengateway.checks.recorded_case import RecordedCase, read_cases
from opengateway.checks.replay_cohere import play_cohere
from opengateway.checks.replay_converse import play_converse
from opengateway.checks.replay_generate_content import play_generate_content
from opengateway.checks.replay_intent import changes_between, declared
from opengateway.checks.replay_invoke import is_spoken, play_invoke
from opengateway.checks.replay_messages_surface import play_count, play_messages_surface
from opengateway.checks.replay_operations import OPERATIONS, play_operation
from opengateway.checks.replay_responses import play_input_tokens, play_responses
from opengateway.checks.replay_rules import replay_rules
from opengateway.dialects.openai_chat import decode as decode_openai_chat
from opengateway.domain.catalog import Endpoint, Profile, Provider, Wire
from opengateway.domain.chat import FINISH_REASONS, ChatFacts, ChatRequest, Meter
from opengateway.domain.errors import InvalidRequest, NotFound, UpstreamError
from opengateway.domain.usage import Dimension, PriceRow
from opengateway.kit.json import JsonObject, dumps, loads
from opengateway.wires.openai_chat import OpenAIChatWire

Decode = Callable[[bytes, Mapping[str, str]], ChatRequest]
Word = Literal["pass", "fail", "not_covered"]

_ENDPOINT = "chat.completions"
_TEAM = "team_replay"
_MODEL_ID = "replayed/model"
_WIRE = OpenAIChatWire()
_OTHERS: Mapping[str, Callable[[RecordedCase], tuple[list[str], list[str]]]] = {
    "generateContent": play_generate_content,
    "streamGenerateContent": play_generate_content,
    "messages": play_messages_surface,
    "messages.count_tokens": play_count,
    "converse": play_converse,
    "converse-stream": play_converse,
    "responses": play_responses,
    "responses.input_tokens": play_input_tokens,
    "cohere.v2.chat": play_cohere,
    **dict.fromkeys(OPERATIONS, play_operation),
}
"""What plays the other endpoints: it gives the faults, and what was compared."""
_OF_EMULATION = ("response_format", "messages", "tools", "tool_choice")
_UNBENT = Profile(
    developer_role=True, reasoning_in="keep", tool_choice_allowed=True, include_obfuscation=True
)
"""For vendors that the catalogue has no table for yet: requests leave as they came."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of one case. `checks` are what was compared; `reason` is empty for a pass."""

    case_id: str
    provider: str
    endpoint: str
    verdict: Word
    reason: str
    checks: tuple[str, ...] = ()


def run(cases: Path, as_json: bool, write: Callable[[str], object] | None = None) -> int:
    """Replay and tell. 1 if a case fails, else 0. JSON: one object a case, a line each.

    `write` gets lines without their ends; by default they go to standard output.
    """
    tell = write or _to_stdout
    counts = {"pass": 0, "fail": 0, "not_covered": 0}
    for verdict in replayed(cases):
        counts[verdict.verdict] += 1
        if as_json:
            tell(dumps(asdict(verdict)).decode())
        elif verdict.verdict != "pass":
            tell(f"{verdict.verdict:12} {verdict.case_id}: {verdict.reason}")
    if not as_json:
        tell(
            f"{counts['pass']} passed, {counts['fail']} failed, "
            f"{counts['not_covered']} not covered yet"
        )
    return 1 if counts["fail"] else 0


def _to_stdout(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def replay(cases: Path, decode: Decode = decode_openai_chat) -> list[Verdict]:
    """Every case under `cases`. Raises `OperatorError` for a folder without any."""
    return list(replayed(cases, decode))


def replayed(cases: Path, decode: Decode = decode_openai_chat) -> Iterator[Verdict]:
    return (replay_case(case, decode) for case in read_cases(cases))


def replay_case(case: RecordedCase, decode: Decode = decode_openai_chat) -> Verdict:
    try:
        return _replayed(case, decode)
    except Exception as error:  # noqa: BLE001  # a case that nobody has seen must not end the run
        said = f"it could not be replayed: {type(error).__name__}: {error}"
        return _verdict(case, [said], [])


def _replayed(case: RecordedCase, decode: Decode) -> Verdict:
    if (why := _other_shape(case)) is not None:
        return Verdict(case.case_id, case.provider, case.endpoint, "not_covered", why)
    if (play := _OTHERS.get(case.endpoint)) is not None:
        return _verdict(case, *play(case))
    if case.endpoint in ("invoke", "invoke-stream") and is_spoken(case):
        return _verdict(case, *play_invoke(case))
    if case.endpoint != _ENDPOINT:
        reason = replay_rules().not_covered.get(
            case.endpoint, f"nothing speaks {case.endpoint!r} yet; it comes with a later issue"
        )
        return Verdict(case.case_id, case.provider, case.endpoint, "not_covered", reason)
    player = _Player(case, decode)
    player.play()
    return _verdict(case, player.faults, player.checks)


def _other_shape(case: RecordedCase) -> str | None:
    """Why a case is none of its endpoint's usual shape: a vendor's own path, or its own stream."""
    reasons = replay_rules().not_covered
    streamed = f"{case.endpoint} {case.provider} stream" if case.stream else ""
    return reasons.get(f"{case.endpoint} {case.path}") or reasons.get(streamed)


def _verdict(case: RecordedCase, faults: list[str], checks: list[str]) -> Verdict:
    word: Word = "fail" if faults else "pass"
    return Verdict(
        case.case_id, case.provider, case.endpoint, word, "; ".join(faults), tuple(checks)
    )


def provider_of(name: str) -> Provider:
    """The catalogue's provider of that name, or one with the profile that the data file names."""
    providers = load_catalogue().providers
    known = providers.get(name) or providers.get(replay_rules().like.get(name, ""))
    if known is not None and known.wire is not Wire.OPENAI:
        known = None  # its surface in OpenAI's shape has no table
    return Provider(
        id=name,
        name=known.name if known else name,
        wire=Wire.OPENAI,
        base_url="https://provider.invalid/v1",
        profile=known.profile if known else _UNBENT,
    )


def endpoint_for(provider: Provider, upstream_model: str) -> Endpoint:
    return Endpoint(
        id=f"{_MODEL_ID}@{provider.id}",
        provider_id=provider.id,
        upstream_model=upstream_model,
        context=1_000_000,
        max_output=None,
        price=PriceRow(id="none", effective_from="2000-01-01", source="none", rates={}),
    )


class _Player(CasePlayer):
    """One case. `faults` says in words what is not as it must be."""

    __slots__ = ("_decode", "_endpoint", "_provider")

    def __init__(self, case: RecordedCase, decode: Decode) -> None:
        super().__init__(case)
        self._decode = decode
        self._provider = provider_of(case.provider)
        self._endpoint = endpoint_for(self._provider, case.model)

    def play(self) -> None:
        chat = self._play_request()
        if self._case.expect is None:
            self._check("expect", False, "the case has no expectation")
        elif self._case.status >= 300:
            self._play_error()
        elif chat.stream:
            self._play_stream(chat)
        else:
            self._play_reply(chat)

    # --- request -----------------------------------------------------------------------------
    def _play_request(self) -> ChatRequest:
        """The request that we would send, against the recorded one."""
        try:
            chat = self._decode(self._case.request, {})
            call = _WIRE.request(chat, self._endpoint, self._provider, _TEAM)
        except NotFound:  # an id of the vendor's account is nobody's here (decision 29)
            self._check("request", True, "")
            return _bare_chat(self._case)
        except InvalidRequest as error:
            is_shared = 400 <= self._case.status < 500  # the provider refused it as well
            self._check("request", is_shared, f"refused: {error.message}")
            return _bare_chat(self._case)
        self._check("path", self._case.path.endswith(call.path), f"we would ask {call.path!r}")
        sent, recorded = loads(call.body), loads(self._case.request)
        self._check("request", True, "")
        bent = declared(self._provider.profile, self._case.model)
        emulated = "response_format" in call.emulated
        for member, change, old, new in changes_between(recorded, sent):
            is_intended = (
                member in call.dropped  # told to the caller, as what is emulated is
                or (emulated and member.partition(".")[0] in _OF_EMULATION)
                or bent.covers(member, change, old, new)
                or self._is_intended(member, change)
            )
            self._check("request", is_intended, f"{member} would be {change}")
        for old_name, new_name in bent.moved(recorded, sent):
            self._check("request", False, f"{old_name} would be another value as {new_name}")
        return chat

    def _is_intended(self, member: str, change: str) -> bool:
        return any(
            row.member == member
            and row.change == change
            and (not row.providers or self._case.provider in row.providers)
            for row in replay_rules().difference
        )

    # --- answers -----------------------------------------------------------------------------
    def _play_error(self) -> None:
        expect = self._case.expect or {}
        case = self._case
        error = _WIRE.error(case.status, case.headers, case.response, self._provider)
        self._check("kind", expect.get("kind") == "error", "an error where none was expected")
        self._check(
            "status", error.upstream_status == expect.get("status"), f"{error.upstream_status}"
        )
        self._compare_error(error, expect.get("error") or {})

    def _compare_error(self, error: UpstreamError, told: JsonObject) -> None:
        code = told.get("type") if told.get("code") is None else told["code"]
        if code is not None:
            is_right = error.upstream_code == str(code)
            self._check("error.code", is_right, f"{error.upstream_code!r} instead of {code!r}")
        message = str(told.get("message") or "")
        self._check(
            "error.message", error.detail.startswith(message[:2048]), f"{error.detail[:80]!r}"
        )
        wanted = _class_for(error.upstream_status, code)
        self._check(
            "error.class",
            wanted is None or error.error_class == wanted,
            f"{error.error_class.value} instead of {wanted}",
        )

    def _play_reply(self, chat: ChatRequest) -> None:
        try:
            reply = _WIRE.reply(
                self._case.response, chat, self._endpoint, self._provider, _MODEL_ID
            )
        except UpstreamError as error:
            fits = failure_fits(self._case.expect or {}, error)
            self._check("kind", fits, f"{error.error_class.value}: {error.detail or error}")
            return
        seen = see_reply(reply.body, _MODEL_ID)
        expect = self._case.expect or {}
        if "choices" in expect:
            self._check("choices", len(seen.choices) == expect["choices"], f"{len(seen.choices)}")
        self._compare(seen, reply.meter)

    def _play_stream(self, chat: ChatRequest) -> None:
        expect = self._case.expect or {}
        for include_usage in (False, True):
            stream = _WIRE.stream(
                msgspec.structs.replace(chat, include_usage=include_usage),
                self._endpoint,
                self._provider,
                _MODEL_ID,
            )
            frames = stream.feed(self._case.response) + stream.end()
            seen = see_stream(frames, _MODEL_ID, include_usage=include_usage)
            told = expect.get("stream_error")
            if told is None and stream.error is not None:
                error = stream.error
                fits = failure_fits(expect, error)
                self._check("kind", fits, f"{error.error_class.value}: {error.detail or error}")
                return
            self._check("end", stream.done is (told is None), "the stream's end is not told")
            if told is not None:
                self._check("kind", stream.error is not None, "the error was not seen")
                if stream.error is not None:
                    self._compare_error(stream.error, told)
            self._compare(seen, stream.meter)

    def _compare(self, seen: Seen, meter: Meter) -> None:
        """What the caller sees, and what is counted, against `expect`."""
        expect = self._case.expect or {}
        first = seen.first()
        self._check("form", not seen.faults, ", ".join(dict.fromkeys(seen.faults)))
        for name, got in (("text", first.text), ("reasoning", first.reasoning)):
            wanted = expect.get(name) or ""
            self._check(name, got == wanted, f"{got[:60]!r} instead of {wanted[:60]!r}")
        calls = [call.parsed() for _, call in sorted(first.calls.items())]
        wanted_calls = [_parsed(call) for call in expect.get("tool_calls") or ()]
        self._check("tool_calls", calls == wanted_calls, f"{calls!r} instead of {wanted_calls!r}")
        self._compare_finish(first.finish, meter, has_calls=bool(calls))
        self._compare_usage(expect.get("usage") or {}, seen.usage, meter)

    def _compare_finish(self, got: str | None, meter: Meter, *, has_calls: bool) -> None:
        wanted = (self._case.expect or {}).get("finish")
        said = f"{got!r} instead of {wanted!r}"
        if "stream_error" in (self._case.expect or {}):
            self._check("finish", got is None, said)
        elif wanted in FINISH_REASONS:
            upgraded = "tool_calls" if has_calls and wanted == "stop" else wanted
            self._check("finish", got == upgraded == meter.finish_reason, said)
        else:  # the provider gave none, or one of its own: told as the answer's form demands
            self._check("finish", got == ("tool_calls" if has_calls else "stop"), said)

    def _compare_usage(self, wanted: JsonObject, shown: JsonObject | None, meter: Meter) -> None:
        usage = meter.usage
        if not wanted:
            return
        if usage is None:
            self._check("usage", False, "none was counted")
            return
        counted = {
            "input": usage.input_tokens,
            "output": usage.output_tokens,
            "cache_read": usage.of(Dimension.CACHE_READ),
            "cache_write": usage.of(Dimension.CACHE_WRITE, Dimension.CACHE_WRITE_1H),
            "reasoning": usage.of(Dimension.REASONING),
        }
        for name, got in counted.items():
            if name not in wanted:
                continue
            expected = int(wanted[name])
            if (
                name == "reasoning"
            ):  # more of it than output is a slip of the provider's: not billed
                expected = min(expected, int(wanted.get("output", expected)))
            self._check(f"usage.{name}", got == expected, f"{got} instead of {expected}")
        if shown is not None and "total" in wanted:
            total = shown.get("total_tokens")
            self._check("usage.total", total == wanted["total"], f"{total}")


def _bare_chat(case: RecordedCase) -> ChatRequest:
    """For an answer whose request we would not have sent."""
    return ChatRequest(
        model=case.model,
        stream=case.stream,
        include_usage=False,
        fields={},
        facts=ChatFacts(),
        input_bytes=0,
    )


def _class_for(status: int, code: Any) -> str | None:
    for row in replay_rules().error:
        if row.code is not None and row.code != code:
            continue
        if row.status is not None and row.status != status:
            continue
        return row.class_
    return None


def _parsed(call: JsonObject) -> JsonObject:
    """An expected call; arguments that are a string of JSON are parsed."""
    arguments = call.get("arguments")
    if isinstance(arguments, str):
        try:
            arguments = loads(arguments)
        except ValueError:
            pass
    return {"name": call.get("name"), "arguments": arguments}
