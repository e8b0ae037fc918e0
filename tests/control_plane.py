"""A whole control plane on a store of its own, for tests."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import msgspec

from opengateway.compose.control import ControlHouse, ControlSettings, open_control
from opengateway.compose.event_log import LogPlan
from opengateway.compose.paths import Paths
from opengateway.compose.selling import SellingAccess
from opengateway.compose.selling_rules import SellingPlan
from opengateway.compose.sign_in import SignInPlan
from opengateway.control.identity.settings import SignInSettings
from opengateway.control.scope import Pepper
from opengateway.control.snapshots.board import SignedSnapshot
from opengateway.domain.records import AttemptRecord, CloseRecord, Ending, OpenRecord
from opengateway.domain.usage import Dimension
from opengateway.infra.database import sqlite_url
from opengateway.kit.framing import frame
from stores import migrated_store

PEPPER = Pepper(1, b"p" * 32)
GATEWAY = "gw_" + "1" * 32
SEGMENT = "segment-00000001.ogj"


def settings_in(home: Path, store: str | None = None) -> ControlSettings:
    """`store`: a control store's URL, else SQLite below `home`."""
    paths = Paths(home)
    paths.prepare()
    return ControlSettings(
        zone="test",
        paths=paths,
        database_url=store or sqlite_url(str(paths.control_db)),
        pepper=PEPPER,
        snapshot=lambda: SignedSnapshot("v1", b"signed"),
        log=LogPlan(exports=home / "exports"),
        sign_in=SignInPlan(
            SignInSettings(zone="test", public_url="http://localhost:8080"), {1: b"d" * 32}
        ),
    )


@asynccontextmanager
async def control_in(
    home: Path, store: str | None = None, *, selling: SellingPlan | None = None
) -> AsyncIterator[ControlHouse]:
    settings = settings_in(home, store)
    if selling is not None:
        settings = replace(settings, selling=SellingAccess(selling))
    if store is None and not settings.paths.control_db.exists():
        shutil.copy(migrated_store(), settings.paths.control_db)
    async with open_control(settings) as house:
        yield house


def opened(number: int, **changes: object) -> OpenRecord:
    record = OpenRecord(
        id=f"gen_{number:032x}",
        team_id="team_a",
        key_id="key_a",
        started_at_ns=1_764_000_000_000_000_000 + number,
        model="acme/large",
        endpoint_id="acme/large@acme",
        price_id="price-1",
        hold_nanos=5,
        gateway=GATEWAY,
    )
    return msgspec.structs.replace(record, **changes)


def closed(number: int, **changes: object) -> CloseRecord:
    record = CloseRecord(
        id=f"gen_{number:032x}",
        team_id="team_a",
        key_id="key_a",
        zone="test",
        gateway=GATEWAY,
        snapshot="v1",
        started_at_ns=1_764_000_000_000_000_000 + number,
        operation="chat.completions",
        dialect="openai",
        stream=True,
        requested_model="large",
        ending=Ending.COMPLETED,
        status=200,
        opened=True,
        model="acme/large",
        endpoint_id="acme/large@acme",
        provider="acme",
        usage={Dimension.INPUT: 10, Dimension.CACHE_READ: 5, Dimension.OUTPUT: 3},
        cost_nanos=1_300,
        attempts=[
            AttemptRecord("e1", "acme", "global", "l", "main", 0.1, error_class="overloaded"),
            AttemptRecord("e2", "acme", "global", "l", "main", 0.2, status="succeeded"),
        ],
        overhead_us=240,
        first_token_ms=12.5,
        total_ms=80.0,
    )
    return msgspec.structs.replace(record, **changes)


def journal(records: Iterable[OpenRecord | CloseRecord]) -> bytes:
    return b"".join(frame(msgspec.msgpack.encode(record)) for record in records)
