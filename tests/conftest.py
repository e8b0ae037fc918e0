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


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_BEGAN] = stores.begin()


def pytest_unconfigure(config: pytest.Config) -> None:
    """Nothing of a run outlives it."""
    if config.stash.get(_BEGAN, False):
        stores.end()
    else:
        stores.leave()
