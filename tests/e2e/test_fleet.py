"""Two whole products on one PostgreSQL and one Valkey: what one is told, the other knows."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.operating import servers
from e2e.product import Product, Simulator, Zone, product, run, until

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def pair(
    provider: Simulator, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Product, Product]]:
    folder = tmp_path_factory.mktemp("fleet")
    with servers() as stores:
        first = Zone(provider, folder / "a", components={**stores.components})
        first.provider("main", "openai")
        first.model("lab/chat", ("main", "sim-chat"))
        second = Zone(provider, folder / "b", first.providers, first.models)
        second.components = first.components
        with product(first) as one:
            home = folder / "b" / "var"
            home.mkdir(mode=0o700, parents=True)
            # As a mounted secret is: the same for every machine of the zone.
            (home / "secrets").symlink_to(folder / "a" / "var" / "secrets")
            with product(second) as other:
                yield one, other


@pytest.mark.parametrize("told", [0, 1])
def test_a_key_made_at_one_control_is_known_and_revoked_at_the_other(
    pair: tuple[Product, Product], told: int
) -> None:
    here, there = pair[told], pair[1 - told]
    key = here.new_key()
    began = time.monotonic()
    until(lambda: there.knows(key["key"]), 5)
    zone = ("--zone", str(here.zone_file))
    run("keys", "revoke", *zone, key["id"])
    until(lambda: not there.knows(key["key"]), 5)
    print(f"known and revoked within {time.monotonic() - began:.1f} s")


def test_a_request_at_either_is_recorded_in_the_one_store(
    pair: tuple[Product, Product], tmp_path: Path
) -> None:
    one, other = pair
    until(lambda: other.knows(one.key), 5)
    body = {"model": "lab/chat", "messages": [{"role": "user", "content": "hello"}]}
    other_key, other.key = other.key, one.key
    try:
        status, _, headers = other.chat(body)
    finally:
        other.key = other_key
    assert status == 200
    assert one.record(headers["x-request-id"])["status"] == 200
