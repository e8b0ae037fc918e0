"""The control API against its own description: every route, with input that fits and that does not."""

from __future__ import annotations

import asyncio
import copy
import os
from collections.abc import Iterator
from contextlib import AsyncExitStack
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.core.transport import Response
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
)

from asgi_client import Reply, call
from control_plane import control_in
from opengateway.http.openapi import describe
from opengateway.policies.permissions import Role
from people import API, People, Person

_SOAK = os.environ.get("OPENGATEWAY_SOAK") == "1"
_EXAMPLES = 300 if _SOAK else 3
_SEED = int(os.environ.get("OPENGATEWAY_SEED", "20260401"))
_ENDS_THE_CALLER = {
    ("post", "/auth/sign-out"),
    ("delete", "/me"),
    ("delete", "/me/sessions"),
    ("delete", "/me/sessions/{session_id}"),
    ("post", "/me/password"),
    ("delete", "/teams/{team_id}"),
    ("post", "/teams/{team_id}/leave"),
}
_PAGES = {("get", "/auth/oidc/start"), ("get", "/auth/oidc/callback")}
"""For browsers: they answer with pages and redirections."""
_UNREADY = {
    ("get", "/admin/prices/in-force"),
    ("get", "/admin/endpoints"),
    ("put", "/admin/endpoints"),
    ("post", "/teams/{team_id}/credentials"),
    ("post", "/admin/prices/preview"),
    ("post", "/admin/route-explanations"),
    ("get", "/teams/{team_id}/models"),
    ("get", "/teams/{team_id}/model-endpoints"),
}
"""503 by design until a job that does not run here has compiled what is served."""
_ENDLESS = {("get", "/logs/tail"), ("get", "/admin/logs/tail")}
_CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    negative_data_rejection,
]


class Api:
    """A control plane in a loop of its own, and somebody who may do everything in it."""

    def __init__(self, home: Path) -> None:
        self.loop = asyncio.new_event_loop()
        self.stack = AsyncExitStack()
        self.house = self.run(self.stack.enter_async_context(control_in(home)))
        people = People(self.house)
        self.who: Person = self.run(people.person(platform=Role.PLATFORM_ADMIN))
        self.known = {"team_id": self.run(people.team(owner=self.who)), "user_id": self.who.id}
        keys = f"/teams/{self.known['team_id']}/keys"
        made = self.run(people.done(self.who, "POST", keys, {"name": "k"}))
        self.known["key_id"] = made["id"]
        self.document: dict[str, Any] = describe(self.house.public_app)

    def run(self, work: Any) -> Any:
        return self.loop.run_until_complete(work)

    def close(self) -> None:
        self.run(self.stack.aclose())
        self.loop.close()

    def send(self, case: Case) -> Response:
        request = requests.Request(**case.as_transport_kwargs(base_url="http://test")).prepare()
        for name in ("cookie", "authorization", "x-csrf-token"):
            request.headers.pop(name, None)
        body = request.body.encode() if isinstance(request.body, str) else request.body
        headers = {str(k).lower(): _text(v) for k, v in request.headers.items()}
        headers.pop("content-length", None)
        reply: Reply = self.run(
            call(
                self.house.public_app,
                str(request.method),
                request.path_url,
                body=body,
                headers={**headers, **self.who.headers},
            )
        )
        told = {name: [value] for name, value in reply.headers.items()}
        return Response(reply.status, told, reply.body, request, 0.0, verify=False)


def _text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    made = Api(tmp_path_factory.mktemp("home"))
    yield made
    made.close()


def operations(
    api: Api, document: dict[str, Any] | None = None
) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, found in (document or api.document)["paths"].items():
        for method, operation in found.items():
            yield method, path.removeprefix(API), operation


def test_every_body_has_an_example_and_every_operation_its_errors(api: Api) -> None:
    for method, path, operation in operations(api):
        shown = [operation.get("requestBody") or {}]
        shown += [r for status, r in operation["responses"].items() if status < "400"]
        for content in shown:
            for kind, media in content.get("content", {}).items():
                if kind == "application/json" and media.get("schema"):
                    assert "example" in media or "examples" in media, f"{method} {path}"
        assert {"400", "401", "403", "404", "409", "412", "503"} <= set(operation["responses"])
        assert operation["summary"], f"{method} {path}"


def test_the_description_says_who_may_and_what_a_repeat_does(api: Api) -> None:
    for method, path, operation in operations(api):
        if operation["x-opengateway-access"] == "team":
            assert {"management_key": []} in operation["security"]
            assert operation["x-opengateway-permission"] in operation["description"]
        if method == "post" and operation["x-opengateway-access"] != "public":
            names = [p["name"] for p in operation["parameters"]]
            assert "idempotency-key" in names, path


@pytest.mark.slow
@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda m: m.value)
def test_nothing_breaks_and_nothing_wrong_is_accepted(api: Api, mode: GenerationMode) -> None:
    print(f"seed {_SEED}")
    document = copy.deepcopy(api.document)
    for _, _, described in operations(api, document):
        described.pop("security")  # who may call is shown elsewhere, for every role and route
    schema = schemathesis.openapi.from_dict(document)
    tried, faults = 0, []
    for result in schema.get_all_operations():
        operation = result.ok()
        name = (operation.method.lower(), operation.path.removeprefix(API))
        if name in _ENDS_THE_CALLER | _PAGES | _ENDLESS:
            continue
        try:
            tried += _try(api, operation.as_strategy(generation_mode=mode), mode, name in _UNREADY)
        except FailureGroup as group:
            faults += [f"{name}: {str(e)[:600]}" for e in group.exceptions]
        except Failure as error:
            faults.append(f"{name}: {str(error)[:600]}")
    print(f"{tried} calls")
    assert faults == [], "\n\n".join(faults)
    assert tried > (100 if mode is GenerationMode.NEGATIVE else 200)


def _try(api: Api, cases: Any, mode: GenerationMode, may_be_unready: bool) -> int:
    tried = 0

    @seed(_SEED)
    @settings(
        max_examples=_EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=cases)
    def work(case: Case) -> None:
        nonlocal tried
        tried += 1
        if mode is GenerationMode.POSITIVE:
            for name in set(case.path_parameters or {}) & set(api.known):
                case.path_parameters[name] = api.known[name]
        answer = api.send(case)
        if answer.status_code != HTTPStatus.SERVICE_UNAVAILABLE or not may_be_unready:
            case.validate_response(answer, checks=_CHECKS)

    try:
        work()
    except Unsatisfiable:
        pass  # nothing wrong can be sent to a route without input
    return tried
