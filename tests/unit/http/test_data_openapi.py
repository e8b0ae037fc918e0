"""`/openapi.json`: it names what is served, and says of it what is true."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, cast

import jsonschema_rs
import pytest
import schemathesis

from openai_document import DOCUMENT, needs_document
from opengateway.dialects.openai_chat import decode
from opengateway.domain.errors import InvalidRequest
from opengateway.gateway.key_state import KeyDesk
from opengateway.http.data_app import Access, DataApp
from opengateway.http.data_openapi import document
from opengateway.kit.json import dumps
from unit.gateway.fakes import World, endpoint, model

DESCRIBED: Any = json.loads(document("1.2.3"))


def routes() -> Iterator[tuple[str, str, Access]]:
    from opengateway.compose.surfaces import new_surfaces
    from opengateway.infra.response_store.memory import MemoryResponseStore
    from opengateway.infra.secret_box import AesSecretBox
    from unit.gateway.fakes import ScriptedTransport

    world = World([model("lab/m", endpoint("a"))], ScriptedTransport())
    box = AesSecretBox({1: b"k" * 32})
    surfaces = new_surfaces(
        world.services, MemoryResponseStore(world.services.clock), box, lambda _: True
    )
    desk = KeyDesk(cast(Any, None), cast(Any, None), "test")
    app = DataApp(world.services, cast(Any, None), "1", desk, cast(Any, None), surfaces)
    for route in app.routes:
        yield route.method.lower(), route.path, route.access


def test_it_is_openapi() -> None:
    schema = schemathesis.openapi.from_dict(DESCRIBED)
    schema.validate()
    assert DESCRIBED["info"]["version"] == "1.2.3"
    assert len(list(schema.get_all_operations())) > 20


def test_every_route_is_described_and_nothing_else() -> None:
    described = {
        (method, path) for path, methods in DESCRIBED["paths"].items() for method in methods
    }
    served = set()
    for method, path, access in routes():
        below = [
            (verb, told)
            for verb, told in described
            if verb == method and (told == path or (path.endswith("/") and told.startswith(path)))
        ]
        # A prefix's own paths are described one by one.
        below = [pair for pair in below if pair[1] == path or "{" in pair[1]]
        assert below, f"{method} {path} is not described"
        for verb, told in below:
            operation = DESCRIBED["paths"][told][verb]
            assert (operation.get("security") == []) == (access is Access.PUBLIC), told
        served |= set(below)
    assert described == served


def test_every_reference_leads_somewhere() -> None:
    text = json.dumps(DESCRIBED)
    names = set(re.findall(r'"#/components/schemas/([^"]+)"', text))
    assert names <= set(DESCRIBED["components"]["schemas"])


def validator(name: str) -> Any:
    return jsonschema_rs.Draft202012Validator(
        {"$ref": f"#/components/schemas/{name}", "components": DESCRIBED["components"]}
    )


@pytest.mark.parametrize(
    "body",
    [
        {"model": "m", "messages": [{"role": "user", "content": "hi"}], "temperature": 3},
        {"model": "m", "messages": []},
        {"model": "m", "messages": [{"role": "nobody", "content": "hi"}]},
        {"model": "m", "messages": [{"role": "user", "content": "hi"}], "extra": {"no": 1}},
        {"messages": [{"role": "user", "content": "hi"}]},
    ],
)
def test_what_it_forbids_is_refused(body: Any) -> None:
    assert not validator("ChatRequest").is_valid(body)
    with pytest.raises(InvalidRequest):
        decode(dumps(body), {})


def test_what_it_allows_is_taken() -> None:
    body = {
        "model": "m",
        "messages": [
            {"role": "system", "content": "be brief"},
            {"role": "user", "content": [{"type": "text", "text": "hi"}]},
        ],
        "tools": [{"type": "function", "function": {"name": "f"}}],
        "extra": {"strict_parameters": True},
        "something_new": {"passes": True},
    }
    assert validator("ChatRequest").is_valid(body)
    assert decode(dumps(body), {}).strict_parameters is True


@needs_document
def test_requests_of_openais_own_examples_are_allowed() -> None:
    """Members that OpenAI's document names for chat completions are known here by the same types."""
    assert DOCUMENT.is_file()
    known = DESCRIBED["components"]["schemas"]["ChatRequest"]["properties"]
    for name in ("temperature", "top_p", "n", "stop", "tools", "response_format", "seed", "user"):
        assert name in known
