"""Stands for the programs that snippets call. Run under the name of one: `curl`, `opengateway`, `make`, ...

What reaches the product is sent for real; what would install, build or start something else is held against
what the repository says of it. The environment names the product: SNIPPET_URL, SNIPPET_ZONE, SNIPPET_ROOT.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import socket
import sqlite3 as sqlite
import sys
import tomllib
import uuid
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(os.environ["SNIPPET_ROOT"])
TAKES = {"-H", "-d", "-X", "-F", "-o", "-D", "--unix-socket", "--cookie"}
FLAGS = {"-s", "-N", "-i", "-sN", "-sS", "-S", "--fail", "-f"}


class OverSocket(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("internal")
        self.path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self.path)


def send(
    url: str, method: str, headers: dict[str, str], body: bytes | None, at: str | None = None
) -> tuple[int, list[tuple[str, str]], bytes]:
    parts = urlsplit(url)
    home = os.environ.get("SNIPPET_HOME", "")
    connection = OverSocket(f"{home}/run/{Path(at).name}") if at else _connection(parts.netloc)
    connection.timeout = 20
    connection.request(method, parts._replace(scheme="", netloc="").geturl(), body, headers)
    answer = connection.getresponse()
    if "/tail" in url:  # it goes on for minutes; that it began is enough
        return answer.status, answer.getheaders(), b""
    return answer.status, answer.getheaders(), answer.read()


def _connection(host: str) -> http.client.HTTPConnection:
    assert host.startswith(("localhost:", "127.0.0.1:")), f"a snippet calls {host!r}"
    return http.client.HTTPConnection(urlsplit(os.environ["SNIPPET_URL"]).netloc)


def curl(arguments: list[str]) -> int:
    told: dict[str, list[str]] = {}
    urls, rest = [], list(arguments)
    while rest:
        word = rest.pop(0)
        if word in TAKES:
            told.setdefault(word, []).append(rest.pop(0))
        elif not word.startswith("-"):
            urls.append(word)
        else:
            assert word in FLAGS, f"curl has no {word!r} here"
            told[word] = []
    (url,) = urls
    headers = {"content-type": "application/x-www-form-urlencoded"} if "-d" in told else {}
    for line in told.get("-H", ()):
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    if "--cookie" in told:
        headers["cookie"] = told["--cookie"][0]
    body = "&".join(told["-d"]).encode() if "-d" in told else None
    if "-F" in told:
        headers["content-type"], body = form(told["-F"])
    method = told["-X"][0] if "-X" in told else "POST" if body is not None else "GET"
    at = told["--unix-socket"][0] if "--unix-socket" in told else None
    status, got, answer = send(url, method, headers, body, at)
    head = f"HTTP/1.1 {status}\r\n" + "".join(f"{k}: {v}\r\n" for k, v in got) + "\r\n"
    if "-i" in told or told.get("-D") == ["-"]:
        sys.stdout.write(head)
    if "-o" in told:
        Path(told["-o"][0]).write_bytes(answer)
    else:
        sys.stdout.write(answer.decode(errors="replace"))
    if status >= 400:
        sys.stderr.write(f"{method} {url}: {status} {answer[:500].decode(errors='replace')}\n")
    return 0 if status < 400 else 22


def form(members: list[str]) -> tuple[str, bytes]:
    edge, body = uuid.uuid4().hex, b""
    for member in members:
        name, _, value = member.partition("=")
        file = value.startswith("@")
        told = f'; filename="{value[1:]}"' if file else ""
        content = Path(value[1:]).read_bytes() if file else value.encode()
        body += f'--{edge}\r\ncontent-disposition: form-data; name="{name}"{told}\r\n\r\n'.encode()
        body += content + b"\r\n"
    return f"multipart/form-data; boundary={edge}", body + f"--{edge}--\r\n".encode()


def opengateway(arguments: list[str]) -> int:
    """Noted here, and run or parsed by the test: a start of Python for each would cost most of its time."""
    with Path(os.environ["SNIPPET_NOTES"]).open("a") as notes:
        notes.write(json.dumps([os.getcwd(), arguments]) + "\n")
    return 0


def make(arguments: list[str]) -> int:
    targets = [word for word in arguments if "=" not in word]
    known = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert set(targets) <= set(known), f"no such target: {targets}"
    variables = [word.partition("=")[0] for word in arguments if "=" in word]
    text = (ROOT / "Makefile").read_text()
    assert all(f"$({name})" in text or f"{name} ?=" in text for name in variables), variables
    return 0


def docker(arguments: list[str]) -> int:
    """Its files are there. No machine of tests has a daemon."""
    files = [arguments[n + 1] for n, word in enumerate(arguments) if word == "-f"]
    assert files
    assert all((ROOT / name).is_file() for name in files), files
    return 0


def pip(arguments: list[str]) -> int:
    locked = "".join(path.read_text() for path in (ROOT / "requirements").glob("*.lock"))
    assert arguments[0] == "install"
    assert all(f"\n{name}==" in f"\n{locked}" for name in arguments[1:]), arguments
    return 0


def npm(arguments: list[str]) -> int:
    known: set[str] = set()
    for path in (ROOT / "tests").glob("*/node/package.json"):
        known |= json.loads(path.read_text())["dependencies"].keys()
    assert arguments[0] == "install"
    assert set(arguments[1:]) <= known, f"not among the clients that are tested: {arguments}"
    return 0


def sqlite3(arguments: list[str]) -> int:
    database, command = arguments
    (copy,) = re.findall(r"^\.backup '(.+)'$", command)
    Path(copy).parent.mkdir(exist_ok=True)
    place = f"file:{database}?mode=ro"
    with (
        closing(sqlite.connect(place, uri=True)) as source,
        closing(sqlite.connect(copy)) as target,
    ):
        source.backup(target)
    return 0


def claude(_: list[str]) -> int:
    """Asks as it would, with what its environment says."""
    told = os.environ
    body = {
        "model": told["ANTHROPIC_MODEL"],
        "max_tokens": 100,
        "messages": [{"role": "user", "content": "hi"}],
    }
    headers = {
        "authorization": f"Bearer {told['ANTHROPIC_AUTH_TOKEN']}",
        "anthropic-version": "2023-06-01",
    }
    address = told["ANTHROPIC_BASE_URL"] + "/v1/messages"
    return asked(address, headers, body)


def codex(arguments: list[str]) -> int:
    """Asks as it would, with what its page says of `config.toml`."""
    told = tomllib.loads(Path(os.environ["SNIPPET_TOML"]).read_text())
    provider = told["model_providers"][told["model_provider"]]
    assert provider["wire_api"] == "responses"
    headers = {"authorization": f"Bearer {os.environ[provider['env_key']]}"}
    body = {"model": told["model"], "input": arguments[-1]}
    return asked(provider["base_url"] + "/responses", headers, body)


def asked(address: str, headers: dict[str, str], body: dict[str, object]) -> int:
    headers = {**headers, "content-type": "application/json"}
    status, _, answer = send(address, "POST", headers, json.dumps(body).encode())
    assert status == 200, answer
    return 0


def main() -> int:
    name = Path(sys.argv[0]).name
    known = {
        f.__name__: f for f in (curl, sqlite3, docker, opengateway, make, pip, npm, claude, codex)
    }
    return known[name](sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
