"""What a model server lists, as rows that a zone file takes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from opengateway.compose.discovery import Found, _listed, rows_for
from opengateway.compose.zone import load_zone, snapshot_of
from opengateway.domain.errors import OperatorError

VLLM = b'{"object":"list","data":[{"id":"Qwen/Qwen3-32B","object":"model","max_model_len":40960}]}'
OLLAMA = b'{"object":"list","data":[{"id":"llama3.2:3b","object":"model","owned_by":"library"}]}'
LLAMA_CPP = b'{"data":[{"id":"/models/gemma.gguf","meta":{"n_ctx_train":8192}}]}'


@pytest.mark.parametrize(
    ("raw", "found"),
    [
        (VLLM, Found("Qwen/Qwen3-32B", 40960)),
        (OLLAMA, Found("llama3.2:3b", None)),
        (LLAMA_CPP, Found("/models/gemma.gguf", 8192)),
    ],
    ids=["vllm", "ollama", "llama.cpp"],
)
def test_a_servers_rows_make_a_zone_that_serves_its_models(
    raw: bytes, found: Found, tmp_path: Path
) -> None:
    assert list(_listed(raw)) == [found]
    rows = rows_for("house", "http://10.0.0.5:8000/v1/", [found], 4096, "")
    path = tmp_path / "zone.yaml"
    path.write_text(f"zone: z\nedition: airgap\n{rows}")
    (model,) = snapshot_of(load_zone(path, os.environ), 0).models.values()
    (endpoint,) = model.endpoints
    assert endpoint.upstream_model == found.upstream_model
    assert endpoint.context == (found.context or 4096)


@pytest.mark.parametrize("raw", [b"", b"<html>", b'{"data":{}}', b'{"data":[1]}', b'{"error":{}}'])
def test_what_is_no_list_of_models_is_told(raw: bytes) -> None:
    with pytest.raises(OperatorError, match="no list of models"):
        list(_listed(raw))
