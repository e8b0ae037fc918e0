"""The gateway process: the public port, the data plane, and nothing of the control plane.

    python -m opengateway.compose.gateway --zone FILE [--fd N]

`--fd` is a listening socket inherited from the parent, which keeps it open while a gateway is
replaced: callers wait in the backlog instead of being refused.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from opengateway import __version__
from opengateway.compose.admission import Admission, new_admission
from opengateway.compose.bodies import body_samples, new_spool, stop_spooling
from opengateway.compose.credentials import Credentials
from opengateway.compose.listening import SIMULATOR_URL, bind, bind_unix
from opengateway.compose.paths import Paths
from opengateway.compose.references import References
from opengateway.compose.routing import RoutingParts, new_routing, routing_samples
from opengateway.compose.secrets import ZoneSecrets, ensure_secrets, load_secrets
from opengateway.compose.surfaces import new_surfaces
from opengateway.compose.wall import hosts_of, run_walled, wall_of
from opengateway.compose.wires import chat_wires
from opengateway.compose.zone import Zone, load_zone
from opengateway.dialects import openai_chat as openai_dialect
from opengateway.dialects.openai_chat.routing_note import OpenAIRoutingNotes
from opengateway.domain.catalog import Snapshot
from opengateway.domain.errors import OperatorError
from opengateway.gateway.capture import Bodies
from opengateway.gateway.generations import GenerationDesk
from opengateway.gateway.keepsakes import Keepsakes
from opengateway.gateway.key_state import KeyDesk
from opengateway.gateway.services import GatewayServices
from opengateway.http.data_app import DataApp
from opengateway.http.forward import ControlForward
from opengateway.http.metrics_app import MetricsApp, Sample
from opengateway.http.server import new_server
from opengateway.http.surfaces import Surfaces
from opengateway.infra.bodies.spool import BodySpool
from opengateway.infra.control_client import ControlClient
from opengateway.infra.egress_guard import EgressGuard
from opengateway.infra.feeds import KeyFeed, SnapshotFeed
from opengateway.infra.journal.shipper import JournalShipper
from opengateway.infra.journal.writer import FileJournal
from opengateway.infra.key_states import ControlKeyStates
from opengateway.infra.key_table import KeyTable, KeyTableFile
from opengateway.infra.secret_box import AesSecretBox
from opengateway.infra.snapshot_file import BadSnapshot, SnapshotFiles, SnapshotHolder
from opengateway.infra.tokens import TiktokenCounter
from opengateway.infra.transports import new_transport
from opengateway.infra.vault_file import BadVault, VaultFiles
from opengateway.kit import log
from opengateway.kit.client_address import networks
from opengateway.kit.clock import SystemClock
from opengateway.kit.ids import IdSource
from opengateway.kit.supervisor import Supervisor
from opengateway.ports.transport import Credential, UpstreamTransport

_LAST_SHIPMENT_S = 5.0


def main(argv: list[str] | None = None) -> int:
    """Run a gateway until SIGTERM. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="opengateway-gateway")
    parser.add_argument("--zone", type=Path, required=True)
    parser.add_argument("--fd", type=int)
    parser.add_argument("--host")
    parser.add_argument("--port", type=int)
    arguments = parser.parse_args(argv)
    writer = log.configure("gateway")
    try:
        zone = load_zone(arguments.zone, os.environ)
        paths = Paths(zone.home)
        paths.prepare()
        ensure_secrets(paths)
        if arguments.fd is not None:
            listener = socket.socket(fileno=arguments.fd)
        else:
            listener = bind(arguments.host or zone.listen.host, arguments.port or zone.listen.port)
        wall = wall_of(zone)
        run_walled(_serve(zone, paths, listener, wall), wall)
    except OperatorError as error:
        print(error.message, file=sys.stderr)  # noqa: T201 - before anything runs, to a person
        return 1
    finally:
        writer.close()
    return 0


@dataclass(frozen=True, slots=True)
class _Parts:
    """What has to run beside the server, and to be closed after it."""

    services: GatewayServices
    holder: SnapshotHolder
    table: KeyTable
    key_file: KeyTableFile
    files: SnapshotFiles
    vaults: VaultFiles
    journal: FileJournal
    client: ControlClient
    transport: UpstreamTransport
    admission: Admission
    desk: KeyDesk
    surfaces: Surfaces
    routing: RoutingParts
    bodies: BodySpool


