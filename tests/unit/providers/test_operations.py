"""Every wire has a word for every operation, if only that it does not have it."""

from __future__ import annotations

import pytest

from opengateway.domain.catalog import Wire
from opengateway.domain.errors import InvalidRequest
from opengateway.domain.operations import BASES, Operation
from opengateway.providers.operations import operation_wires
from operation_wire import Asking, asked, endpoint, form, provider


@pytest.mark.parametrize("operation", Operation)
def test_no_wire_and_no_unit_is_left_out(operation: Operation) -> None:
    assert operation_wires(operation).keys() == set(Wire)
    assert BASES[operation]


@pytest.mark.parametrize("wire", [Wire.ANTHROPIC, Wire.BEDROCK, Wire.COHERE])
def test_a_wire_without_the_operation_says_so_before_anything_is_sent(wire: Wire) -> None:
    with pytest.raises(InvalidRequest) as caught:
        Asking(form(), provider(wire)).call()
    assert caught.value.code == "wrong_endpoint"


def test_a_vendor_of_the_common_wire_without_it_says_so_too() -> None:
    at = provider(only=["embeddings"])
    with pytest.raises(InvalidRequest, match="does not serve rerank"):
        Asking(asked(Operation.RERANK, query="q", documents=["a"]), at).call()
    with pytest.raises(InvalidRequest, match="does not serve completions"):
        Asking(asked(Operation.COMPLETIONS, prompt="p"), provider(only=[])).call()


def test_a_model_for_chat_only_is_no_model_for_completions() -> None:
    with pytest.raises(InvalidRequest, match="for chat only") as caught:
        Asking(
            asked(Operation.COMPLETIONS, prompt="p"), provider(), endpoint(completes=False)
        ).call()
    assert (caught.value.code, caught.value.param) == ("wrong_endpoint", "model")
