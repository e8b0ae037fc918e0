"""Embeddings on the common wire and on Gemini's: what is sent, and the vectors in both forms."""

from __future__ import annotations

import base64
import struct
from typing import Any

import pytest

from opengateway.catalog.loader import load_catalogue
from opengateway.domain.catalog import Profile, Wire
from opengateway.domain.errors import ErrorClass, InvalidRequest, UpstreamError
from opengateway.domain.operations import Operation
from opengateway.domain.usage import Dimension, Usage
from opengateway.wires.operations.vectors import decoded, encoded
from operation_wire import Asking, asked, endpoint, provider

EMBED = Operation.EMBEDDINGS
FLOATS = [0.25, -1.5, 3.0]
BASE64 = base64.b64encode(struct.pack("<3f", *FLOATS)).decode()


def answer(*vectors: Any, **usage: int) -> dict[str, Any]:
    data = [{"object": "embedding", "index": i, "embedding": v} for i, v in enumerate(vectors)]
    return {"object": "list", "data": data, "model": "up", "usage": usage}


@pytest.mark.parametrize("given", [FLOATS, BASE64])
@pytest.mark.parametrize(
    ("form", "wanted"), [("float", FLOATS), ("base64", BASE64), (None, FLOATS)]
)
def test_a_caller_gets_the_form_asked_for_whatever_comes(
    given: Any, form: Any, wanted: Any
) -> None:
    members = {"encoding_format": form} if form else {}
    shown = Asking(asked(EMBED, input="x", **members)).shown(answer(given, prompt_tokens=3))
    assert shown["data"] == [{"object": "embedding", "index": 0, "embedding": wanted}]
    assert shown["model"] == "lab/model"
    assert shown["usage"] == {"prompt_tokens": 3, "total_tokens": 3}


def test_base64_is_little_endian_floats_both_ways() -> None:
    assert (encoded(FLOATS), decoded(BASE64)) == (BASE64, FLOATS)
    for bad in ("", "x", "AAA=", base64.b64encode(struct.pack("<f", float("nan"))).decode()):
        with pytest.raises(ValueError, match="not a vector"):
            decoded(bad)


def test_vectors_come_in_the_order_of_the_texts() -> None:
    mixed = answer([1.0], [2.0], prompt_tokens=2)
    mixed["data"].reverse()
    shown = Asking(asked(EMBED, input=["a", "b"])).shown(mixed)
    assert [item["embedding"] for item in shown["data"]] == [[1.0], [2.0]]


@pytest.mark.parametrize(
    "broken",
    [
        b"{",
        b"[]",
        {"data": []},
        {"data": [{"embedding": [1.0]}, {"embedding": [1.0]}]},
        {"data": [{"embedding": []}]},
        {"data": [{"embedding": ["x"]}]},
        {"data": [{"embedding": "%%"}]},
        {"data": [7]},
        {"error": {"message": "no", "code": "server_error"}},
    ],
)
def test_an_answer_without_its_vectors_is_the_provider_s_failure(broken: Any) -> None:
    with pytest.raises(UpstreamError):
        Asking(asked(EMBED, input="x")).reply(broken)


def test_nulls_are_left_out_and_the_user_is_a_pseudonym() -> None:
    sent = Asking(asked(EMBED, input="x", encoding_format=None, dimensions=None, user="u1")).sent()
    assert sent.keys() == {"model", "input", "user"}
    assert sent["model"] == "up"
    assert sent["user"].startswith("og-")


def test_a_vendor_s_profile_bends_the_request() -> None:
    voyage = Profile(operations=load_catalogue().providers["voyage"].profile.operations)
    at = provider(profile=voyage)
    chat = asked(EMBED, input="x", encoding_format="float", dimensions=8, input_type="search_query")
    call = Asking(chat, at)
    assert call.sent() == {
        "input": "x",
        "model": "up",
        "output_dimension": 8,
        "input_type": "query",
    }
    jina = provider(profile=load_catalogue().providers["jina"].profile)
    chat = asked(EMBED, input="x", encoding_format="base64", input_type="passage")
    assert Asking(chat, jina).sent() == {
        "model": "up",
        "input": "x",
        "embedding_type": "base64",
        "task": "retrieval.passage",
    }


