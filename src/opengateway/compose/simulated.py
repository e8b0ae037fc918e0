"""The whole catalogue against the simulator: a zone made for it, and the simulator that serves it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from opengateway.catalog.config import Capability
from opengateway.catalog.loader import Catalogue, CatalogueProvider, load_catalogue
from opengateway.compose.listening import bind
from opengateway.domain.catalog import Wire
from opengateway.domain.errors import OperatorError
from opengateway.kit import json
from opengateway.simulator.personas import load_personas

_KEY: Final = "file:./key"
_PROJECT: Final = "/vertex/v1/projects/p/locations/l"
_PATHS: Final[Mapping[Wire, str]] = {
    Wire.ANTHROPIC: "/anthropic",
    Wire.GEMINI: "/gemini",
    Wire.BEDROCK: "/bedrock",
    Wire.ANTHROPIC_BEDROCK: "/bedrock",
    Wire.ANTHROPIC_VERTEX: _PROJECT,
    Wire.COHERE: "/cohere",
}
_ANSWERS_S: Final = 30.0
_STOP_S: Final = 10.0


@asynccontextmanager
async def simulated_zone() -> AsyncIterator[Path]:
    """A zone file with every model of the catalogue; the simulator answers while this is open.

    Raises `OperatorError`.
    """
    catalogue = load_catalogue()
    with TemporaryDirectory(prefix="opengateway-smoke-") as folder:
        listener = bind("127.0.0.1", 0)
        port = listener.getsockname()[1]
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "opengateway.simulator.serve", "--fd", str(listener.fileno())),
            *("--models", ",".join(names_of(catalogue))),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            pass_fds=(listener.fileno(),),
        )
        listener.close()
        try:
            await _up(process)
            path = Path(folder) / "zone.yaml"
            path.with_name("key").write_text("simulated-key")
            # JSON is YAML.
            path.write_bytes(json.dumps(_zone(catalogue, f"http://127.0.0.1:{port}")))
            yield path
        finally:
            if process.returncode is None:
                process.terminate()
                await asyncio.wait_for(process.wait(), _STOP_S)


async def _up(process: asyncio.subprocess.Process) -> None:
    """Until it says where it listens."""
    assert process.stdout is not None
    try:
        said = await asyncio.wait_for(process.stdout.readline(), _ANSWERS_S)
    except TimeoutError:
        said = b""
    if not said:
        raise OperatorError("the simulator did not start")


def names_of(catalogue: Catalogue) -> list[str]:
    """Names that the simulator is to know: those that reason, then all others."""
    reasoners = dict.fromkeys(
        endpoint.upstream_model
        for model in catalogue.models.values()
        if Capability.REASONING in (model.capabilities or ())
        for endpoint in model.endpoints
    )
    return [*(f"{name}:reasoner" for name in reasoners), "*"]


def _zone(catalogue: Catalogue, url: str) -> dict[str, Any]:
    served = dict.fromkeys(e.provider for m in catalogue.models.values() for e in m.endpoints)
    return {
        "zone": "simulated",
        "home": "./var",
        "listen": {"metrics": {"port": 0}},
        "components": {"billing": {"use": "off"}},
        "providers": {
            name: {
                "base_url": url + _path(name, catalogue.providers[name]),
                "credentials": [{"name": "main", _secret(catalogue.providers[name]): _KEY}],
                **_auth(catalogue.providers[name]),
            }
            for name in served
        },
    }


def _path(name: str, provider: CatalogueProvider) -> str:
    """Where the simulator speaks as this provider does."""
    if provider.wire is not Wire.OPENAI:
        return _PROJECT if "{project}" in provider.base_url else _PATHS[provider.wire]
    if provider.auth == "api-key":
        return "/azure/openai/v1"
    persona = name if name in load_personas() else "generic"
    return f"/as/{persona}/v1"


def _secret(provider: CatalogueProvider) -> str:
    is_googles = "googleapis.com" in provider.base_url and "{project}" in provider.base_url
    return "access_token" if is_googles else "api_key"


def _auth(provider: CatalogueProvider) -> dict[str, str]:
    """The simulator's Messages take the key in their own header, whoever serves them."""
    return {"auth": "x-api-key"} if provider.wire is Wire.ANTHROPIC else {}
