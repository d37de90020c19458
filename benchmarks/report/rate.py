"""Tables and sentences of `rate.json`: bytes and loss, with the guard off."""

from __future__ import annotations

from benchmarks.peers.published import AUTOENCODERS_2016
from benchmarks.record import Result
from benchmarks.report.tables import percent, table, wrapped


def default(rate: Result) -> Result:
    """Return the point of the default model, levels and effort."""
    point: Result = next(point for point in rate["points"] if point["default"])
    return point


def defaults(rate: Result) -> list[Result]:
    """Return the point of each model at its default levels and effort."""
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
                p["model"], str(p["levels"]), str(p["effort"]), f"{p['bytes_per_image']:.3f}",
                f"{p['rmse']:.4f}", f"{p['psnr']:.2f}", f"{p['ssim']:.3f}", f"{p['d32']:.2f}",
                percent(p["label_change_rate"]), mark,
            )
        )  # fmt: skip
    head = (
        "model", "levels", "effort", "bytes per image", "RMSE", "PSNR, dB", "SSIM", "D32",
        "label changes", "",
    )  # fmt: skip
    return table(head, *rows)


def ideals(rate: Result) -> str:
    """Return how far the codes of each model are above the ideal of its entropy model."""
    rows = [
        (
            p["model"], str(p["levels"]), f"{p['bytes_per_image']:.3f}",
            f"{p['ideal_bytes_per_image']:.3f}", percent(p["codes_over_ideal"]),
        )
        for p in defaults(rate)
    ]  # fmt: skip
    return table(("model", "levels", "bytes per image", "ideal", "codes above it"), *rows)


def latents(rate: Result, dims: Result) -> str:
    """Return how many latents are enough: each model, and what stands beside."""
    lines = [
        (p["dims"], f"{p['model']}, {p['levels']} levels", p["bytes_per_image"], p["rmse"])
        for p in defaults(rate)
    ]
    lines += [
        (p.dims, f"autoencoder of 2016, {p.name}, float32", p.bytes_per_image, p.rmse)
        for p in AUTOENCODERS_2016
    ]
    rows = [
        (str(count), name, f"{size:.3f}", f"{rmse:.4f}")
        for count, name, size, rmse in sorted(lines, key=lambda line: (line[0], line[2]))
    ]
    rows += [
        ("–", f"k-means, {book['cells']:,} cells, ideal", f"{book['bytes_per_image']:.3f}",
         f"{book['rmse']:.4f}")
        for book in dims["codebooks"]
    ]  # fmt: skip
    return table(("latents", "", "bytes per image", "RMSE"), *rows)


def payback(rate: Result) -> str:
    """Return after how many images the model has paid for itself."""
    solid, size = rate["solid_xz_bytes_per_image"], default(rate)["bytes_per_image"]
    images = rate["model_bytes"] / (solid - size)
    return wrapped(
        f"One solid xz file of all test images costs {solid:.1f} bytes per image and is lossless; "
        f"digitzip costs {size:.2f} with the guard off and is lossy. The default model has "
        f"{rate['model_bytes'] / 1e6:.2f} MB, which {images:,.0f} images pay back."
    )


def classifier(rate: Result) -> str:
    accuracy = percent(rate["classifier_accuracy"])
    return f"The independent classifier gives {accuracy} of the test images their label."
