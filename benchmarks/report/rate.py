"""Tables and sentences of `rate.json`: bytes and loss, with the guard off."""

from __future__ import annotations

from benchmarks.peers.published import AUTOENCODERS_2016
from benchmarks.record import Result
from benchmarks.report.tables import cells, number, table, wrapped


def default(rate: Result) -> Result:
    """Return the point of the default model, levels and effort."""
    point: Result = next(point for point in rate["points"] if point["default"])
    return point


def defaults(rate: Result) -> list[Result]:
    """Return the point of each model at its default levels and effort."""
    effort = rate["default_effort"]
    return [p for p in rate["points"] if p["default_levels"] and p["effort"] == effort]


def points(rate: Result) -> str:
    """Return every point: what its files cost and lose."""
    keys = (
        "model", "levels", "effort", "bytes_per_image:.3f", "rmse:.4f", "psnr:.2f", "ssim:.3f",
        "d32:.2f", "label_change_rate:.2%",
    )  # fmt: skip
    head = (
        "model", "levels", "effort", "bytes per image", "RMSE", "PSNR, dB", "SSIM", "D32",
        "label changes", "",
    )  # fmt: skip
    marks = {(True, True): "**default**", (False, True): "default levels"}
    return table(
        head,
        *(
            [*cells(p, *keys), marks.get((p["default"], p["default_levels"]), "")]
            for p in rate["points"]
        ),
    )


def ideals(rate: Result) -> str:
    """Return how far the codes of each model are above the ideal of its entropy model."""
    keys = (
        "model", "levels", "bytes_per_image:.3f", "ideal_bytes_per_image:.3f",
        "codes_over_ideal:.2%",
    )  # fmt: skip
    head = ("model", "levels", "bytes per image", "ideal", "codes above it")
    return table(head, *(cells(point, *keys) for point in defaults(rate)))


def latents(rate: Result, dims: Result) -> str:
    """Return how many latents are enough: each model, and what stands beside."""
    lines = [
        (p["dims"], f"{p['model']}, {p['levels']} levels", p["bytes_per_image"], p["rmse"])
        for p in defaults(rate)
    ] + [
        (p.dims, f"autoencoder of 2016, {p.name}, float32", p.bytes_per_image, p.rmse)
        for p in AUTOENCODERS_2016
    ]
    books = [
        ("–", f"k-means, {book['cells']:,} cells, ideal", book["bytes_per_image"], book["rmse"])
        for book in dims["codebooks"]
    ]
    rows = [*sorted(lines, key=lambda line: (line[0], line[2])), *books]
    return table(
        ("latents", "", "bytes per image", "RMSE"),
        *((str(count), name, f"{size:.3f}", f"{rmse:.4f}") for count, name, size, rmse in rows),
    )


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
    accuracy = number(rate["classifier_accuracy"], ".2%")
    return f"The independent classifier gives {accuracy} of the test images their label."
