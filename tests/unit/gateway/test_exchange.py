"""An exchange, from the first attempt to the record, over scripted providers."""

from __future__ import annotations

import asyncio

import pytest
from msgspec.structs import replace

from opengateway.domain.catalog import Model
from opengateway.domain.chat import ChatRequest
from opengateway.domain.errors import ErrorClass, UpstreamError
from opengateway.domain.records import CloseRecord, Ending
from opengateway.domain.routing_rules import Routing
from opengateway.gateway.exchange import Exchange
from opengateway.gateway.resolve import plan_chat
from opengateway.gateway.services import GatewayLimits
from opengateway.gateway.state import ExchangeState
from unit.gateway.fakes import (
    CUT,
    PRINCIPAL,
    STALL,
    RecordingCaller,
    Script,
    ScriptedTransport,
    World,
    chat,
    endpoint,
    model,
    ok,
)

HELLO = ok("text:hel", "text:lo", "usage:7", "finish:stop", "done")
BUSY = Script(status=500)
FAST = Routing(
    first_token_stream_s=0.05, first_token_unary_s=0.05, idle_s=0.05, deadline_s=5.0, max_attempts=4
)


def two() -> Model:
    return model("lab/m", endpoint("a"), endpoint("b"))


async def serve(
    world: World, request: ChatRequest, caller: RecordingCaller | None = None
) -> tuple[RecordingCaller, CloseRecord]:
    caller = caller or RecordingCaller()
    plan = plan_chat(request, PRINCIPAL, world.snapshot)
    state = ExchangeState(world.arrival(), PRINCIPAL, request, plan)
    await asyncio.wait_for(Exchange(world.services, state, caller).run(), 3)
    assert len(world.journal.closed) == 1, "exactly one record, whatever happened"
    assert world.purse.open_holds == {}, "a hold is never left open"
    assert world.services.gauges.in_flight == 0
    for response in world.transport.responses:
        assert response.released or response.aborted, "every connection is let go"
    return caller, world.journal.closed[0]


@pytest.mark.parametrize("stream", [False, True])
async def test_a_whole_answer_is_delivered_priced_and_recorded(stream: bool) -> None:
    world = World([two()], ScriptedTransport(a=HELLO))
    caller, record = await serve(world, chat(stream=stream))
    assert caller.status == 200
    assert caller.body == b"text:hel\ntext:lo\n" + (b"END\n" if stream else b"")
    assert caller.ended
    assert record.ending is Ending.COMPLETED
    assert record.cost_nanos == 10 * 1 + 7 * 2
    assert (record.provider, record.model, record.opened) == ("a", "lab/m", True)
    assert [a.status for a in record.attempts] == ["succeeded"]
    assert len(world.journal.opened) == 1
    assert world.transport.responses[0].released == 1


async def test_the_record_is_in_the_journal_before_the_last_byte_leaves() -> None:
    world = World([two()], ScriptedTransport(a=HELLO))

    class Checking(RecordingCaller):
        async def write(self, body: bytes, *, last: bool) -> None:
            assert bool(world.journal.closed) == last
            await super().write(body, last=last)

    await serve(world, chat(stream=True), Checking())


async def test_nothing_is_sent_before_it_is_opened() -> None:
    class Checking(ScriptedTransport):
        async def send(self, request):  # type: ignore[no-untyped-def]
            assert len(world.journal.opened) == 1
            return await super().send(request)

    world = World([two()], Checking(a=HELLO))
    await serve(world, chat())


@pytest.mark.parametrize(
    "failure",
    [
        Script(status=500),
        Script(status=429, headers={"retry-after": "3"}),
        Script(status=401),
        Script(fail=UpstreamError(ErrorClass.CONNECT, "refused")),
        Script(fail=UpstreamError(ErrorClass.ABORTED, "broke")),
        ok("error"),
        ok("usage:1"),
        ok("done"),
        Script(chunks=[CUT]),
        Script(chunks=[STALL]),
        Script(hang=True),
    ],
    ids=lambda s: repr((s.status, s.chunks, s.fail, s.hang))[:60],
)
async def test_a_failure_before_content_is_tried_elsewhere(failure: Script) -> None:
    world = World([two()], ScriptedTransport(a=failure, b=HELLO), routing=FAST)
    caller, record = await serve(world, chat(stream=True))
    assert caller.status == 200
    assert caller.body == b"text:hel\ntext:lo\nEND\n"
    assert world.transport.asked == ["a", "b"]
    assert [a.status for a in record.attempts] == ["failed", "succeeded"]
    assert record.ending is Ending.COMPLETED
    assert caller.headers["x-opengateway-attempts"] == "2"
    assert caller.headers["x-opengateway-provider"] == "b"


