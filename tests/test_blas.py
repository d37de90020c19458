"""BLAS has one thread where digitzip multiplies, and as many as before everywhere else."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from digitzip import blas, metrics
from digitzip.blas import LIBRARY, one_thread
from digitzip.codec import Codec, Images
from digitzip.codec import codec as codec_module
from digitzip.kernels import Network, NumPyKernels

threads = LIBRARY.threads


@pytest.fixture(autouse=True)
def two_threads() -> Iterator[None]:
    """The library set to two threads by the user."""
    before = threads()
    LIBRARY.set_threads(2)
    if threads() != 2:
        pytest.skip("NumPy has another library, or one of a single thread")
    yield
    assert threads() == 2
    LIBRARY.set_threads(before)


def test_the_last_of_several_threads_restores_what_the_user_set() -> None:
    entered, leave = threading.Event(), threading.Event()

    def work() -> None:
        with one_thread:
            entered.set()
            leave.wait()

    with one_thread:
        other = threading.Thread(target=work)
        other.start()
        entered.wait()
    assert threads() == 1
    leave.set()
    other.join()
    assert threads() == 2


def test_a_forked_process_starts_anew() -> None:
    limit = blas._OneThread()
    limit.__enter__()
    limit.forget()
    assert threads() == 1
    with limit:
        assert threads() == 1
    assert threads() == 2


def test_products_use_one_thread(
    codec: Codec, images: Images, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []

    def spy(owner: Any, name: str) -> None:
        real = getattr(owner, name)

        def spying(*given: Any, **named: Any) -> Any:
            seen.append(threads())
            return real(*given, **named)

        monkeypatch.setattr(owner, name, spying)

    spy(Network, "_forward")
    NumPyKernels.forward(codec.model.encoder, images.reshape(len(images), -1))
    spy(codec_module, "search")
    codec.encode(images)
    spy(metrics, "_window")
    metrics.ssim(images, images)
    assert len(seen) >= 4
    assert set(seen) == {1}