def _build(zone: Zone, paths: Paths, wall: EgressGuard | None) -> _Parts:
    new_id = IdSource(clock := SystemClock())
    gateway_id, secrets = new_id("gw_"), load_secrets(paths)
    transport, places = _outward(zone, paths, secrets, clock, wall)
    holder = SnapshotHolder(secrets.snapshot_public_key, places.swap)
    client = ControlClient(paths.internal_socket)
    table = KeyTable(secrets.peppers, clock, zone.neighbours)
    journal = FileJournal(paths.journal / gateway_id, clock)
    admission = new_admission(
        zone,
        gateway_id=gateway_id,
        client=client,
        journal=journal,
        table=table,
        data_keys=secrets.data_keys,
        clock=clock,
        new_id=new_id,
        on_bug=_on_bug,
    )
    spool = new_spool(zone, paths, client, AesSecretBox(secrets.data_keys), clock, new_id)
    routing = new_routing(zone, paths.gateway_state, gateway_id=gateway_id, clock=clock)
    services = GatewayServices(
        zone=zone.name,
        gateway_id=gateway_id,
        snapshots=holder,
        keys=table,
        router=routing.router,
        routing_notes=OpenAIRoutingNotes(),
        purse=admission.purse,
        bills=admission.leased is not None,
        teams=table.teams,
        rates=admission.rates,
        idempotency=admission.idempotency,
        bodies=Bodies(table.teams, spool),
        keepsakes=Keepsakes(admission.thoughts, admission.box),
        trusted_proxies=networks(zone.listen.trusted_proxies),
        journal=journal,
        transport=transport,
        wires=chat_wires(clock, new_id),
        chat_dialect=openai_dialect.DIALECT,
        credentials=places.credentials,
        base_urls=places.base_urls,
        clock=clock,
        new_id=new_id,
        on_bug=_on_bug,
        tokens=TiktokenCounter(on_fault=_on_vocabulary_fault),
    )
    return _Parts(
        *(services, holder, table, KeyTableFile(paths.gateway_state)),
        SnapshotFiles(paths.gateway_state),
        places.vaults,
        journal,
        client,
        transport,
        admission,
        KeyDesk(ControlKeyStates(client.key_state, clock), admission.rates, zone.name),
        new_surfaces(services, admission.responses, admission.box, _keeps_responses(table)),
        routing,
        spool,
    )


def _outward(
    zone: Zone,
    paths: Paths,
    secrets: ZoneSecrets,
    clock: SystemClock,
    wall: EgressGuard | None,
) -> tuple[UpstreamTransport, _Places]:
    """What leads to providers: connections, credentials and addresses."""
    transport = new_transport(
        proxy=zone.outbound.proxy, ca_file=_optional_path(zone.outbound.ca_file)
    )
    references = References(zone.path.parent, os.environ)
    vaults = VaultFiles(
        paths.gateway_state, secrets.snapshot_public_key, AesSecretBox(secrets.data_keys)
    )
    return transport, _Places(Credentials(zone.secrets, references, transport, clock), vaults, wall)


def _keeps_responses(table: KeyTable) -> Callable[[str], bool]:
    def keeps(team_id: str) -> bool:
        team = table.teams.get(team_id)
        return team is not None and team.keep_responses

    return keeps


class _Places:
    """What follows the snapshot in force: secrets by place, and addresses known at run time only."""

    def __init__(self, secrets: Credentials, vaults: VaultFiles, wall: EgressGuard | None) -> None:
        self._secrets = secrets
        self.vaults = vaults
        self._wall = wall
        self.credentials: dict[tuple[str, str], Credential] = {}
        self.base_urls: dict[str, str] = {}

    def swap(self, snapshot: Snapshot) -> None:
        try:
            found = self._secrets.of(snapshot, self.vaults.secrets(snapshot.vault))
        except BadVault as error:
            raise BadSnapshot(str(error)) from None
        if self._wall is not None:
            self._wall.allow(hosts_of(snapshot))
        self.credentials.clear()
        self.credentials.update(found)
        self.base_urls.clear()
        self.base_urls.update(bundled_urls(snapshot))


def _on_bug(where: str, bug: BaseException) -> None:
    log.get_logger("gateway").error("bug", step=where, exc_info=bug)


def _on_vocabulary_fault(fault: Exception) -> None:
    log.get_logger("gateway").error("vocabulary_unusable", detail=str(fault))


def _optional_path(value: str | Path | None) -> Path | None:
    return Path(value) if value else None


def bundled_urls(snapshot: Snapshot) -> dict[str, str]:
    url = os.environ.get(SIMULATOR_URL)
    if not url:
        return {}
    return {p.id: url for p in snapshot.providers.values() if p.bundled}


