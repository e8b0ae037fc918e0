"""Fixtures that every test may ask for. The stores are real ones: see `stores.py`."""

from __future__ import annotations

import pytest

import stores
from stores import (  # noqa: F401 - fixtures are found by being here
    _databases,
    _template,
    blank_postgres_url,
    chromium,
    own_postgres,
    own_valkey,
    postgres_url,
    store_url,
    valkey_url,
)

_BEGAN = pytest.StashKey[bool]()
_SERVERS = frozenset(
    {"_databases", "blank_postgres_url", "own_postgres", "own_valkey", "postgres_url", "valkey_url"}
)


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_BEGAN] = stores.begin()


def pytest_unconfigure(config: pytest.Config) -> None:
    """Nothing of a run outlives it."""
    if config.stash.get(_BEGAN, False):
        stores.end()
    else:
        stores.leave()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs a server: `make check` leaves it to `make test`."""
    for item in items:
        names = set(getattr(item, "fixturenames", ()))
        chosen = getattr(getattr(item, "callspec", None), "params", {})
        # `store_url` asks for its server by the parameter, which no list of fixtures shows.
        if names & _SERVERS or chosen.get("store_url") == "postgres":
            item.add_marker("servers")
