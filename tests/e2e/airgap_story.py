"""A day in a room without a network: run as a program inside a network namespace that has none.

`python airgap_story.py FOLDER` prints one JSON object of what was seen. It has loopback and no route.
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import socket
import struct
import sys
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from e2e.operating import new_team, operator
from e2e.product import Product, Simulator, Zone, http, product, simulator

_NEW_USER: Final = 0x10000000
_NEW_NETWORK: Final = 0x40000000
_SIOCSIFFLAGS: Final = 0x8914
_UP: Final = 0x1
CHAT: Final = {"model": "house/chat", "messages": [{"role": "user", "content": "hello"}]}


def leave_the_network() -> None:
    """Move this process to a namespace with loopback alone. Raises `OSError` where it may not."""
    libc = ctypes.CDLL(None, use_errno=True)
    flags = _NEW_NETWORK if os.geteuid() == 0 else _NEW_NETWORK | _NEW_USER
    if libc.unshare(flags) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sH14s", b"lo", _UP, b"")
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, request)


def routes_missed() -> int:
    """Packets that wanted to leave the namespace: `OutNoRoutes` of the kernel, both families."""
    lines = Path("/proc/self/net/snmp").read_text().splitlines()
    names, values = (line.split() for line in lines if line.startswith("Ip:"))
    missed = int(values[names.index("OutNoRoutes")])
    for line in Path("/proc/self/net/snmp6").read_text().splitlines():
        if line.startswith("Ip6OutNoRoutes"):
            missed += int(line.split()[1])
    return missed


def _ask(running: Product, path: str, body: Any = None, **headers: str) -> tuple[int, bytes]:
    told = {"authorization": f"Bearer {running.key}", "content-type": "application/json", **headers}
    method = "GET" if body is None else "POST"
    sent = None if body is None else json.dumps(body).encode()
    status, answer, _ = http(running.url + path, method=method, body=sent, headers=told)
    return status, answer


def _metric(running: Product, name: str) -> float:
    text = http(f"http://127.0.0.1:{running.metrics_port}/metrics")[1].decode()
    found = [line for line in text.splitlines() if line.startswith(name)]
    return sum(float(line.rpartition(" ")[2]) for line in found) if found else -1.0


def _people(running: Product) -> dict[str, Any]:
    """Somebody signs in with a password, and a team redeems a code: no mail, no processor."""
    made = operator(running, "POST", "/admins", {"email": "kim@example.com", "again": False})
    who = {"email": "kim@example.com", "password": made["password"]}
    pages = {"origin": f"http://localhost:{running.port}", "sec-fetch-site": "same-origin"}
    signed_in = _ask(running, "/api/v1/auth/sign-in", who, **pages)[0]
    team = new_team(running, "redeemers")
    wish = {"name": "gift", "usd": "3", "count": 1}
    (code,) = operator(running, "POST", "/redeem/codes", wish)["codes"]
    given = {"code": code, "team_id": team.id}
    redeemed = _ask(running, "/api/v1/redeem", given, authorization=f"Bearer {team.manager}")[0]
    return {"signed_in": signed_in, "redeemed": redeemed, "balance": team.balance()[0]}


def _again(running: Product) -> int:
    """Stopped, and started on the same home: as after `install.sh` of a newer medium."""
    assert running.stop() == 0
    running.start_again()
    return _ask(running, "/v1/chat/completions", CHAT)[0]


def _story(running: Product, provider: Simulator, *, beyond: bool) -> dict[str, Any]:
    status, answer = _ask(running, "/v1/chat/completions", CHAT)
    streamed = _ask(running, "/v1/chat/completions", {**CHAT, "stream": True})
    people, again = _people(running), _again(running)
    before = routes_missed()
    asked = (
        _ask(running, "/v1/chat/completions", {**CHAT, "model": "house/beyond"}) if beyond else None
    )
    return {
        **people,
        "again": again,
        "chat": status,
        "said": bool(json.loads(answer)["choices"][0]["message"]["content"]),
        "stream": streamed[1].rstrip().endswith(b"data: [DONE]"),
        "app": _ask(running, "/")[0],
        "docs": _ask(running, "/docs/")[0],
        "models": sorted(m["id"] for m in json.loads(_ask(running, "/v1/models")[1])["data"]),
        "before": before,
        "beyond": None if asked is None else asked[0],
        "refused": _metric(running, "opengateway_egress_refused_total"),
        "missed": routes_missed(),
    }


def main(folder: Path, *, beyond: bool) -> None:
    leave_the_network()
    with simulator() as provider:
        zone = Zone(provider, folder, edition="airgap")
        zone.provider("house", "openai")
        zone.model("house/chat", ("house", "sim-chat"))
        # A name that the wall lets through leads nowhere; nothing of the product asks for more.
        zone.provider("beyond", "openai")
        zone.providers["beyond"]["base_url"] = "http://models.invalid/v1"
        zone.outbound["allow"] = ["models.invalid"]
        zone.model("house/beyond", ("beyond", "sim-chat"))
        with product(zone) as running:
            print(json.dumps(_story(running, provider, beyond=beyond)))


if __name__ == "__main__":
    main(Path(sys.argv[1]), beyond="--within" not in sys.argv)
