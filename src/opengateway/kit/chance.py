"""Chance, as a dependency. The only module that draws random numbers."""

from __future__ import annotations

import os
import secrets
from random import Random, SystemRandom
from typing import TypeAlias

Chance: TypeAlias = Random
"""A source of chance, for annotations: the `random` module itself is imported nowhere else."""

random_bytes = os.urandom
"""`n` bytes from the kernel; for ids, secrets and nonces."""

_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def random_base62(length: int) -> str:
    """A string of `length` base62 characters, each drawn without bias."""
    return "".join(secrets.choice(_BASE62) for _ in range(length))


def seeded(seed: int) -> Random:
    """A repeatable source, for simulations and tests. Never for secrets."""
    return Random(seed)


def system() -> Random:
    """A source that cannot be repeated or guessed."""
    return SystemRandom()
