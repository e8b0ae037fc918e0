"""What the simulator writes down, how it notices who left, and its process."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from simulated import Running, ask, running, send
from uvicorn.server import ServerState

from opengateway.simulator.app import build_app
from opengateway.simulator.link import Cut, SimulatorProtocol
from opengateway.simulator.serve import main, make_server
from opengateway.simulator.settings import SimulatorSettings


def last(simulator: Running) -> dict[str, Any]:
    """The newest record; a caller may see a reply's end a moment before it is written down."""
    return until_ended(simulator, 1)


def until_active(simulator: Running) -> None:
    while simulator.stats()["active_streams"] == 0:
        time.sleep(0.01)


def until_ended(simulator: Running, number: int) -> dict[str, Any]:
    for _ in range(200):
        records = simulator.stats()["records"]
        if records and records[-1]["number"] >= number and records[-1]["ending"] != "running":
            return dict(records[-1])
        time.sleep(0.01)
    raise AssertionError("the request never ended")


def test_a_finished_request_is_billed_as_its_usage_says(simulator: Running) -> None:
    got = ask(simulator, "Hello", key="sk-bill")
    record, usage = last(simulator), got.json["usage"]
    assert record["id"] == got.json["id"]
    assert (record["ending"], record["status"], record["key"]) == ("finished", 200, "bill")
    assert record["bytes"] == len(got.body)
    assert record["billed_prompt"] == usage["prompt_tokens"]
    assert record["billed_completion"] == usage["completion_tokens"]


