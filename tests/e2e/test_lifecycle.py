"""Starting, stopping, losing control, revoking: what an operator relies on."""

from __future__ import annotations

import json
import os
import re
import signal
import ssl
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from contract.tls_material import Authority
from e2e.conftest import CHAT, TWO, small_zone
from e2e.product import COMMAND, Product, Simulator, free_port, http, product, run, until

BODY = {"model": CHAT, "messages": [{"role": "user", "content": "hello there"}]}


@pytest.fixture(scope="module")
def own(provider: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """A product that may be hurt."""
    with product(small_zone(provider, tmp_path_factory)) as running:
        yield running


def test_the_first_start_shows_a_key_once_and_its_curl_line_works(own: Product) -> None:
    text = until(lambda: "Try it:" in own.log.read_text() and own.log.read_text())
    (key,) = set(re.findall(r"og_live_\w{38}", text))
    assert f"http://localhost:{own.port}/v1/chat/completions" in text
    example = json.loads(re.search(r"-d '(.*)'", text)[1])
    status, raw, _ = own.chat(example, {"authorization": f"Bearer {key}"})
    assert status == 200
    assert json.loads(raw)["choices"][0]["message"]["content"]


def test_a_reply_says_who_served_it_and_its_record_agrees(own: Product) -> None:
    status, raw, headers = own.chat(BODY)
    assert status == 200
    reply = json.loads(raw)
    assert reply["model"] == CHAT
    assert headers["x-opengateway-provider"] == "main"
    assert headers["x-opengateway-model"] == CHAT
    assert headers["x-opengateway-zone"] == "test"
    assert headers["x-opengateway-attempts"] == "1"
    assert float(headers["x-opengateway-overhead-ms"]) < 100
    record = own.record(headers["x-request-id"])
    assert record["ending"] == "completed"
    usage = reply["usage"]
    asked = usage["prompt_tokens"] * 200 + usage["completion_tokens"] * 600
    assert record["cost_nanos"] == asked, "0.20 and 0.60 dollars a million, exactly"


def test_what_became_of_a_request_can_be_asked_for(own: Product) -> None:
    body = {"model": CHAT, "messages": [{"role": "user", "content": "hello"}]}
    _, _, headers = own.chat(body)
    url = f"{own.url}/v1/generation?id={headers['x-request-id']}"
    auth = {"authorization": f"Bearer {own.key}"}
    until(lambda: http(url, headers=auth)[0] == 200)
    told = json.loads(http(url, headers=auth)[1])["data"]
    assert (told["id"], told["status"]) == (headers["x-request-id"], 200)
    assert told["attempts"][-1]["status"] == "succeeded"
    status, raw, _ = http(f"{own.url}/v1/generation?id=gen_{'0' * 32}", headers=auth)
    assert (status, json.loads(raw)["error"]["code"]) == (404, "request_not_found")


def test_a_failing_provider_is_left_for_the_next(own: Product, provider: Simulator) -> None:
    provider.faults({"match": {"nth": [1]}, "fault": {"status": 503}})
    try:
        asked = {**BODY, "model": TWO, "provider": {"order": ["main", "spare"]}}
        status, _, headers = own.chat(asked)
    finally:
        provider.reset()
    assert status == 200
    assert headers["x-opengateway-attempts"] == "2"
    assert headers["x-opengateway-provider"] == "spare"


def test_a_revoked_key_is_refused_within_five_seconds(own: Product) -> None:
    made = own.new_key("to be revoked")
    until(lambda: own.knows(made["key"]))
    began = time.monotonic()
    run("keys", "revoke", "--zone", str(own.zone_file), made["id"])
    until(lambda: not own.knows(made["key"]), 5)
    took_s = time.monotonic() - began
    status, raw, _ = own.chat(BODY, {"authorization": f"Bearer {made['key']}"})
    assert status == 401
    assert json.loads(raw)["error"]["code"] in ("key_revoked", "invalid_api_key")
    print(f"\nrevoked after {took_s:.2f} s")


def test_pages_and_probes_are_served(own: Product) -> None:
    for path in ("/healthz", "/readyz", "/version", "/"):
        assert http(own.url + path)[0] == 200, path
    status, page, headers = http(own.url + "/docs/")
    assert status == 200
    assert headers["content-type"].startswith("text/html")
    assert b"OpenGateway" in page
    assert http(own.url + "/docs/../../etc/passwd")[0] in (400, 404)
    assert http(own.url + "/internal/v1/key-table")[0] == 404, "internal stays internal"


def test_models_are_listed_and_one_is_told(own: Product) -> None:
    headers = {"authorization": f"Bearer {own.key}"}
    listed = json.loads(http(own.url + "/v1/models", headers=headers)[1])
    assert listed["object"] == "list"
    (row,) = [m for m in listed["data"] if m["id"] == CHAT]
    assert row["pricing"]["prompt"] == "0.0000002"
    one = json.loads(http(own.url + f"/v1/models/{CHAT}", headers=headers)[1])
    assert one == row
    places = json.loads(http(own.url + f"/v1/models/{TWO}/endpoints", headers=headers)[1])
    assert len(places["data"]["endpoints"]) == 2


def test_metrics_of_every_process_are_one_page(own: Product) -> None:
    own.chat(BODY)

    def told() -> str:
        text = http(f"http://127.0.0.1:{own.metrics_port}/metrics")[1].decode()
        return text if "opengateway_requests_total{" in text else ""

    text: str = until(told, 10)
    for name in (
        "opengateway_in_flight",
        "opengateway_process_up",
        "opengateway_requests_total",
        "opengateway_tokens_total",
        "opengateway_refused_total",
        "opengateway_request_seconds_bucket",
    ):
        assert re.search(rf"^{name}\b", text, re.MULTILINE), name
    assert re.search(r'^opengateway_refused_total\{.*step="authenticate"', text, re.MULTILINE)
    families = re.findall(r"^# TYPE (\S+)", text, re.MULTILINE)
    assert len(families) == len(set(families)), "each family once"


def test_traffic_goes_on_while_control_is_down_even_through_a_restart(own: Product) -> None:
    control, gateway = own.pid("control"), own.pid("gateway")
    os.kill(control, signal.SIGSTOP)
    try:
        status, _, headers = own.chat(BODY)
        assert status == 200
        os.kill(gateway, signal.SIGKILL)
        began = time.monotonic()
        until(lambda: own.chat(BODY)[0] == 200, 10)
        back_s = time.monotonic() - began
        _, _, second = own.chat(BODY)
        assert http(own.url + "/v1/models", headers={"authorization": "Bearer x"})[0] == 401
    finally:
        os.kill(control, signal.SIGCONT)
    assert back_s < 10, back_s  # a second; other tests run beside this one
    for known in (headers, second):
        assert own.record(known["x-request-id"])["ending"] == "completed"
    print(f"\nserving again {back_s:.2f} s after SIGKILL, control stopped")


def test_logs_and_files_hold_no_secret(own: Product) -> None:
    own.chat(BODY)
    secrets = [own.key.encode(), b"test-provider-key-1234"]
    shown_once = set(re.findall(rb"og_live_\w{38}", own.log.read_bytes()))
    assert len(shown_once) == 1, "only the first key, and only where it is shown"
    for path in (own.zone_file.parent / "var").rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            for secret in [*secrets, *shown_once]:
                assert secret not in data, path.name
    for secret in secrets:
        assert secret not in own.log.read_bytes()


def test_a_stop_lets_running_streams_finish_and_exits_with_0(
    provider: Simulator, tmp_path_factory: pytest.TempPathFactory
) -> None:
    import threading

    with product(small_zone(provider, tmp_path_factory)) as short:
        text = "[[simulate gap_s=0.05]] tell me a story of 40 words"
        body = {**BODY, "stream": True, "messages": [{"role": "user", "content": text}]}
        answers: list[bytes] = []
        reading = threading.Thread(target=lambda: answers.append(short.chat(body)[1]))
        reading.start()
        until(lambda: provider.stats()["active_streams"] == 1)
        assert short.stop() == 0
        reading.join(10)
        assert answers[0].endswith(b"data: [DONE]\n\n")


def test_the_public_port_speaks_tls_when_it_is_given_a_certificate(
    provider: Simulator, tmp_path_factory: pytest.TempPathFactory
) -> None:
    authority = Authority(tmp_path_factory.mktemp("authority"))
    authority.server("127.0.0.1")
    own = str(authority.file.parent / "127.0.0.1.pem")
    zone = small_zone(provider, tmp_path_factory)
    zone.tls = {"cert_file": own, "key_file": own}
    port = free_port()
    process = subprocess.Popen(
        [*COMMAND, "serve", "--zone", str(zone.write(port, free_port()))], stdout=subprocess.PIPE
    )
    trusting = ssl.create_default_context(cafile=str(authority.file))
    try:
        assert process.stdout is not None
        said = b"".join(iter(process.stdout.readline, b"Try it:\n"))
        assert f"https://localhost:{port}".encode() in said
        url = f"https://127.0.0.1:{port}/readyz"
        with urllib.request.urlopen(url, context=trusting, timeout=5) as answer:
            assert answer.status == 200
    finally:
        process.terminate()
        assert process.wait(20) == 0
        process.stdout.close()  # type: ignore[union-attr]


def test_a_running_gateway_holds_nothing_of_the_control_plane(
    provider: Simulator, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = tmp_path_factory.mktemp("site")
    dump = site / "modules"
    (site / "sitecustomize.py").write_text(
        "import signal, sys\n"
        f"signal.signal(signal.SIGUSR1, lambda *_: open({str(dump)!r}, 'w').write("
        "' '.join(sys.modules)))\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(site))
    with product(small_zone(provider, tmp_path_factory)) as running:
        assert running.chat(BODY)[0] == 200
        assert running.chat({**BODY, "stream": True})[0] == 200
        os.kill(running.pid("gateway"), signal.SIGUSR1)
        until(lambda: Path(dump).exists() and dump.read_text())
    loaded = {name.split(".")[0] for name in dump.read_text().split()}
    assert "opengateway" in loaded
    assert loaded & {"pydantic", "fastapi", "starlette", "sqlalchemy", "duckdb", "typer"} == set()
