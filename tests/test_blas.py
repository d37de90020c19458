"""BLAS has one thread where digitzip multiplies, and as many as before everywhere else."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from digitzip import blas, metrics
from digitzip.blas import one_thread
from digitzip.codec import Codec, Images
from digitzip.codec import codec as codec_module
from digitzip.kernels import Network, NumPyKernels


def threads() -> int:
    """Return the number of threads of the library that NumPy uses."""
    found = [each for each in threadpool_info() if each["user_api"] == "blas"]
    own = [each["num_threads"] for each in found if "numpy" in each["filepath"]]
    return max(own, default=1)


@pytest.fixture(autouse=True)
def two_threads() -> Iterator[None]:
    """BLAS libraries set to two threads by the user."""
    with threadpool_limits(2):
        if threads() != 2:
            pytest.skip("this BLAS library has one thread")
        yield
        assert threads() == 2


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
