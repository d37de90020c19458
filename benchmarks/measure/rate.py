"""Measure rate and distortion on the MNIST test set: every bundled model and quality, some efforts.

The default model at its default levels is measured at every effort. Bytes are those of whole files.
The models' own defaults and `benchmarks/report/bars.py` fix which point is a headline, never what
was measured here.
"""

from __future__ import annotations

import lzma
import os
import time
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import asdict
from multiprocessing import get_context
from typing import Final

import numpy as np

import digitzip
from benchmarks import record
from benchmarks.measure import classifier
from benchmarks.measure.points import Case, Point, bundled, measure_once, overhead, path_of
from benchmarks.measure.timing import ONE_THREAD
from digitzip.codec import DEFAULT_EFFORT, Codec
from digitzip.model import load_model

HIGHEST_EFFORT: Final = 9
ALONE: Final = 200  # images compressed one by one
PROCESSES: Final = 2


def cases() -> Iterator[Case]:
    """Yield every case: each bundled model and quality, with some efforts."""
    default = load_model()
    for path in bundled():
        model = load_model(path)
        usual = Codec(model).levels
        for quality, levels in enumerate(model.qualities, start=1):
            efforts = {0, DEFAULT_EFFORT}
            if model.id == default.id and levels <= usual:
                efforts |= set(range(10)) if levels == usual else {HIGHEST_EFFORT}
            for effort in sorted(efforts):
                yield Case(model.name, quality, effort)


def cost(case: Case) -> int:
    """Return roughly how long a case takes: the longest start first."""
    model = load_model(path_of(case))
    levels = model.qualities[case.quality - 1]
    return model.shape.dims * case.effort * (levels if model.categorical else 2)


def measured(chosen: list[Case]) -> tuple[list[Point], float]:
    """Return the points of the cases, in their order, and `kept_codes`; several run at once."""
    os.environ.update(ONE_THREAD)  # for the processes to come
    start = time.perf_counter()
    with ProcessPoolExecutor(PROCESSES, get_context("spawn")) as pool:
        kept = pool.submit(kept_codes)
        running: dict[Future[Point], Case] = {
            pool.submit(measure_once, case): case for case in sorted(chosen, key=cost, reverse=True)
        }
        points: dict[Case, Point] = {}
        for done in as_completed(running):
            point = points[running[done]] = done.result()
            print(
                f"{len(points)} of {len(chosen)}, {time.perf_counter() - start:.0f} s: "
                f"{point.model} {point.levels} levels effort {point.effort}: "
                f"{point.bytes_per_image:.3f} B, RMSE {point.rmse:.4f}",
                flush=True,
            )
        return [points[case] for case in chosen], kept.result()


def kept_codes() -> float:
    """Return the share of images that keep their code when they are compressed again."""
    with digitzip.open(digitzip.compress(record.test_images(), guard=False)) as first:
        recon, codes = first[:], first.codes[:]
    with digitzip.open(digitzip.compress(recon, guard=False)) as second:
        return float((second.codes[:] == codes).all(axis=1).mean())


def main() -> None:
    images, model, accuracy = record.test_images(), load_model(), classifier.accuracy()
    points, kept = measured(list(cases()))
    sizes = {path.stem: path.stat().st_size for path in bundled()}
    whole = digitzip.compress(images, guard=False)
    alone = [len(digitzip.compress(image[None], guard=False)) for image in images[:ALONE]]
    solid = len(lzma.compress(images.tobytes(), preset=9 | lzma.PRESET_EXTREME))
    result = {
        **record.environment(model),
        "images": len(images),
        "default_effort": DEFAULT_EFFORT,
        "highest_effort": HIGHEST_EFFORT,
        "model_bytes": sizes[model.name],
        "bytes_of_models": sizes,
        "solid_xz_bytes_per_image": solid / len(images),
        "classifier_accuracy": accuracy,
        "points": [asdict(point) for point in points],
        "overhead_bytes": overhead(whole),
        "overhead_share": overhead(whole) / len(whole),
        "one_image_bytes": {"median": float(np.median(alone)), "most": max(alone), "of": ALONE},
        "kept_codes": kept,
    }
    record.write("rate", result)
    (default,) = (point for point in points if point.default)
    record.enter_in_ledger(
        {
            **{key: result[key] for key in ("date", "commit", "model")},
            **asdict(default),
            "all_points": [
                [p.model, p.levels, p.effort, p.bytes, round(p.rmse, 6)] for p in points
            ],
        }
    )
    print(default)
