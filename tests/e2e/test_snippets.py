"""Every snippet of the documents is run: against the product, its command line, its zone loader.

    OPENGATEWAY_SOAK=1 pytest tests/e2e/test_snippets.py      with all command lines and SDKs

`make test` sends every request and runs the snippets of the SDKs that tests have; it parses command lines
instead of running each, which costs half a second every time.
"""

from __future__ import annotations

import configparser
import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from e2e.operating import SOAK
from e2e.product import ROOT, Product, Simulator, http, product, run
from e2e.snippets import Snippet, development_zone, knowing_simulator, snippets
from opengateway.cli.main import app
from opengateway.compose.zone import load_zone

ALL = snippets()
RUN = ("sh", "python", "js", "ts", "json", "yaml", "toml", "ini")
SHOWN = ("text", "http", "sql")
"""What a program prints, and headers: shown, and not to be run. SQL is a database's."""
NOT_RUN = {
    ("operate/scaling.md", "helm install"): "needs a cluster",
    ("platform/logs.md", "/body"): "needs the session of a person who may read bodies",
    ("operate/airgap.md", "./install.sh"): "tests/e2e/test_airgap.py installs a medium",
    ("operate/backup.md", "pg_dump"): "needs the database's own programs",
}
"""At most five, each with its reason."""
CLIENTS_ONLY = ("langchain", "@anthropic-ai", "@ai-sdk", "from 'ai'")
"""Packages that `make clients` installs, and tests of every day do without."""
TOOL = Path(__file__).parent / "snippet_tool.py"
CLIENTS = Path(os.environ.get("OPENGATEWAY_CLIENTS") or ROOT / ".tools/clients")
TOOLS = ("sqlite3", "docker", "curl", "opengateway", "make", "pip", "npm", "claude", "codex")


@pytest.fixture(scope="module")
def provider() -> Iterator[Simulator]:
    with knowing_simulator() as running:
        yield running