def test_a_cut_stream_is_billed_for_what_was_delivered(simulator: Running) -> None:
    got = ask(simulator, "[[simulate cut_after_events=4]] Hello", stream=True)
    record = last(simulator)
    assert (record["ending"], record["events"]) == ("cut", 4)
    assert record["billed_completion"] == -(-len(got.text) // 4)
    assert record["fault"] == {"cut_after_events": 4}


def test_refusals_and_errors_cost_nothing(simulator: Running) -> None:
    ask(simulator, temperature=9)
    assert (last(simulator)["ending"], last(simulator)["billed_prompt"]) == ("refused", 0)
    ask(simulator, "[[simulate status=500]]")
    assert (last(simulator)["ending"], last(simulator)["billed_prompt"]) == ("error", 0)


@pytest.mark.parametrize("reset", [True, False])
@pytest.mark.parametrize("stage", ["latency_s=60", "first_token_s=60", "stall_after_events=1"])
async def test_a_caller_who_leaves_is_noticed_at_once(
    simulator: Running, stage: str, reset: bool
) -> None:
    number = simulator.stats()["requests"] + 1
    message = {"role": "user", "content": f"[[simulate {stage}]]"}
    body = json.dumps({"model": "sim-chat", "stream": True, "messages": [message]}).encode()
    reader, writer = await asyncio.open_connection("127.0.0.1", simulator.port)
    head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer k\r\n"
    writer.write(head + b"content-length: %d\r\n\r\n" % len(body) + body)
    if "latency" in stage:
        await asyncio.to_thread(until_active, simulator)
    else:
        await reader.readuntil(b"\r\n\r\n")
    left_at = time.monotonic()
    if reset:
        writer.transport.abort()
    writer.close()
    record = await asyncio.to_thread(until_ended, simulator, number)
    assert record["ending"] == "client_gone"
    assert record["ended_s"] - left_at < 0.1
    gone = simulator.stats()["disconnects"][-1]
    assert (gone["id"], gone["at_s"]) == (record["id"], record["ended_s"])
    assert simulator.stats()["active_streams"] == 0


class Pipe(asyncio.Transport):
    """A connection in memory that knows whether the server reads from it."""

    reading = True

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def write(self, data: object) -> None: ...

    def close(self) -> None: ...

    def is_closing(self) -> bool:
        return False


async def test_a_large_body_that_comes_at_once_does_not_blind_the_server() -> None:
    """uvicorn stops reading at 64 KiB, and would then not see the caller leave."""
    config = make_server(build_app()).config
    config.load()
    protocol = SimulatorProtocol(config, ServerState(), {})
    pipe = Pipe()
    protocol.connection_made(pipe)
    message = {"role": "user", "content": "[[simulate latency_s=60]]" + " padding" * 20_000}
    body = json.dumps({"model": "sim-chat", "messages": [message]}).encode()
    head = "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer k\r\n"
    protocol.data_received(f"{head}content-length: {len(body)}\r\n\r\n".encode())
    await asyncio.sleep(0)  # the application waits for the body
    protocol.data_received(body)
    assert not pipe.reading
    for _ in range(5):
        await asyncio.sleep(0)
    assert pipe.reading
    protocol.connection_lost(None)
    await asyncio.gather(*protocol.tasks)


def test_stats_are_shown_and_forgotten(simulator: Running) -> None:
    ask(simulator)
    shown = send(simulator, "GET", "/__simulator/stats?limit=1").json
    assert len(shown["records"]) == 1
    assert shown["totals"]["finished"] >= 1
    send(simulator, "POST", "/__simulator/reset")
    shown = send(simulator, "GET", "/__simulator/stats").json
    assert (shown["requests"], shown["records"], shown["totals"]) == (0, [], {})
    assert send(simulator, "GET", "/__simulator/none").status == 404


def test_bodies_and_streams_are_bounded() -> None:
    with running(SimulatorSettings(max_body_bytes=1000, max_streams=0)) as small:
        got = ask(small, "x" * 2000)
        assert (got.status, got.headers["connection"]) == (413, "close")
        assert ask(small, stream=True).status == 503
        assert ask(small).status == 200


async def test_it_is_an_asgi_application_without_its_own_server() -> None:
    app = build_app(SimulatorSettings())
    sent: list[Any] = []

    async def call(text: str) -> None:
        message = {"role": "user", "content": text}
        body = json.dumps({"model": "sim-fast", "messages": [message]}).encode()
        inbox = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive() -> Any:
            return inbox.pop() if inbox else await asyncio.Event().wait()

        async def take(event: Any) -> None:
            sent.append(event)

        scope = {
            "type": "http",
            "method": "POST",
            "path": "/v1/chat/completions",
            "headers": [(b"authorization", b"Bearer k")],
        }
        await app(scope, receive, take)

    await call("hello")
    assert sent[0]["status"] == 200
    assert json.loads(sent[1]["body"])["choices"]
    with pytest.raises(Cut):
        await call("[[simulate drop]]")


def start(*arguments: str, **more: Any) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "opengateway.simulator.serve", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, **more)


@pytest.mark.parametrize("inherited", [True, False])
def test_the_process_says_its_address_and_ends_with_zero(inherited: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        number = listener.fileno()
        arguments = ("--fd", str(number)) if inherited else ("--port", "0")
        process = start(*arguments, pass_fds=(number,))
        with process:
            try:
                assert process.stdout is not None
                line = process.stdout.readline()
                address = line.removeprefix("simulator listening on http://127.0.0.1:")
                port = int(address.partition("/")[0])
                assert (port == listener.getsockname()[1]) == inherited
                assert ask(Running(port, build_app()), timeout_s=10).status == 200
                process.send_signal(signal.SIGTERM)
                assert process.wait(5) == 0
            finally:
                process.kill()


def test_a_wrong_start_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "faults.yaml").write_text("- fault: {late: 3}")
    assert main(["--faults", str(tmp_path / "faults.yaml")]) == 1
    assert main(["--cases", str(tmp_path / "nowhere")]) == 1
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert main(["--port", str(taken.getsockname()[1])]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3
    assert "late" in lines[0]


def test_no_control_plane_library_is_loaded() -> None:
    code = (
        "import sys, opengateway.simulator.serve\n"
        "found = {'pydantic', 'fastapi', 'starlette', 'sqlalchemy', 'typer'} & set(sys.modules)\n"
        "sys.exit(f'loaded: {found}' if found else 0)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
