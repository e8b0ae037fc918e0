"""Is what is deployed well formed? `make deploy-lint`; its tools are in requirements/deploy.lock.

- The chart: linted, rendered as one member and as a fleet, every document held to the schema of its kind
  of Kubernetes; and values that cannot work are refused.
- Compose files: held to the compose specification.
- The Dockerfile: rules of our own; hadolint's too, where it is on the PATH (it is under the GPL).
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.resources import files
from json import loads
from pathlib import Path
from typing import Any

import helm_python
import jsonschema
import kubernetes_validate
import yaml

ROOT = Path(__file__).resolve().parents[1]
CHART = ROOT / "deploy" / "chart" / "opengateway"
KUBERNETES = "1.30"
STORES = {
    "control_store": {"use": "postgres", "url": "env:OPENGATEWAY_DATABASE_URL"},
    "shared_state": {"use": "valkey", "url": "env:OPENGATEWAY_VALKEY_URL"},
}
SOUND: dict[str, dict[str, Any]] = {
    "one member": {},
    "a fleet": {
        "replicas": 3,
        "secretsFrom": "opengateway-secrets",
        "zone": {"components": STORES},
        "autoscaling": {"enabled": True},
        "ingress": {"enabled": True, "className": "nginx", "tlsSecret": "tls"},
        "networkPolicy": {
            "egress": [{"to": [{"ipBlock": {"cidr": "10.0.0.0/8"}}]}],
            "metricsFrom": [{"namespaceSelector": {}}],
        },
        "envFromSecrets": ["keys"],
    },
}
REFUSED: dict[str, dict[str, Any]] = {
    "two members on SQLite": {"replicas": 2},
    "no member": {"replicas": 0},
    "a value that nobody reads": {"replicsa": 1},
}


def chart() -> Iterator[str]:
    """What is wrong with it."""
    made = helm_python.Chart.load(str(CHART))
    for name, values in SOUND.items():
        documents = list(_rendered(made, values))
        if not documents:
            yield f"chart, {name}: nothing is rendered"
        for document in documents:
            where = f"chart, {name}: {document['kind']} {document['metadata']['name']}"
            try:
                kubernetes_validate.validate(document, KUBERNETES, strict=True)
            except kubernetes_validate.ValidationError as error:
                yield f"{where}: {error.message}"
    for name, values in REFUSED.items():
        try:
            list(_rendered(made, values))
        except helm_python.HelmError:
            continue
        yield f"chart: {name} is not refused"


def _rendered(made: Any, values: dict[str, Any]) -> Iterator[dict[str, Any]]:
    found = made.render(values)
    for path, text in found.items():
        if not path.endswith((".tpl", "NOTES.txt")):
            yield from (document for document in yaml.safe_load_all(text) if document)


def compose() -> Iterator[str]:
    vendor = files("check_jsonschema") / "builtin_schemas" / "vendor" / "compose-spec.json"
    check = jsonschema.Draft202012Validator(loads(vendor.read_text()))
    for path in sorted((ROOT / "deploy" / "compose").glob("*.yaml")):
        for error in check.iter_errors(yaml.safe_load(path.read_text())):
            place = ".".join(map(str, error.absolute_path))
            yield f"{path.name}: {place}: {error.message[:200]}"


def dockerfile() -> Iterator[str]:
    path = ROOT / "deploy" / "Dockerfile"
    text = re.sub(r"\\\n", " ", path.read_text())
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    words = [line.split(None, 1) for line in lines]
    users = [rest for word, rest in words if word == "USER"]
    if not users or re.fullmatch(r"[1-9][0-9]*:[1-9][0-9]*", users[-1]) is None:
        yield "Dockerfile: the last USER is a number that is not root's"
    for word, rest in words:
        if word == "ADD" or (word == "COPY" and "http" in rest):
            yield f"Dockerfile: {word} brings what nobody checked: use COPY of the medium"
        if word == "RUN" and re.search(r"\b(curl|wget|apt-get|pip install)\b", rest):
            yield f"Dockerfile: RUN reaches a network: {rest[:60]}"
        if word in ("ENTRYPOINT", "CMD") and not rest.startswith("["):
            yield f"Dockerfile: {word} goes through a shell, which takes signals away"
        if word in ("ENV", "ARG") and re.search(r"(?i)(secret|password|token|api_key)", rest):
            yield f"Dockerfile: {word} would keep a secret in the image"
        if word == "ARG" and rest.startswith("PYTHON=") and ":" not in rest:
            yield "Dockerfile: the base image has no tag"
        if word not in _WORDS:
            yield f"Dockerfile: {word} is no instruction"
    if "HEALTHCHECK" not in {word for word, _ in words}:
        yield "Dockerfile: there is no HEALTHCHECK"
    if hadolint := shutil.which("hadolint"):
        done = subprocess.run([hadolint, str(path)], capture_output=True, text=True, check=False)
        yield from done.stdout.splitlines()


_WORDS = frozenset(
    (
        *("ARG", "FROM", "COPY", "ADD", "RUN", "ENV", "USER", "VOLUME", "EXPOSE", "HEALTHCHECK"),
        *("STOPSIGNAL", "ENTRYPOINT", "CMD", "WORKDIR", "LABEL", "SHELL", "ONBUILD"),
    )
)


def main() -> int:
    faults = [*chart(), *compose(), *dockerfile()]
    for fault in faults:
        print(fault, file=sys.stderr)
    if not faults:
        print(f"chart (Kubernetes {KUBERNETES}), compose files and Dockerfile are well formed")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