@pytest.fixture(scope="module")
def gateway(provider: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    with product(development_zone(provider, tmp_path_factory.mktemp("zone"))) as running:
        zone = ("--zone", str(running.zone_file))
        run("credits", "grant", *zone, "--team", "e2e", "--usd", "500")
        yield running


@pytest.fixture(scope="module")
def named(gateway: Product) -> dict[str, str]:
    """What pages take for given: the variables of their snippets."""
    zone = str(gateway.zone_file)
    made = run(
        *("keys", "create", "--zone", zone, "--team", "e2e", "--name", "m", "--management"),
        "--json",
    )
    told = json.loads(made.stdout)
    codes = run("redeem", "generate", "--zone", zone, "--usd", "1", "--count", "1", "--json")
    hour = 3_600_000_000_000
    return {
        "OPENGATEWAY_API_KEY": gateway.key,
        "OPENGATEWAY_MANAGEMENT_KEY": told["key"],
        "MGMT_KEY": told["key"],
        "TEAM": told["team_id"],
        "TEAM_ID": told["team_id"],
        "BASE": "http://localhost:8080",
        "OPENGATEWAY_URL": "http://localhost:8080",
        "FROM": str(480_000 * hour),
        "UNTIL": str(480_024 * hour),
        "CODE": json.loads(codes.stdout)["codes"][0],
    }


def of(*languages: str) -> list[Snippet]:
    return [s for s in ALL if s.language in languages and not is_left_out(s)]


def is_left_out(snippet: Snippet) -> bool:
    return any(snippet.page == page and word in snippet.code for page, word in NOT_RUN)


def filled(code: str, named: dict[str, str], url: str) -> str:
    """What stands for a secret is replaced by one that is good here."""
    code = re.sub(r"OGC-[0-9A-Z-]{24}", named["CODE"], code)
    return code.replace("og_live_...", named["OPENGATEWAY_API_KEY"]).replace(
        "http://localhost:8080", url
    )


def test_at_most_five_snippets_are_not_run() -> None:
    assert len(NOT_RUN) <= 5
    assert sum(is_left_out(s) for s in ALL) == len(NOT_RUN)
    strange = {f"{s}: {s.language}" for s in ALL if s.language not in (*RUN, *SHOWN)}
    assert strange == set(), "say how it is run"


# --- SDKs ------------------------------------------------------------------------------------------
def in_one_process(
    command: list[str], codes: list[tuple[Snippet, str]], folder: Path, named: dict[str, str]
) -> None:
    """Each snippet is a file of its own; one process runs them, one after another."""
    files = []
    for snippet, code in codes:
        suffix = {"python": "py", "js": "mjs", "ts": "mts"}[snippet.language]
        file = folder / f"{re.sub('[^a-z0-9]', '-', str(snippet))}.{suffix}"
        file.write_text(code)
        files.append(str(file))
    done = subprocess.run(
        [*command, *files],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd=folder,
        env={**os.environ, **named},
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
    assert done.stdout.count("--- ran") == len(files)


PYTHON = """
import runpy, sys
for path in sys.argv[1:]:
    print("--- running", path, flush=True)
    runpy.run_path(path, run_name="__main__")
    print("\\n--- ran", flush=True)
"""
NODE = """
import { pathToFileURL } from 'node:url';
for (const path of process.argv.slice(2)) {
  console.log('--- running', path);
  await import(pathToFileURL(path));
  console.log('\\n--- ran');
}
"""


WHERE = (False, True) if SOAK else (False,)


def is_for_clients(snippet: Snippet) -> bool:
    return any(word in snippet.code for word in CLIENTS_ONLY)


@pytest.mark.parametrize("beyond", WHERE)
def test_python_snippets_run(
    gateway: Product, named: dict[str, str], tmp_path: Path, beyond: bool
) -> None:
    wanted = [s for s in of("python") if is_for_clients(s) is beyond]
    assert wanted
    codes = [(s, filled(s.code, named, gateway.url)) for s in wanted]
    python = str(CLIENTS / "bin/python") if beyond else sys.executable
    in_one_process([python, "-c", PYTHON], codes, tmp_path, named)


@pytest.mark.parametrize("beyond", WHERE)
def test_javascript_snippets_run(
    gateway: Product, named: dict[str, str], tmp_path: Path, beyond: bool
) -> None:
    wanted = [s for s in of("js", "ts") if is_for_clients(s) is beyond]
    assert wanted
    packages = ROOT / ("tests/clients/node" if beyond else "tests/e2e/node") / "node_modules"
    (tmp_path / "node_modules").symlink_to(packages)
    (tmp_path / "all.mjs").write_text(NODE)
    codes = [(s, filled(s.code, named, gateway.url)) for s in wanted]
    node = str(ROOT / ".tools/node/bin/node")
    in_one_process([node, str(tmp_path / "all.mjs")], codes, tmp_path, named)


# --- the shell -------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def desk(
    gateway: Product, named: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, str]]:
    """A folder as a reader has it, with the tools that snippets call; and their environment."""
    folder = tmp_path_factory.mktemp("reader")
    tools = folder / ".venv/bin"
    tools.mkdir(parents=True)
    for name in TOOLS:
        tool = tools / name
        tool.write_text(f"#!{sys.executable} -ES\n{TOOL.read_text()}")
        tool.chmod(0o755)
    for name in ("deploy/zones/dev.yaml", "zone.yaml", "site.yaml", "path/to/zone.yaml", "FILE"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).symlink_to(gateway.zone_file)
    (folder / "path/to/cases").mkdir(parents=True)
    (folder / "var").symlink_to(gateway.zone_file.parent / "var")
    (folder / "talk.mp3").write_bytes(b"ID3" + bytes(200))
    (folder / "config.toml").write_text(next(s.code for s in of("toml")))
    told = {
        "PATH": f"{tools}:{os.environ['PATH']}",
        "HOME": str(folder),
        "SNIPPET_URL": gateway.url,
        "SNIPPET_ROOT": str(ROOT),
        "SNIPPET_NOTES": str(folder / "notes"),
        "SNIPPET_TOML": str(folder / "config.toml"),
        "SNIPPET_HOME": str(gateway.zone_file.parent / "var"),
    }
    return folder, {**told, **named}


def shell(snippet: Snippet, named: dict[str, str], desk: tuple[Path, dict[str, str]]) -> str:
    """What went wrong, or nothing."""
    folder, environment = desk
    code = filled(snippet.code, named, "http://localhost:8080")
    code = code.replace("/opt/opengateway/bin/", "")
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", code],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return "" if done.returncode == 0 else f"{snippet}: {done.stderr[-600:]}"


def command_lines(notes: Path) -> list[list[str]]:
    lines = notes.read_text().splitlines() if notes.exists() else []
    found = [json.loads(line)[1] for line in lines]
    return [line for n, line in enumerate(found) if line not in found[:n]]


def parsed(arguments: list[str]) -> str:
    """What the command line says of itself, without doing anything."""
    command: Any = typer.main.get_command(app)
    rest, context = list(arguments), None
    while True:
        context = command.make_context(rest[0] if rest else "", rest, parent=context)
        if not hasattr(command, "commands"):
            return ""
        name, command, rest = command.resolve_command(
            context, context._protected_args + context.args
        )
        if command is None:
            return f"there is no command {name!r}"