async def _serve(
    zone: Zone, paths: Paths, listener: socket.socket, wall: EgressGuard | None
) -> None:
    parts = _build(zone, paths, wall)
    services = parts.services
    logger = log.get_logger("gateway")
    supervisor = Supervisor(_on_bug)
    shipping = _start_feeds(parts, paths, supervisor)
    spooling = supervisor.start(parts.bodies.run(), name="bodies")
    forward = ControlForward(paths.control_socket, services.trusted_proxies)
    tls = zone.listen.tls
    server = new_server(
        DataApp(
            services,
            forward,
            __version__,
            parts.desk,
            GenerationDesk(parts.client.generation),
            parts.surfaces,
        ),
        drain_s=zone.routing.deadline_s,
        certificate=(tls.cert_file, tls.key_file) if tls else None,
        on_stop=forward.end_streams,
    )
    metrics = new_server(
        MetricsApp(lambda: gateway_samples(services, parts, wall)),
        drain_s=1,
        owns_signals=False,
    )
    metrics_socket = bind_unix(paths.gateway_metrics_socket)
    metrics_task = asyncio.create_task(metrics.serve(sockets=[metrics_socket]))
    # What is here now stays: the collector need not walk it again and again.
    gc.collect()
    gc.freeze()
    # Requests make few cycles; looking for them after every 700 objects costs 5 % of the time.
    gc.set_threshold(20_000, 20, 50)
    logger.info("gateway_serving", gateway=services.gateway_id, keys=len(parts.table))
    try:
        await server.serve(sockets=[listener])
    finally:
        await parts.admission.settle_up()
        metrics.should_exit = True
        await metrics_task
        parts.journal.shutdown()
        # The shipper ends by itself once the journal's end is shipped; what is left when control
        # does not answer is shipped by whoever starts next.
        await asyncio.wait({shipping}, timeout=_LAST_SHIPMENT_S)
        await stop_spooling(parts.bodies, spooling)
        await supervisor.drain(timeout_s=0)
        parts.key_file.close()
        await parts.admission.aclose()
        await parts.routing.aclose()
        await forward.aclose()
        await parts.client.aclose()
        await parts.transport.aclose()
        logger.info("gateway_stopped")


def _start_feeds(parts: _Parts, paths: Paths, supervisor: Supervisor) -> asyncio.Task[None]:
    """What runs beside the server. Returns the one that ends by itself: the journal's shipper."""
    logger = log.get_logger("gateway")
    client, admission = parts.client, parts.admission

    def tell(event: str, detail: str) -> None:
        logger.info(event, detail=detail)

    for fault in parts.files.load(parts.holder):
        logger.error("snapshot_copy_unusable", detail=fault)
    if parts.key_file.load(parts.table):
        admission.replaced(parts.table)
    snapshots = SnapshotFeed(client, parts.holder, parts.files, tell, parts.vaults)
    keys = KeyFeed(
        client,
        parts.table,
        parts.key_file,
        tell,
        on_change=admission.heard,
        on_replaced=admission.replaced,
    )
    supervisor.start(snapshots.run(), name="snapshot_feed")
    supervisor.start(keys.run(), name="key_feed")
    supervisor.start(parts.routing.upkeep.run(), name="health")
    supervisor.start(parts.routing.pin_upkeep.run(), name="pins")
    for name, work in admission.tasks:
        supervisor.start(work, name=name)
    shipper = JournalShipper(paths.journal, parts.journal, client.ship, parts.services.clock)
    return supervisor.start(shipper.run(), name="journal_shipper")


def gateway_samples(
    services: GatewayServices, parts: _Parts, wall: EgressGuard | None
) -> Iterator[Sample]:
    """What this process alone knows; everything else is derived from the journal in control."""
    gauges = services.gauges
    yield "opengateway_in_flight", "gauge", "Requests being served", {}, gauges.in_flight
    for (step, code), count in sorted(gauges.refused.items()):
        yield (
            "opengateway_refused_total",
            "counter",
            "Requests turned away before they were opened, by step",
            {"step": step, "code": code},
            count,
        )
    yield "opengateway_bugs_total", "counter", "Mistakes of the gateway", {}, gauges.bugs
    yield (
        "opengateway_unrecorded_total",
        "counter",
        "Requests whose record could not be written; nobody was charged",
        {},
        gauges.unrecorded,
    )
    yield (
        "opengateway_unpriced_total",
        "counter",
        "Requests that used something without a price; that part was charged to nobody",
        {},
        gauges.unpriced,
    )
    yield from routing_samples(services.router)
    if wall is not None:
        yield (
            "opengateway_egress_refused_total",
            "counter",
            "Connections that led out of the airgap, and were not made",
            {"process": "gateway"},
            wall.refused,
        )
    depth = parts.journal.depth
    yield "opengateway_journal_depth_bytes", "gauge", "Not yet acknowledged", {}, depth
    yield from body_samples(parts.bodies)


if __name__ == "__main__":
    sys.exit(main())
