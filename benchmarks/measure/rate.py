"""Rate against loss on the MNIST test set: every shipped model and level count, some efforts.

The default model at its default levels is measured at every effort.

Bytes are those of whole files. Which of the points is a headline is fixed by the models' own
defaults and `benchmarks/report/bars.py`, never by what was measured here.
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
from benchmarks.measure.points import Point, Setting, compressed, measure_once, overhead, shipped
from benchmarks.measure.speed import ONE_THREAD
from digitzip.codec import DEFAULT_EFFORT, Codec
from digitzip.model import load_model

HIGHEST_EFFORT: Final = 9
EFFORTS: Final = (0, DEFAULT_EFFORT)
MORE_EFFORTS: Final = range(10)  # of the default setting: all
ALONE: Final = 200  # digits compressed one by one
PROCESSES: Final = 2


def settings() -> Iterator[Setting]:
    """Yield what is measured, by model, level count and effort."""
    default = load_model()
    for path in shipped():
        model = load_model(path)
        for level_set in model.level_sets:
            efforts = set(EFFORTS)
            if model.id == default.id and level_set.levels <= Codec(model).levels:
                efforts.add(HIGHEST_EFFORT)  # which the bars name
                if level_set.levels == Codec(model).levels:
                    efforts |= {*MORE_EFFORTS}
            for effort in sorted(efforts):
                yield Setting(path, level_set.levels, effort)


def cost(setting: Setting) -> int:
    """Return roughly how long a setting takes: the longest start first."""
    model = load_model(setting.path)
    return model.shape.dims * setting.effort * (setting.levels if model.nominal else 2)


def measured(chosen: list[Setting]) -> tuple[list[Point], float]:
    """Return the points of settings, in their order, and `kept_codes`; several at once."""
    os.environ.update(ONE_THREAD)  # for the processes to come
    start = time.perf_counter()
    with ProcessPoolExecutor(PROCESSES, get_context("spawn")) as pool:
        kept = pool.submit(kept_codes)
        running: dict[Future[Point], Setting] = {
            pool.submit(measure_once, setting): setting
            for setting in sorted(chosen, key=cost, reverse=True)
        }
        points: dict[Setting, Point] = {}
        for done in as_completed(running):
            point = points[running[done]] = done.result()
            print(
                f"{len(points)} of {len(chosen)}, {time.perf_counter() - start:.0f} s: "
                f"{point.model} {point.levels} levels effort {point.effort}: "
                f"{point.bytes_per_digit:.3f} B, RMSE {point.rmse:.4f}",
                flush=True,
            )
        return [points[setting] for setting in chosen], kept.result()


def kept_codes() -> float:
    """Return the share of digits that keep their code when they are compressed once more."""
    with digitzip.open(digitzip.compress(record.test_images(), guard=False)) as first:
        decoded, codes = first[:], first.codes[:]
    with digitzip.open(digitzip.compress(decoded, guard=False)) as second:
        return float((second.codes[:] == codes).all(axis=1).mean())


def main() -> None:
    from benchmarks.measure import classifier as reader

    images, model, accuracy = record.test_images(), load_model(), reader.accuracy()
    points, kept = measured(list(settings()))
    files = {path.stem: path.stat().st_size for path in shipped()}
    whole = compressed(images, Codec(model))
    alone = [len(compressed(image[None], Codec(model))) for image in images[:ALONE]]
    solid = len(lzma.compress(images.tobytes(), preset=9 | lzma.PRESET_EXTREME))
    result = {
        **record.environment(model),
        "digits": len(images),
        "default_effort": DEFAULT_EFFORT,
        "highest_effort": HIGHEST_EFFORT,
        "model_bytes": files[model.name],
        "bytes_of_models": files,
        "solid_xz_bytes_per_digit": solid / len(images),
        "reader_accuracy": accuracy,
        "points": [asdict(point) for point in points],
        "overhead_bytes": overhead(whole),
        "overhead_share": overhead(whole) / len(whole),
        "one_digit_bytes": {"median": float(np.median(alone)), "most": max(alone), "of": ALONE},
        "kept_codes": kept,
    }
    record.write("rate", result)
    keys = ("date", "commit", "model")
    (chosen,) = (point for point in points if point.default)
    seen = [[p.model, p.levels, p.effort, p.bytes, round(p.rmse, 6)] for p in points]
    record.enter_in_ledger(
        {**{key: result[key] for key in keys}, **asdict(chosen), "all_points": seen}
    )
    print(chosen)


if __name__ == "__main__":
    main()
