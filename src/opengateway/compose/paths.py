"""Where things lie below a zone's `home`."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

_SOCKET_PATH_BYTES = 100
"""A Unix socket's path is limited to 107 bytes by the kernel (unix(7), sun_path)."""


@dataclass(frozen=True, slots=True)
class Paths:
    home: Path

    @property
    def run(self) -> Path:
        """Sockets. A long home gets a short folder of its own under /tmp, closed to others."""
        wanted = self.home / "run"
        if len(str(wanted / "gateway-metrics.sock").encode()) <= _SOCKET_PATH_BYTES:
            return wanted
        name = hashlib.sha256(str(self.home).encode()).hexdigest()[:16]
        return Path("/tmp") / f"opengateway-{name}"

    @property
    def secrets(self) -> Path:
        return self.home / "secrets"

    @property
    def pepper(self) -> Path:
        return self.secrets / "pepper-1"

    @property
    def data_key(self) -> Path:
        """The first key of what is sealed at rest; newer ones are `data-key-2` and so on."""
        return self.secrets / "data-key-1"

    @property
    def snapshot_private_key(self) -> Path:
        return self.secrets / "snapshot-key"

    @property
    def snapshot_public_key(self) -> Path:
        return self.secrets / "snapshot-key.pub"

    @property
    def control_socket(self) -> Path:
        return self.run / "control.sock"

    @property
    def internal_socket(self) -> Path:
        return self.run / "internal.sock"

    @property
    def gateway_metrics_socket(self) -> Path:
        return self.run / "gateway-metrics.sock"

    @property
    def control_db(self) -> Path:
        return self.home / "control" / "control.sqlite3"

    @property
    def journal(self) -> Path:
        return self.home / "journal"

    @property
    def bodies(self) -> Path:
        """Sealed bodies on their way from the gateway to control."""
        return self.home / "bodies"

    @property
    def gateway_state(self) -> Path:
        """The gateway's disk copy of snapshot and key table."""
        return self.home / "gateway"

    def prepare(self) -> None:
        """Make the folders, closed to other users. Raises `OSError`."""
        self.home.mkdir(parents=True, exist_ok=True)
        for folder in (
            self.run,
            self.secrets,
            self.control_db.parent,
            self.journal,
            self.gateway_state,
        ):
            folder.mkdir(mode=0o700, exist_ok=True)
        owner = self.run.stat()
        if owner.st_uid != self.home.stat().st_uid or owner.st_mode & 0o077:
            raise PermissionError(f"{self.run} must belong to this user alone (mode 0700)")
