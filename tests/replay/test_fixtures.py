"""Small exchanges with each provider, written here: what comes in, what goes up, what comes back.

A folder `fixtures/<provider>/<case>` holds `request.in.json` and `request.upstream.json` (the body
that the vendor gets, and what was dropped), `stream.upstream.sse` and `stream.out.sse` (what the
caller gets, without the end marker), `meter.json` (what was counted), and `reply.upstream.json` with
`reply.out.json`. Not every case has all of them.
"""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from openai_chat_wire import MODEL_ID, WIRE, chat, endpoint
from opengateway.catalog.loader import load_catalogue
from opengateway.checks.caller_view import see_reply, see_stream
from opengateway.checks.replay import endpoint_for, provider_of
from opengateway.dialects.openai_chat import decode
from opengateway.domain.catalog import Wire

FOLDER = Path(__file__).parent / "fixtures"
CASES = sorted(str(path.relative_to(FOLDER)) for path in FOLDER.glob("*/*"))
STREAMED = [case for case in CASES if (FOLDER / case / "stream.upstream.sse").exists()]
WHOLE = [case for case in CASES if (FOLDER / case / "reply.upstream.json").exists()]


def _json(case: str, name: str) -> Any:
    return json.loads((FOLDER / case / name).read_bytes())


ASKED_BY_CELL = tomllib.loads(
    (Path(__file__).parents[1] / "golden" / "quirks.toml").read_text("utf-8")
).keys() - {case.split("/")[0] for case in STREAMED}
HOSTS = frozenset(
    (
        *("ai21", "aiand", "baseten", "cloudflare", "crusoe", "databricks", "deepinfra"),
        *("google-vertex-openai", "huggingface", "inception", "nebius", "novita", "sakana"),
        *("sambanova", "scaleway", "siliconflow", "snowflake", "stepfun", "xiaomi"),
    )
)


def test_every_provider_of_this_wire_has_a_case() -> None:
    providers = load_catalogue().providers.items()
    spoken = {
        name
        for name, provider in providers
        if provider.wire is Wire.OPENAI and provider.profile.operations.chat
    }
    written = {case.split("/")[0] for case in STREAMED}
    assert written <= spoken
    # The others are asked cell by cell, or are hosts that only leave members out.
    assert spoken - written == ASKED_BY_CELL | HOSTS - written


@pytest.mark.parametrize("case", STREAMED)
def test_the_vendor_gets_the_request_it_understands(case: str) -> None:
    vendor = provider_of(case.split("/")[0])
    request = decode((FOLDER / case / "request.in.json").read_bytes(), {})
    model = _json(case, "meter.json")["upstream_model"]
    call = WIRE.request(request, endpoint_for(vendor, model), vendor, "team_fixture")
    made = {"dropped": list(call.dropped), "body": json.loads(call.body)}
    assert made == _json(case, "request.upstream.json")


@pytest.mark.parametrize("case", STREAMED)
def test_the_caller_gets_the_stream_it_understands(case: str) -> None:
    vendor = provider_of(case.split("/")[0])
    request = decode((FOLDER / case / "request.in.json").read_bytes(), {})
    stream = WIRE.stream(request, endpoint(), vendor, MODEL_ID)
    frames = stream.feed((FOLDER / case / "stream.upstream.sse").read_bytes()) + stream.end()
    assert frames.decode() == (FOLDER / case / "stream.out.sse").read_text()
    assert see_stream(frames, MODEL_ID, include_usage=request.include_usage).faults == []
    meter, usage = stream.meter, stream.meter.usage
    counted = {
        "upstream_model": _json(case, "meter.json")["upstream_model"],
        "done": stream.done,
        "error": stream.error and stream.error.error_class.value,
        "characters": meter.characters,
        "finish_reason": meter.finish_reason,
        "native_finish_reason": meter.native_finish_reason,
        "upstream_id": meter.upstream_id,
        "usage": usage and {kind.value: count for kind, count in usage.quantities.items()},
    }
    assert counted == _json(case, "meter.json")


@pytest.mark.parametrize("case", WHOLE)
def test_the_caller_gets_the_answer_it_understands(case: str) -> None:
    vendor = provider_of(case.split("/")[0])
    body = (FOLDER / case / "reply.upstream.json").read_bytes()
    answer = WIRE.reply(body, chat(), endpoint(), vendor, MODEL_ID)
    assert json.loads(answer.body) == _json(case, "reply.out.json")
    assert see_reply(answer.body, MODEL_ID).faults == []