def test_what_a_vendor_lacks_is_told_or_refused() -> None:
    call = Asking(asked(EMBED, input="x", input_type="query")).call()
    assert call.dropped == ("input_type",)
    with pytest.raises(InvalidRequest) as caught:
        Asking(asked(EMBED, input="x", dimensions=8), provider(dimensions_as="")).call()
    assert caught.value.param == "dimensions"
    with pytest.raises(InvalidRequest, match="at most 2 texts"):
        Asking(asked(EMBED, input=["a", "b", "c"]), provider(max_inputs=2)).call()


def test_tokens_that_nobody_told_are_counted_by_length_and_flagged() -> None:
    reply = Asking(asked(EMBED, input="x" * 40)).reply(answer([1.0]))
    assert reply.meter.usage == Usage({Dimension.INPUT: 10}, estimated=True)


def google(**profile: Any) -> Any:
    return provider(Wire.GEMINI, Profile(**profile))


def test_gemini_takes_a_batch_with_the_model_in_each() -> None:
    call = Asking(
        asked(EMBED, input=["a", "b"], dimensions=64, input_type="query"), google()
    ).call()
    assert call.path == "/v1beta/models/up:batchEmbedContents"
    assert b'"taskType":"RETRIEVAL_QUERY","outputDimensionality":64' in call.body
    assert call.body.count(b'"model":"models/up"') == 2


def test_vertex_takes_one_text_in_the_shape_of_the_model() -> None:
    at = google(operation_path="/m/{model}", embeddings_as={"up": "single"})
    assert Asking(asked(EMBED, input="a"), at).call().path == "/m/up:embedContent"
    at = google(operation_path="/m/{model}", embeddings_as={"up": "predict"})
    call = Asking(asked(EMBED, input="a"), at)
    assert (call.call().path, call.sent()) == ("/m/up:predict", {"instances": [{"content": "a"}]})
    with pytest.raises(InvalidRequest, match="at most 1 texts"):
        Asking(asked(EMBED, input=["a", "b"]), at).call()
    told = {"statistics": {"token_count": 4}, "values": [1.0]}
    reply = call.reply({"predictions": [{"embeddings": told}]})
    assert reply.meter.usage == Usage({Dimension.INPUT: 4})


def test_tokens_as_input_are_for_vendors_that_share_the_vocabulary() -> None:
    for at in (google(), provider(Wire.COHERE)):
        with pytest.raises(InvalidRequest, match="send texts"):
            Asking(asked(EMBED, input=[1, 2]), at).call()


def test_cohere_is_told_what_the_vectors_are_for() -> None:
    at = provider(Wire.COHERE)
    assert Asking(asked(EMBED, input="a"), at).sent() == {
        "model": "up",
        "texts": ["a"],
        "input_type": "search_document",
        "embedding_types": ["float"],
    }
    call = Asking(asked(EMBED, input="a", encoding_format="base64", user="u", foo=1), at)
    assert call.call().dropped == ("foo", "user")
    meta = {"billed_units": {"input_tokens": 2}}
    reply = call.reply({"id": "e1", "embeddings": {"base64": [BASE64]}, "meta": meta})
    assert reply.meter.usage == Usage({Dimension.INPUT: 2})
    with pytest.raises(InvalidRequest, match="at most 96"):
        Asking(asked(EMBED, input=["a"] * 97), at).call()


@pytest.mark.parametrize(
    ("status", "kind"),
    [(498, ErrorClass.AUTH), (404, ErrorClass.MODEL_GONE), (429, ErrorClass.RATE_LIMITED)],
)
def test_cohere_s_own_statuses_have_their_classes(status: int, kind: ErrorClass) -> None:
    asking = Asking(asked(EMBED, input="a"), provider(Wire.COHERE), endpoint())
    error = asking.wire.error(status, {}, b'{"message": "nope", "id": "1"}', asking.provider)
    assert (error.error_class, error.detail) == (kind, "nope")
