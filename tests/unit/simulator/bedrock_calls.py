"""Requests on Bedrock's wire, signed or with a key, and what came back in frames."""

from __future__ import annotations

import json
import time
from typing import Any

from simulated import Got, Running, send

from opengateway.kit.event_stream import Decoder
from opengateway.kit.sigv4 import AwsKey, SignatureScope, signed_headers
from opengateway.simulator.bedrock.auth import SECRET

KEY = {"authorization": "Bearer bedrock-api-key-1", "content-type": "application/json"}
OWN = AwsKey("AKIASIMULATOR001", SECRET)


def path_of(model: str, action: str = "converse") -> str:
    return f"/bedrock/model/{model.replace(':', '%3A')}/{action}"


def signed(path: str, body: bytes, key: AwsKey = OWN, **wrong: Any) -> dict[str, str]:
    """The headers of a signed request; `wrong` replaces what is signed."""
    scope = SignatureScope("us-east-1", wrong.pop("service", "bedrock"))
    given: dict[str, Any] = {
        "method": "POST",
        "url": f"http://x{path}",
        "headers": {"content-type": "application/json"},
        "body": body,
        "at_s": int(time.time()),
        **wrong,
    }
    return {"content-type": "application/json"} | signed_headers(key, scope, **given)


def converse(
    simulator: Running,
    content: Any = "Hello",
    *,
    model: str = "sim-nova",
    action: str = "converse",
    headers: dict[str, str] = KEY,
    **members: Any,
) -> Got:
    """One request; a member that is None is left out."""
    blocks = [{"text": content}] if isinstance(content, str) else content
    body = {"messages": [{"role": "user", "content": blocks}]} | members
    kept = {name: value for name, value in body.items() if value is not None}
    raw = json.dumps(kept).encode()
    return send(simulator, "POST", path_of(model, action), raw, headers=headers)


def frames(got: Got) -> list[tuple[str, dict[str, Any]]]:
    """Events and exceptions by name, in order."""
    decoder = Decoder(1 << 24)
    found = [
        (m.text(":event-type") or m.text(":exception-type"), json.loads(m.payload))
        for m in decoder.feed(got.body)
    ]
    assert not decoder.buffered, "a frame is not whole"
    return found


def said(got: Got) -> str:
    """The text, streamed or whole."""
    if got.headers["content-type"].startswith("application/json"):
        blocks = got.json["output"]["message"]["content"]
        return "".join(block.get("text", "") for block in blocks)
    deltas = [told["delta"] for name, told in frames(got) if name == "contentBlockDelta"]
    return "".join(delta.get("text", "") for delta in deltas)


def tool(name: str = "get_weather") -> dict[str, Any]:
    schema = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    return {"toolSpec": {"name": name, "inputSchema": {"json": schema}}}