async def test_a_refusal_is_not_tried_elsewhere() -> None:
    world = World([two()], ScriptedTransport(a=Script(status=400, chunks=[b"bad schema"]), b=HELLO))
    caller, record = await serve(world, chat())
    assert (caller.status, world.transport.asked) == (400, ["a"])
    assert record.ending is Ending.REFUSED
    assert record.error is not None
    assert record.error.message == "bad schema"
    assert record.cost_nanos == 0
    assert caller.headers["x-should-retry"] == "false"


async def test_an_overlong_prompt_goes_only_where_there_is_more_room() -> None:
    places = model("lab/m", endpoint("a"), endpoint("b"), endpoint("c", context=9000))
    world = World([places], ScriptedTransport(a=Script(status=413), b=HELLO, c=HELLO))
    caller, _ = await serve(world, chat())
    assert (caller.status, world.transport.asked) == (200, ["a", "c"])


async def test_a_malformed_tool_call_gets_one_more_chance_in_place() -> None:
    world = World([two()], ScriptedTransport(a=[Script(status=422), HELLO]))
    caller, _ = await serve(world, chat())
    assert (caller.status, world.transport.asked) == (200, ["a", "a"])


async def test_attempts_are_bounded_and_the_last_error_is_told() -> None:
    places = model("lab/m", *(endpoint(n) for n in "abcdef"))
    scripts = {
        n: Script(status=429, headers={"retry-after": str(9 - i)}) for i, n in enumerate("abcdef")
    }
    world = World([places], ScriptedTransport(**scripts))
    caller, record = await serve(world, chat())
    assert world.transport.asked == ["a", "b", "c", "d"]
    assert caller.status == 503
    assert caller.headers["retry-after"] == "6", "the soonest of those that were asked"
    assert caller.headers["x-should-retry"] == "true"
    assert record.cost_nanos == 0


async def test_a_fallback_model_comes_after_the_model_s_own_endpoints() -> None:
    world = World(
        [two(), model("lab/other", endpoint("c"))], ScriptedTransport(a=BUSY, b=BUSY, c=HELLO)
    )
    caller, record = await serve(world, chat(fallbacks=("lab/other",)))
    assert world.transport.asked == ["a", "b", "c"]
    assert (record.requested_model, record.model) == ("lab/m", "lab/other")
    assert caller.headers["x-opengateway-model"] == "lab/other"


async def test_a_vendor_that_cannot_is_passed_over_and_told_when_nobody_can() -> None:
    unable = endpoint("a", model="unable")
    world = World([model("lab/m", unable, endpoint("b"))], ScriptedTransport(b=HELLO))
    caller, _ = await serve(world, chat())
    assert (caller.status, world.transport.asked) == (200, ["b"])

    world = World([model("lab/m", unable)], ScriptedTransport())
    caller, record = await serve(world, chat())
    assert (caller.status, world.transport.asked) == (400, [])
    assert record.opened is False


@pytest.mark.parametrize(
    ("broken", "code"),
    [
        ((b"text:hel\n", CUT), "provider_disconnected"),
        ((b"text:hel\n",), "stream_truncated"),
        ((b"text:hel\nfinish:stop\n",), "stream_truncated"),
        ((b"text:hel\nerror\ntext:no\n",), "provider_error"),
        ((b"text:hel\n", STALL), "idle_timeout"),
    ],
)
async def test_a_stream_that_breaks_after_content_ends_with_an_error_and_no_end_marker(
    broken: tuple[bytes, ...], code: str
) -> None:
    world = World([two()], ScriptedTransport(a=Script(chunks=broken), b=HELLO), routing=FAST)
    caller, record = await serve(world, chat(stream=True))
    assert caller.status == 200
    assert caller.body == f"text:hel\nBROKE {code}\n".encode()
    assert caller.ended
    assert world.transport.asked == ["a"], "nothing is tried after the first content"
    assert record.ending is Ending.UPSTREAM_BROKE
    assert record.usage_estimated
    assert record.cost_nanos == 10 + 2, "40 bytes in, 3 characters out, at 4 a token"


async def test_a_deadline_bounds_all_attempts_together() -> None:
    routing = Routing(first_token_stream_s=0.06, deadline_s=0.1)
    world = World(
        [two()], ScriptedTransport(a=Script(hang=True), b=Script(hang=True)), routing=routing
    )
    caller, record = await serve(world, chat(stream=True))
    assert caller.status == 504
    assert [a.error_class for a in record.attempts] == ["timeout_first_token", "timeout_deadline"]
    assert record.error is not None
    assert record.error.code == "deadline_exceeded"


async def test_a_slow_first_token_is_within_the_limit_that_the_caller_gave() -> None:
    slow = Script(chunks=HELLO.chunks, delay_s=0.08)
    world = World([two()], ScriptedTransport(a=slow, b=HELLO), routing=FAST)
    request = chat(stream=True)
    patient = replace(request, first_token_timeout_s=1.0)
    await serve(world, patient)
    assert world.transport.asked == ["a"]


