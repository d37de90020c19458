"""The native kernels beside the NumPy kernels: the same integers, and the same bytes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import hatch_build
from digitzip import jobs, kernels
from digitzip.entropy.residuals import round_to_bounds
from digitzip.errors import DamagedError, UnsupportedError
from digitzip.kernels import Layer, Network, Window, probability, rans, residuals
from digitzip.kernels.native import PATHS, NativeKernels
from digitzip.model import load_model
from tests.toy import make_images, make_pair, make_residual

MAX_SUM = 2**52 - 1


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library, compiled from this checkout."""
    folder = tmp_path_factory.mktemp("native")
    failure = hatch_build.compile_library(folder)
    if failure is not None:
        pytest.skip(failure)
    return folder / hatch_build.LIBRARY


@pytest.fixture(scope="session")
def model_of_avx512(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library with a model of the AVX-512 instructions that runs with AVX2."""
    library = tmp_path_factory.mktemp("model") / hatch_build.LIBRARY
    model = hatch_build.ROOT / "tests" / "avx512_model.h"
    command = ["cc", *hatch_build.FLAGS, "-O1", "-include", str(model), "-DAVX512_MODEL"]
    subprocess.run([*command, "-o", str(library), str(hatch_build.SOURCE)], check=True)
    return library


def kernels_of(path: str, library: Path, request: pytest.FixtureRequest) -> NativeKernels:
    """The kernels of a path: of this processor, or else of the model of AVX-512."""
    paths = NativeKernels(library).paths
    if path == "avx512" and paths[-1] == "avx2":
        library = request.getfixturevalue("model_of_avx512")
    elif path not in paths:
        pytest.skip(f"this processor has no {path}")
    return NativeKernels(library, path)


@pytest.fixture(scope="session", params=PATHS)
def native(request: pytest.FixtureRequest, library: Path) -> NativeKernels:
    return kernels_of(request.param, library, request)


def networks() -> Iterator[tuple[str, Network]]:
    """Yield networks that use all there is: tables, skips, windows, wide inputs and sums."""
    for name in ("mnist-10", "mnist-4", "mnist-1"):
        model = load_model(name)
        yield f"encoder of {name}", model.encoder
        yield f"decoder of {name}", model.decoder
        for j, network in enumerate(model.quantiser().entropy_model):
            yield f"entropy model {j} of {name}", network
    yield "residual", make_residual()
    for number, network in enumerate(make_pair().networks):
        yield f"classifier {number}", network


@pytest.mark.parametrize("count", [0, 1, 4, 5, 49, 100])
def test_networks_give_the_same_integers(native: NativeKernels, count: int) -> None:
    random = np.random.default_rng(count)
    for name, network in networks():
        low, high = network.input_range
        x = random.integers(low, high + 1, (count, network.inputs))
        np.testing.assert_array_equal(native.forward(network, x), network(x), name)
        if (low, high) == (0, 255):
            x8 = x.astype(np.uint8)
            np.testing.assert_array_equal(native.forward(network, x8), network(x8), name)


def test_outputs_come_in_the_type_that_is_asked_for(native: NativeKernels) -> None:
    network = make_residual()
    x = np.random.default_rng(0).integers(0, 256, (7, network.inputs), np.uint8)
    for dtype in (np.int32, np.float32, np.int64):
        found = native.forward(network, x, dtype)
        assert found.dtype == dtype
        np.testing.assert_array_equal(found, network(x, dtype))


@st.composite
def random_networks(draw: st.DrawFn) -> Network:
    """Draw networks at their limits: weights, biases, shifts, clips and inputs up to the last."""
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    reach = draw(st.sampled_from([1, 127, 255, 1023, 32767, 32768, 1 << 23]))
    low = draw(st.sampled_from([-reach, 0]))
    only_bytes = draw(st.booleans())  # activations 0 to 255
    if only_bytes:
        low, reach = 0, 255
    sizes = draw(st.lists(st.integers(1, 40), min_size=2, max_size=4))
    layers: list[Layer] = []
    span = reach
    for inputs, outputs in pairwise(sizes):
        limit = 127 if only_bytes else draw(st.sampled_from([127, 32767]))
        weight = random.choice([-limit - 1, -limit, -1, 0, 1, limit], (outputs, inputs))
        clip = 255 if only_bytes else draw(st.sampled_from([127, 1023, 32767, 32768, 1 << 23]))
        table = None
        if clip <= 1023 and draw(st.booleans()):
            entries = (0, 256) if only_bytes else (-(1 << 20), 1 << 20)
            table = random.integers(*entries, 2 * clip + 1).astype(np.int32)
        skip = len(layers) if layers and layers[0].outputs == outputs else 0
        layers.append(
            Layer(
                weight.astype(np.int8 if limit == 127 else np.int16),
                random.integers(-(1 << 30), 1 << 30, outputs),
                random.integers(0, 31, outputs),
                0 if only_bytes and table is None else -clip, clip, skip, table,
            )
        )  # fmt: skip
        span = max(map(abs, layers[-1].range))
        assert span * 40 * 32768 < MAX_SUM
    return Network(layers, low, reach)


@given(random_networks(), st.integers(0, 12), st.integers(0, 2**32))
def test_random_networks_at_their_limits_give_the_same_integers(
    native: NativeKernels, network: Network, count: int, seed: int
) -> None:
    low, high = network.input_range
    x = np.random.default_rng(seed).choice([low, high, 0, 0], (count, network.inputs))
    np.testing.assert_array_equal(native.forward(network, x), network(x))


@given(st.integers(1, 6), st.integers(1, 3), st.integers(1, 3), st.integers(0, 2**32))
def test_windows_give_the_same_integers(
    native: NativeKernels, size: int, step: int, channels: int, seed: int
) -> None:
    random = np.random.default_rng(seed)
    window = Window(9, 7, size, step)
    shape = (5, size**2 * channels)
    layer = Layer(
        random.integers(-128, 128, shape).astype(np.int8), random.integers(-999, 999, 5),
        random.integers(0, 9, 5), -500, 500, window=window,
    )  # fmt: skip
    network = Network([layer], 0, 255)
    x = random.integers(0, 256, (4, network.inputs))
    np.testing.assert_array_equal(native.forward(network, x), network(x))


@given(st.integers(0, 40), st.integers(2, 255), st.integers(0, 2**32))
def test_costs_and_cdf_tables_are_the_same(
    library: Path, count: int, levels: int, seed: int
) -> None:
    native, random = NativeKernels(library), np.random.default_rng(seed)
    for reach in (1, 500, 1 << 15):
        scores = random.integers(-reach, reach + 1, (count, levels)).astype(np.int32)
        np.testing.assert_array_equal(native.costs(scores), probability.costs(scores))
        for total in (rans.TOTAL, 1 << 24):
            expected = probability.cdf(scores, total)
            np.testing.assert_array_equal(native.cdf(scores, total), expected)


@given(st.lists(st.integers(0, 90), min_size=1, max_size=5), st.integers(0, 3), st.integers(0, 99))
def test_symbols_have_the_same_bytes_and_come_back(
    library: Path, sizes: list[int], log: int, seed: int
) -> None:
    native, random = NativeKernels(library), np.random.default_rng(seed)
    cdfs, values = [], []
    for size in sizes:
        inner = np.sort(random.choice(rans.TOTAL - 1, (size, 6), replace=True) + 1, axis=1)
        inner += np.arange(6)  # strictly ascending
        ends = np.minimum(inner, rans.TOTAL - 6 + np.arange(6))
        cdfs.append(np.concatenate(
            [np.zeros((size, 1), np.int64), ends, np.full((size, 1), rans.TOTAL)], axis=1
        ))  # fmt: skip
        values.append(random.integers(0, 7, size))
    rows = [np.arange(size) for size in sizes]
    rounds = [
        (cdf[row, value], cdf[row, value + 1])
        for cdf, row, value in zip(cdfs, rows, values, strict=True)
    ]
    data = rans.encode(rounds, 1 << log)
    assert native.rans_encode(rounds, 1 << log) == data
    for make in (native.rans_decoder, rans.Decoder):
        decoder = make(data, 1 << log, sum(sizes))
        for cdf, value in zip(cdfs, values, strict=True):
            np.testing.assert_array_equal(decoder.take(cdf), value)
        decoder.finish()


@pytest.mark.parametrize("bound", [0, 1, 12, 127, "each its own"])
@pytest.mark.parametrize("lanes", [1, 4])
def test_residuals_have_the_same_bytes_and_come_back(
    native: NativeKernels, bound: int | str, lanes: int
) -> None:
    random, network = np.random.default_rng(3), make_residual()
    images, recon = make_images(9, seed=1), make_images(9, seed=2)
    recon[4] = images[4]
    images[5:7] = recon[5:7] = 0  # blank contexts
    bounds = random.integers(0, 128, 9) if isinstance(bound, str) else np.full(9, bound)
    bounds = bounds.astype(np.uint8)
    final = np.where((bounds == 0)[:, None, None], images, round_to_bounds(images, recon, bounds))
    data = residuals.encode(network, final, recon, bounds, lanes)
    assert native.encode_residuals(network, final, recon, bounds, lanes) == data
    found = native.decode_residuals(network, data, recon, bounds, lanes)
    np.testing.assert_array_equal(found, final)


def test_coding_of_residuals_can_be_cancelled_on_its_way(
    native: NativeKernels, monkeypatch: pytest.MonkeyPatch
) -> None:
    network, images, bounds = make_residual(), make_images(40, seed=1), np.zeros(40, np.uint8)
    data = native.encode_residuals(network, images, images, bounds, 1)
    checks: list[None] = []

    def check() -> None:
        checks.append(None)
        if len(checks) == 2:
            raise jobs.Cancelled

    monkeypatch.setattr(jobs, "check", check)
    with pytest.raises(jobs.Cancelled):
        native.encode_residuals(network, images, images, bounds, 1)
    checks.clear()
    with pytest.raises(jobs.Cancelled):
        native.decode_residuals(network, data, images, bounds, 1)


@pytest.mark.parametrize("change", ["cut", "longer", "flipped", "empty"])
def test_damaged_data_is_refused_as_by_numpy(native: NativeKernels, change: str) -> None:
    network, images, recon = make_residual(), make_images(3, seed=1), make_images(3, seed=2)
    bounds = np.zeros(3, np.uint8)
    data = residuals.encode(network, images, recon, bounds, 2)
    broken = {
        "cut": data[:-2], "longer": data + b"\0\0", "empty": b"",
        "flipped": data[:20] + bytes([data[20] ^ 64]) + data[21:],
    }[change]  # fmt: skip
    outcomes = []
    for decode in (residuals.decode, native.decode_residuals):
        try:
            outcomes.append(decode(network, broken, recon, bounds, 2).tobytes())
        except DamagedError as error:
            outcomes.append(str(error).encode())
    assert outcomes[0] == outcomes[1]


def test_what_is_no_library_is_refused(tmp_path: Path) -> None:
    (tmp_path / "no.so").write_bytes(b"no library")
    for path in (tmp_path / "no.so", tmp_path / "missing.so"):
        with pytest.raises(UnsupportedError, match="no native kernels"):
            NativeKernels(path)


@pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler")
def test_the_source_compiles_without_a_warning(tmp_path: Path) -> None:
    command = ["cc", *hatch_build.FLAGS, "-Wall", "-Wextra", "-Werror", "-pedantic"]
    subprocess.run([*command, "-o", str(tmp_path / "x"), str(hatch_build.SOURCE)], check=True)


def run_python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": str(hatch_build.ROOT), **environment},
    )  # fmt: skip


def test_a_backend_can_be_forced() -> None:
    code = "import digitzip; print(digitzip.backend())"
    assert run_python(code, DIGITZIP_BACKEND="numpy").stdout == "numpy\n"
    refused = run_python(code, DIGITZIP_BACKEND="cuda")
    assert "DIGITZIP_BACKEND is 'cuda', expected numpy or native" in refused.stderr


def test_a_backend_that_is_missing_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "LIBRARY", Path("missing.so"))
    assert isinstance(kernels.select_kernels(None), kernels.NumPyKernels)
    with pytest.raises(UnsupportedError, match="no native kernels"):
        kernels.select_kernels("native")


@pytest.mark.parametrize("compiler", ["none", "one that fails"])
@pytest.mark.skipif("CI_NO_BUILD" in os.environ, reason="CI_NO_BUILD: no wheel is built")
def test_a_wheel_is_pure_where_nothing_compiles(tmp_path: Path, compiler: str) -> None:
    environment = {**os.environ, "CC": "false" if compiler == "one that fails" else "no-compiler"}
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "-o", str(tmp_path)]
    done = subprocess.run(
        [*command, str(hatch_build.ROOT)], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    assert wheel.name.endswith("-py3-none-any.whl")
    assert "installing without native kernels" in done.stdout + done.stderr
    refused = subprocess.run(
        [*command, str(hatch_build.ROOT)], env={**environment, "DIGITZIP_BUILD": "native"},
        capture_output=True, text=True,
    )  # fmt: skip
    assert refused.returncode != 0
