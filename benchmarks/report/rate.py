"""What `rate.json` says of bytes and loss, as tables and sentences."""

from __future__ import annotations

from typing import Any

from benchmarks.peers.published import AUTOENCODERS_2016
from benchmarks.report.bars import percent
from benchmarks.report.tables import table

Result = dict[str, Any]


def headline(rate: Result) -> str:
    """Return what a file of all digits costs and loses at the default."""
    point = default(rate)
    ratio = 784 / point["bytes_per_digit"]
    return (
        f"The {rate['digits']:,} digits of the MNIST test set become a file of "
        f"**{point['bytes']:,} bytes: {point['bytes_per_digit']:.2f} bytes a digit, "
        f"{ratio:.0f} times smaller, at RMSE {point['rmse']:.4f}** (pixels in 0 … 1; "
        "`--guard off`). "
        f"The model, needed once for any number of files, is {rate['model_bytes'] / 1e6:.1f} MB."
    )


def default(rate: Result) -> Result:
    """Return the point of the default model, level count and effort."""
    point: Result = next(point for point in rate["points"] if point["default"])
    return point


def defaults(rate: Result) -> list[Result]:
    """Return the point of each model at its default level count and effort."""
    return [
        point
        for point in rate["points"]
        if point["default_levels"] and point["effort"] == rate["default_effort"]
    ]


def points(rate: Result) -> str:
    """Return every point: what its files cost and lose."""
    rows = []
    for p in rate["points"]:
        mark = "**default**" if p["default"] else "default levels" if p["default_levels"] else ""
        rows.append(
            (
                p["model"], str(p["levels"]), str(p["effort"]), f"{p['bytes_per_digit']:.3f}",
                f"{p['rmse']:.4f}", f"{p['psnr']:.2f}", f"{p['ssim']:.3f}", f"{p['d32']:.2f}",
                percent(p["read_differently"]), mark,
            )
        )  # fmt: skip
    head = (
        "model", "levels", "effort", "bytes a digit", "RMSE", "PSNR, dB", "SSIM", "D32",
        "read differently", "",
    )  # fmt: skip
    return table(head, *rows)


def ideals(rate: Result) -> str:
    """Return how far the codes of each model stand above its predictor's ideal."""
    rows = [
        (
            p["model"], str(p["levels"]), f"{p['bytes_per_digit']:.3f}",
            f"{p['ideal_bytes_per_digit']:.3f}", percent(p["codes_over_ideal"]),
        )
        for p in defaults(rate)
    ]  # fmt: skip
    head = ("model", "levels", "bytes a digit", "ideal of the predictor", "codes above it")
    return table(head, *rows)


def numbers(rate: Result, dims: Result) -> str:
    """Return how many numbers are enough: each model, and what stands beside."""
    lines = [
        (p["dims"], f"{p['model']}, {p['levels']} levels", p["bytes_per_digit"], p["rmse"])
        for p in defaults(rate)
    ]
    lines += [
        (p.dims, f"autoencoder of 2016, {p.name}, float32", p.bytes_per_digit, p.rmse)
        for p in AUTOENCODERS_2016
    ]
    rows = [
        (str(count), name, f"{size:.3f}", f"{rmse:.4f}")
        for count, name, size, rmse in sorted(lines, key=lambda line: (line[0], line[2]))
    ]
    rows += [
        (
            "–", f"k-means, {book['cells']:,} cells, ideal", f"{book['bytes_per_digit']:.3f}",
            f"{book['rmse']:.4f}",
        )
        for book in dims["codebooks"]
    ]  # fmt: skip
    return table(("numbers", "", "bytes a digit", "RMSE"), *rows)


def payback(rate: Result) -> str:
    """Return after how many digits the model has paid for itself."""
    solid, size = rate["solid_xz_bytes_per_digit"], default(rate)["bytes_per_digit"]
    digits = rate["model_bytes"] / (solid - size)
    return (
        f"All test digits in one solid xz file cost {solid:.1f} bytes a digit, exactly kept; here "
        f"{size:.2f}, with loss. The {rate['model_bytes'] / 1e6:.2f} MB of the default model are "
        f"paid back after {digits:,.0f} digits. A model is needed once for any number of files."
    )


def reader(rate: Result) -> str:
    accuracy = percent(rate["reader_accuracy"])
    return f"The reader reads {accuracy} of the test digits as they are labelled."
