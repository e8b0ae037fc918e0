"""Exact counts: the right numbers, from our own files, within every bound."""

from __future__ import annotations

import asyncio
import gzip
import shutil
import socket
import subprocess
import sys
import threading
import time
from importlib.resources import as_file
from pathlib import Path

import pytest

from opengateway.infra.tokens import CountLimits, TiktokenCounter, tokens_of
from opengateway.infra.vocabulary import VOCABULARIES, bundled, load_encoder, load_ranks

PATIENT = CountLimits(wait_s=20.0)


@pytest.fixture(scope="module")
def counter() -> TiktokenCounter:
    """With both vocabularies loaded, so that the others measure counting alone."""
    made = TiktokenCounter()
    for encoding in VOCABULARIES:
        made.count(["warm"], encoding)
    return made


@pytest.mark.parametrize(
    ("encoding", "ids"),
    [
        ("cl100k_base", [83, 1609, 5963, 374, 2294, 0]),
        ("o200k_base", [83, 8251, 2488, 382, 2212, 0]),
    ],
)
def test_a_text_becomes_the_tokens_that_it_is_known_for(encoding: str, ids: list[int]) -> None:
    assert load_encoder(encoding, bundled())("tiktoken is great!") == ids


def test_a_text_that_looks_like_a_special_token_is_a_text(counter: TiktokenCounter) -> None:
    assert counter.count(["<|endoftext|>"], "o200k_base") > 1


def test_a_long_text_is_counted_as_if_it_were_counted_whole(counter: TiktokenCounter) -> None:
    text = "Every slice ends where a token would. 조각은 토큰이 끝나는 곳에서 끝난다.\n" * 4000
    whole = len(load_encoder("o200k_base", bundled())(text))
    assert len(text) > 3 * 64 * 1024
    assert counter.count([text], "o200k_base") == whole


@pytest.mark.parametrize("encoding", sorted(VOCABULARIES))
def test_a_vocabulary_with_one_bit_turned_is_not_used(encoding: str, tmp_path: Path) -> None:
    with as_file(bundled()) as folder:
        content = bytearray(gzip.decompress((folder / f"{encoding}.tiktoken.gz").read_bytes()))
    place = tmp_path / f"{encoding}.tiktoken.gz"
    place.write_bytes(gzip.compress(bytes(content), 1))
    assert len(load_ranks(encoding, tmp_path)) > 100_000
    content[len(content) // 2] ^= 1
    place.write_bytes(gzip.compress(bytes(content), 1))
    with pytest.raises(ValueError, match="was changed"):
        load_ranks(encoding, tmp_path)


async def test_a_broken_vocabulary_is_told_once_and_costs_nobody_an_answer(tmp_path: Path) -> None:
    with as_file(bundled()) as folder:
        shutil.copy(folder / "cl100k_base.tiktoken.gz", tmp_path / "o200k_base.tiktoken.gz")
    (tmp_path / "cl100k_base.tiktoken.gz").write_bytes(b"\x1f\x8bnot gzip")
    told: list[Exception] = []
    counter = TiktokenCounter(told.append, PATIENT, tmp_path)
    for _ in range(2):
        for encoding in VOCABULARIES:
            assert await counter.count_exact(lambda: [["a"]], encoding) is None
    assert [str(e).split("'")[1] for e in told] == ["o200k_base", "cl100k_base"]
    counter.close()


def test_nothing_is_asked_of_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
    for encoding in VOCABULARIES:
        assert TiktokenCounter().count(["offline"], encoding) > 0


def test_a_gateway_starts_without_the_tokenizer() -> None:
    script = (
        "import sys, opengateway.compose.gateway\n"
        "print({'tiktoken', 'requests', 'regex', 'urllib3'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "set()"


async def test_each_group_has_its_own_number(counter: TiktokenCounter) -> None:
    counted = await counter.count_exact(lambda: [["one two", "three"], [], ["four"]], "o200k_base")
    assert counted == (3, 0, 1)


async def test_more_than_a_mebibyte_is_not_counted(counter: TiktokenCounter) -> None:
    half = "가 " * (1024 * 1024 // 8)
    assert await counter.count_exact(lambda: [[half], ["x" * 10]], "o200k_base") is not None
    assert await counter.count_exact(lambda: [[half], [half, half]], "o200k_base") is None


async def test_what_takes_too_long_is_given_up_and_the_next_one_is_served() -> None:
    counter = TiktokenCounter(limits=CountLimits(wait_s=0.05))
    counter.count(["warm"], "cl100k_base")
    release = threading.Event()

    def slow() -> list[list[str]]:
        release.wait(5)
        return [["never counted"]]

    began = time.monotonic()
    assert await counter.count_exact(slow, "cl100k_base") is None
    assert time.monotonic() - began < 0.5
    release.set()
    assert await counter.count_exact(lambda: [["next"]], "cl100k_base") == (1,)
    counter.close()


async def test_a_full_queue_refuses_at_once() -> None:
    counter = TiktokenCounter(limits=CountLimits(wait_s=5.0, queue=3))
    counter.count(["warm"], "cl100k_base")
    release = threading.Event()

    def slow() -> list[list[str]]:
        release.wait(5)
        return [["one"]]

    waiting = [asyncio.ensure_future(counter.count_exact(slow, "cl100k_base")) for _ in range(3)]
    await asyncio.sleep(0)
    assert await counter.count_exact(lambda: [["one"]], "cl100k_base") is None
    release.set()
    assert await asyncio.gather(*waiting) == [(1,)] * 3
    assert await counter.count_exact(lambda: [["one"]], "cl100k_base") == (1,)
    counter.close()


async def test_who_is_cancelled_leaves_the_queue() -> None:
    counter = TiktokenCounter(limits=CountLimits(wait_s=5.0, queue=1))
    release = threading.Event()

    def slow() -> list[list[str]]:
        release.wait(5)
        return [["one"]]

    waiting = asyncio.ensure_future(counter.count_exact(slow, "cl100k_base"))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    release.set()
    assert await counter.count_exact(lambda: [["one"]], "cl100k_base") == (1,)
    counter.close()


@pytest.mark.parametrize("encoding", sorted(VOCABULARIES))
@pytest.mark.parametrize("text", [" " * 1_000_000, "a" * 1_000_000, "\n" * 1_000_000, "^" * 9999])
async def test_a_hostile_text_harms_nothing(
    encoding: str, text: str, counter: TiktokenCounter
) -> None:
    counted = await counter.count_exact(lambda: [[text]], encoding)
    assert counted is None or 0 < counted[0] <= len(text)
    assert await counter.count_exact(lambda: [["fine"]], encoding) == (1,)


def test_a_tokenizer_that_panics_is_an_error_like_others() -> None:
    encode = load_encoder("o200k_base", bundled())
    with pytest.raises(ValueError, match="cannot take this text apart"):
        tokens_of(encode, " " * 1_000_000)  # not sliced: its stack overflows


async def test_a_read_that_fails_is_a_count_that_failed(counter: TiktokenCounter) -> None:
    def broken() -> list[list[str]]:
        raise KeyError("messages")

    assert await counter.count_exact(broken, "o200k_base") is None
