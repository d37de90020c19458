"""The headline and the small table of results, which stand in the README."""

from __future__ import annotations

from typing import Final

from benchmarks.record import Result
from benchmarks.report import guard as guards
from benchmarks.report import rate as rates
from benchmarks.report.tables import table, wrapped

PEERS: Final = (
    ("WebP mosaic, quality 0, method 6", "WebP, lowest quality, one mosaic"),
    ("JPEG XL mosaic, distance 25, effort 7", "JPEG XL, distance 25, one mosaic"),
    ("JPEG XL mosaic, lossless, effort 9, 2,500 a file", "JPEG XL, lossless, four mosaics"),
    ("PNG mosaic, optimised", "PNG, one mosaic"),
    ("xz, level 9, extreme", "xz, one file"),
)
"""Peers of the small table by title, and their names there: fixed, not chosen by figures."""


def headline(rate: Result, guard: Result) -> str:
    """Return what the quick start gives: the command line at its defaults, on the test images."""
    on = guard.get("quick_start") or guards.default(guard)
    per_image = on["bytes"] / rate["images"]
    return wrapped(
        f"`digitzip compress` turns the {rate['images']:,} images of the MNIST test set into a "
        f"file of **{on['bytes']:,} bytes: {per_image:.2f} bytes per image, "
        f"{784 / per_image:.0f} times smaller, at RMSE {on['rmse']:.4f}** (pixels in 0 … 1). An "
        f"independent classifier reads another digit than before in {on['label_changes']} of them."
    )


def results(rate: Result, guard: Result, peers: Result, speed: Result) -> str:
    """Return the small table, and our speed as ratios to Pillow."""
    found = {f"{peer['name']}, {peer['setting']}": peer for peer in peers["peers"]}
    rows = {
        "**digitzip, default**": guard.get("quick_start") or guards.default(guard),
        "digitzip, `--guard off`": rates.default(rate),
        "digitzip, `--dims 1 --guard off`": next(p for p in rates.defaults(rate) if p["dims"] == 1),
        "digitzip, `--lossless`": guards.lossless(guard),
    } | {name: found[title] for title, name in PEERS if title in found}
    png, off = speed["decompress_over_png_decode"], speed["compress_over_webp_encode"]
    webp = speed["guarded"]["over_webp"]["median"]
    small = table(
        ("", "bytes per image", "RMSE"),
        *(
            (name, f"{row['bytes_per_image']:.2f}", f"{row['rmse']:.4f}" if row["rmse"] else "0")
            for name, row in rows.items()
        ),
    )
    return f"{small}\n\n" + wrapped(
        f"The model, {rate['model_bytes'] / 1e6:.1f} MB, is needed once and not counted. On one "
        f"thread, decompressing (guard off) is {png:.2f} times as fast as decoding PNG with "
        f"Pillow, and compressing {webp:.2f} times as fast as encoding lossless WebP ({off:.2f} "
        "with `--guard off`)."
    )