def test_shell_snippets_run(
    gateway: Product, named: dict[str, str], desk: tuple[Path, dict[str, str]]
) -> None:
    wanted = of("sh")
    assert len(wanted) > 30
    # Those of a page in their order: one may use what another made.
    pages: dict[str, list[Any]] = {}
    for snippet in wanted:
        pages.setdefault(str(snippet).partition("#")[0], []).append(snippet)
    with ThreadPoolExecutor(3) as pool:
        told = list(
            pool.map(lambda page: "".join(shell(s, named, desk) for s in page), pages.values())
        )
    assert "\n".join(filter(None, told)) == ""
    noted = command_lines(desk[0] / "notes")
    assert len(noted) > 10
    wrong = {}
    for arguments in noted:
        try:
            told = done(arguments, desk) if SOAK else parsed(arguments)
        except Exception as error:
            told = repr(error)
        if told:
            wrong[" ".join(arguments)] = told
    assert wrong == {}


ENDLESS = ("serve", "simulate")
WHILE_STOPPED = ("seed",)


def done(arguments: list[str], desk: tuple[Path, dict[str, str]]) -> str:
    """Run for real. What runs for ever is only begun; what needs the product stopped is only parsed."""
    if arguments[0] == "serve" or set(arguments) & set(WHILE_STOPPED):
        return parsed(arguments)
    command = [sys.executable, "-m", "opengateway.cli.main", *arguments]
    if arguments[0] in ENDLESS:
        (desk[0] / "faults.yaml").write_text("[]\n")
        started = subprocess.Popen(command, cwd=desk[0], stdout=subprocess.PIPE, text=True)
        assert started.stdout is not None
        said = started.stdout.readline()
        started.terminate()
        started.wait(20)
        return "" if "listening" in said else said
    ended = subprocess.run(
        command,
        cwd=desk[0],
        env={**os.environ, **desk[1]},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    return "" if ended.returncode == 0 else ended.stdout[-500:] + ended.stderr[-500:]


GIVEN = {
    "OPENGATEWAY_STORE": "postgresql://opengateway:x@127.0.0.1/opengateway",
    "OPENGATEWAY_SHARED": "redis://127.0.0.1:6379/0",
}


# --- data ------------------------------------------------------------------------------------------
PATHS = (
    ("messages", "chat/completions"),
    ("query", "rerank"),
    ("input", "responses"),
)


def test_requests_that_are_shown_are_served(gateway: Product) -> None:
    shown = [(str(s), json.loads(s.code)) for s in of("json")]
    asked = [
        (name, path, body)
        for name, body in shown
        for member, path in PATHS
        if "model" in body and member in body
    ]
    assert len(asked) >= 2
    document = json.loads(http(gateway.url + "/openapi.json")[1])
    for path, methods in document["paths"].items():
        content = methods.get("post", {}).get("requestBody", {}).get("content", {})
        if "example" in content.get("application/json", {}):
            asked.append((path, path.removeprefix("/v1/"), content["application/json"]["example"]))
    assert len(asked) > 10
    refused = {}
    headers = {"authorization": f"Bearer {gateway.key}", "content-type": "application/json"}
    for name, path, body in asked:
        status, answer, _ = http(
            f"{gateway.url}/v1/{path}",
            method="POST",
            body=json.dumps(body).encode(),
            headers=headers,
        )
        if status != 200:
            refused[name] = answer.decode()[:300]
    assert refused == {}


def merged(below: Any, above: Any) -> Any:
    if not isinstance(below, dict) or not isinstance(above, dict):
        return above
    return below | {name: merged(below.get(name), value) for name, value in above.items()}


def test_zone_files_that_are_shown_load(provider: Simulator, tmp_path: Path) -> None:
    """What a page adds, it adds to what it said before."""
    pages: dict[str, Any] = {}
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    account = {"type": "service_account", "client_email": "x@example.com", "private_key": pem}
    (tmp_path / "account.json").write_text(json.dumps(account))
    for snippet in of("yaml"):
        told = yaml.safe_load(snippet.code)
        if isinstance(told, list):  # faults of the simulator
            provider.faults(*told)
            provider.reset()
            continue
        if snippet.title and "zone.yaml" not in snippet.title:
            continue  # another file, as its title says
        path = tmp_path / "zone.yaml"
        said = told if "zone" in told else merged(pages.get(snippet.page, {"zone": "docs"}), told)
        pages[snippet.page] = said
        path.write_text(yaml.safe_dump(said).replace("/run/secrets/", "./"))
        names = {
            name: GIVEN.get(name, "x" * 40) for name in re.findall(r"env:([A-Z_]+)", str(said))
        }
        load_zone(path, names)


def test_configurations_of_others_are_sound() -> None:
    for snippet in of("toml"):
        assert tomllib.loads(snippet.code)
    for snippet in of("ini"):
        parser = configparser.ConfigParser()
        parser.read_string(snippet.code)
        assert parser.sections()
