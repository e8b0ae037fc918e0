"""Two whole products on one PostgreSQL and one Valkey: what one is told, the other knows."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import asyncpg
import pytest

from e2e.operating import SOAK, chat, new_team, servers, verify
from e2e.product import ROOT, Product, Simulator, Zone, http, product, run, until
from stores import apart

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def pair(
    provider: Simulator, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Product, Product]]:
    folder = tmp_path_factory.mktemp("fleet")
    with servers() as stores:
        first = Zone(provider, folder / "a", components={**stores.components})
        first.provider("main", "openai")
        first.components["billing"] = {"use": "ledger"}
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
    run("credits", "grant", "--zone", str(one.zone_file), "--team", "e2e", "--usd", "5")
    until(lambda: other.knows(one.key), 5)
    body = {"model": "lab/chat", "messages": [{"role": "user", "content": "hello"}]}
    other_key, other.key = other.key, one.key
    try:
        status, _, headers = other.chat(body)
    finally:
        other.key = other_key
    assert status == 200
    assert one.record(headers["x-request-id"])["status"] == 200


@dataclass
class Rotation:
    """A load balancer's: whole requests and streams at whichever member is in it, all the time."""

    key: str
    urls: list[str]
    told: Counter[str] = field(default_factory=Counter)
    over: bool = False

    def _body(self, number: int) -> bytes:
        text = "[[simulate gap_s=0.05]] a story of 20 words" if number % 2 else "hello"
        wish = {"model": "lab/chat", "max_tokens": 100, "stream": bool(number % 2)}
        return json.dumps({**wish, "messages": [{"role": "user", "content": text}]}).encode()

    async def _worker(self, number: int) -> None:
        while not self.over:
            url = self.urls[number % len(self.urls)]
            answer = await chat(url, self.key, self._body(number), timeout_s=60)
            self.told[f"{answer.status} {answer.code}".strip()] += 1
            number += 1
            await asyncio.sleep(0.02)

    async def _run(self) -> None:
        await asyncio.gather(*(self._worker(number) for number in range(8)))

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over = True
        self._thread.join(90)

    def renew(self, member: Product, source: Path | None = None) -> None:
        """Take it out, let it end what it has, start it again, take it in."""
        self.urls.remove(member.url)
        assert member.stop() == 0
        member.start_again(source)
        until(lambda: http(member.url + "/api/v1/version")[0] == 200, 60)
        until(lambda: member.knows(self.key), 30)
        self.urls.append(member.url)


async def _expand(url: str) -> None:
    """As a later version's migration would, while both members serve."""
    connection = await asyncpg.connect(url)
    async with connection.transaction():
        for table in ("requests", "teams", "api_keys", "ledger_leases"):
            await connection.execute(f"ALTER TABLE {table} ADD COLUMN later TEXT")
        await connection.execute("CREATE TABLE later_things (id TEXT PRIMARY KEY)")
        await connection.execute("UPDATE alembic_version SET version_num = '9999'")
    await connection.close()


def test_a_newer_schema_and_members_renewed_in_turn_fail_no_request(
    pair: tuple[Product, Product],
) -> None:
    """The upgrade's schema comes under load; both members run on, and start again on it: the way back
    to the version before."""
    team = new_team(pair[0], "rolling", "100")
    until(lambda: pair[1].knows(team.key), 5)
    with Rotation(team.key, [member.url for member in pair]) as load:
        until(lambda: load.told["200"] > 20, 30)
        apart(_expand(os.environ["OG_TEST_OWN_STORE"]))
        for member in pair:
            load.renew(member)
    print(f"\nrolling: {dict(load.told)}")
    assert set(load.told) == {"200"}
    until(lambda: team.balance()[1] == 0, 60, every_s=0.2)
    verify(pair[0])


if SOAK:  # another version of the program, out of the history

    def test_two_versions_side_by_side_fail_no_request(provider: Simulator, tmp_path: Path) -> None:
        """Members of the version before the newest schema; one by one they become this version."""
        git = ("git", "-C", str(ROOT))
        place = ("--", "src/opengateway/infra/database.py")
        found = subprocess.run(
            [*git, "log", "-1", "--first-parent", "--format=%H", "-G^HEAD: Final", *place],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        archive = subprocess.run(
            [*git, "archive", f"{found}^", "src"], capture_output=True, check=True
        ).stdout
        subprocess.run(["tar", "-x", "-C", str(tmp_path)], input=archive, check=True)
        with servers() as stores:
            zone = Zone(provider, tmp_path / "a", components={**stores.components})
            zone.components["billing"] = {"use": "ledger"}
            zone.provider("main", "openai")
            zone.model("lab/chat", ("main", "sim-chat"))
            second = Zone(provider, tmp_path / "b", zone.providers, zone.models)
            second.components = zone.components
            os.environ["PYTHONPATH"] = str(tmp_path / "src")
            try:
                with product(zone) as one:
                    home = tmp_path / "b" / "var"
                    home.mkdir(mode=0o700, parents=True)
                    (home / "secrets").symlink_to(tmp_path / "a" / "var" / "secrets")
                    with product(second) as other:
                        del os.environ["PYTHONPATH"]
                        _upgraded(one, other)
            finally:
                os.environ.pop("PYTHONPATH", None)

    def _upgraded(one: Product, other: Product) -> None:
        before = _revision()
        team = new_team(one, "upgraded", "100")
        until(lambda: other.knows(team.key), 5)
        with Rotation(team.key, [one.url, other.url]) as load:
            until(lambda: load.told["200"] > 20, 30)
            load.renew(one)
            assert _revision() != before
            seen = load.told["200"]
            until(lambda: load.told["200"] > seen + 100, 60)  # both versions, on the newer schema
            load.renew(other)
        print(f"\nupgraded from {before} to {_revision()}: {dict(load.told)}")
        assert set(load.told) == {"200"}
        until(lambda: team.balance()[1] == 0, 60, every_s=0.2)
        verify(one)

    def _revision() -> str:
        async def ask() -> str:
            connection = await asyncpg.connect(os.environ["OG_TEST_OWN_STORE"])
            try:
                return str(await connection.fetchval("SELECT version_num FROM alembic_version"))
            finally:
                await connection.close()

        return apart(ask())