class TestACallerWhoLeaves:
    @pytest.mark.parametrize("stream", [False, True])
    async def test_before_the_first_content_pays_nothing(self, stream: bool) -> None:
        world = World([two()], ScriptedTransport(a=Script(hang=True)))
        caller = RecordingCaller()
        asyncio.get_running_loop().call_later(0.02, caller.leave)
        _, record = await serve(world, chat(stream=stream), caller)
        assert record.ending is Ending.CLIENT_GONE
        assert (record.cost_nanos, caller.status, world.transport.asked) == (0, 0, ["a"])

    async def test_in_the_middle_pays_for_what_was_handed_on(self) -> None:
        world = World([two()], ScriptedTransport(a=Script(chunks=[b"text:hello\n", STALL])))
        caller = RecordingCaller(leave_after=1)
        _, record = await serve(world, chat(stream=True), caller)
        assert record.ending is Ending.CLIENT_GONE
        assert record.usage_estimated
        assert record.cost_nanos == 10 + 2 * 2
        assert world.transport.responses[0].aborted == 1

    async def test_while_he_does_not_read_is_let_go_at_once(self) -> None:
        world = World(
            [two()], ScriptedTransport(a=Script(chunks=[b"text:a\n", b"text:b\n", STALL]))
        )
        caller = RecordingCaller(hang_after=1)
        asyncio.get_running_loop().call_later(0.02, caller.leave)
        _, record = await serve(world, chat(stream=True), caller)
        assert record.ending is Ending.CLIENT_GONE

    async def test_who_never_reads_is_cut_after_the_stall_limit(self) -> None:
        world = World(
            [two()],
            ScriptedTransport(a=Script(chunks=[b"text:a\n", b"text:b\n", STALL])),
            routing=FAST,
            limits=GatewayLimits(caller_stall_s=0.1),
        )
        caller = RecordingCaller(hang_after=2)
        _, record = await serve(world, chat(stream=True), caller)
        assert record.ending is Ending.CLIENT_GONE
        assert caller.aborted

    async def test_between_the_last_token_and_the_end_is_fully_settled(self) -> None:
        world = World([two()], ScriptedTransport(a=HELLO))

        class Leaving(RecordingCaller):
            async def write(self, body: bytes, *, last: bool) -> None:
                if last:
                    self.leave()
                await super().write(body, last=last)

        _, record = await serve(world, chat(stream=True), Leaving())
        assert (record.ending, record.cost_nanos) == (Ending.COMPLETED, 24)


async def test_a_foreign_cancellation_closes_once_and_goes_on_up() -> None:
    world = World([two()], ScriptedTransport(a=Script(chunks=[b"text:a\n", STALL])))
    request, caller = chat(stream=True), RecordingCaller()
    state = ExchangeState(
        world.arrival(), PRINCIPAL, request, plan_chat(request, PRINCIPAL, world.snapshot)
    )

    async def run() -> None:
        await Exchange(world.services, state, caller).run()

    task = asyncio.create_task(run())
    await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [r.ending for r in world.journal.closed] == [Ending.FAILED]
    assert world.journal.closed[0].cost_nanos == 0
    assert caller.aborted, "a cut stream is never ended as a good one"
    assert world.purse.open_holds == {}


async def test_our_own_bug_is_told_recorded_and_not_charged() -> None:
    world = World([two()], ScriptedTransport())  # no script: a KeyError of ours
    caller, record = await serve(world, chat())
    assert caller.status == 500
    assert record.ending is Ending.FAILED
    assert record.cost_nanos == 0
    assert [where for where, _ in world.bugs] == ["exchange"]


@pytest.mark.parametrize("stream", [False, True])
async def test_an_answer_that_cannot_be_recorded_is_neither_ended_well_nor_charged(
    stream: bool,
) -> None:
    world = World([two()], ScriptedTransport(a=HELLO))
    caller = RecordingCaller()
    request = chat(stream=stream)
    state = ExchangeState(
        world.arrival(), PRINCIPAL, request, plan_chat(request, PRINCIPAL, world.snapshot)
    )
    world.journal.reserve_left = 0
    original = world.journal.open

    def open_then_fill(record):  # type: ignore[no-untyped-def]
        original(record)
        world.journal.disk_full = True

    world.journal.open = open_then_fill  # type: ignore[method-assign]
    await Exchange(world.services, state, caller).run()
    assert b"END" not in caller.body
    assert caller.status == (200 if stream else 503)
    assert b"BROKE" in caller.body or not stream
    assert world.services.gauges.unrecorded == 1
    assert world.purse.open_holds == {}


async def test_silence_within_a_stream_is_filled_with_comments() -> None:
    slow = Script(chunks=[b"text:a\n", STALL])
    world = World(
        [two()],
        ScriptedTransport(a=slow),
        routing=Routing(idle_s=0.25),
        limits=GatewayLimits(keep_alive_s=0.06),
    )
    caller, _ = await serve(world, chat(stream=True))
    assert caller.body.startswith(b"text:a\n: alive\n: alive\n")
    assert caller.body.endswith(b"BROKE idle_timeout\n")
