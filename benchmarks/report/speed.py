"""Tables of `speed`, `peer_speed`, `startup`, `scale` and `access`: time and memory."""

from __future__ import annotations

from typing import Final

from benchmarks.record import Result
from benchmarks.report.tables import NOT_YET, between, ratio, short, table, wrapped

THREADS: Final = ("one thread", "all cores")


def throughput(speed: Result) -> str:
    """Return our images per second and PNG's, and the ratio of what took turns."""
    rows = []
    for name, rate in speed["images_per_second"].items():
        found = speed["over_png"].get(name)
        rows.append((name, between(rate, ",.0f"), "" if found is None else ratio(found)))
    return table(("", "images per second", "/ PNG"), *rows)


def efforts(rate: Result, speed: Result) -> str:
    """Return what each effort costs and gains, at the default levels of the default model."""
    chosen = next(point for point in rate["points"] if point["default"])
    ours = [p for p in rate["points"] if p["model"] == chosen["model"] and p["default_levels"]]
    at = {str(point["effort"]): point for point in ours}
    usual = str(speed["default_effort"])
    rows = []
    for effort, timed in speed["images_per_second_of_effort"].items():
        point = at.get(effort)
        loss = (f"{point['bytes_per_image']:.3f}", f"{point['rmse']:.4f}") if point else ("", "")
        over = speed["effort_over_webp"].get(effort)
        rounds = str(speed["rounds_of_effort"].get(effort, ""))
        mark = "default effort" if effort == usual else ""
        cells = between(timed, ",.0f"), "" if over is None else ratio(over), rounds
        rows.append((effort, *cells, *loss, mark))
    if guarded := speed.get("guarded"):
        pace_, over = between(guarded["images_per_second"], ",.0f"), ratio(guarded["over_webp"])
        rounds = str(speed["rounds_of_effort"].get(usual, ""))
        rows.append((usual, pace_, over, rounds, "", "", "guard on: the default"))
    head = ("effort", "images per second", "/ WebP lossless", "rounds", "bytes per image", "RMSE")
    return table((*head, ""), *rows)


def pace(peer_speed: Result | None, scale: Result) -> str:
    """Return our images per second by the number of images, on one thread and on all cores."""
    if peer_speed is None:
        return NOT_YET
    efforts = dict.fromkeys((0, peer_speed["default_effort"]))
    ways = [f"compress, effort {effort}" for effort in efforts] + ["decompress"]
    rows = [("images", *(f"{way}, {threads}" for way in ways for threads in THREADS))]
    for size in peer_speed["sizes"]:
        compress, decompress = size["ours"]["compress"], size["ours"]["decompress"]
        titles = [f"effort {effort}, {threads}" for effort in efforts for threads in THREADS]
        found = [*map(compress.get, titles), *map(decompress.get, THREADS)]
        cells = ("" if rate is None else between(rate, ",.0f") for rate in found)
        rows.append((f"{size['images']:,}", *cells))
    for run in scale["runs"]:
        if "one_thread" in run and run["images"] > peer_speed["sizes"][-1]["images"]:
            rows.append((f"{run['images']:,}, files", *in_files(run, scale["effort"], efforts)))
    return table(*rows)


def in_files(run: Result, effort: int, efforts: dict[int, None]) -> list[str]:
    """Return the cells of a run of the command line, which was made at one effort."""

    def rates(way: str) -> list[str]:
        return [f"{run['images'] / of[way]['seconds']:,.0f}" for of in (run["one_thread"], run)]

    compress = [cell for e in efforts for cell in (rates("compress") if e == effort else ["", ""])]
    return [*compress, *rates("decompress")]


def beside(peer_speed: Result | None) -> str:
    """Return our speed over that of each peer, at each number of images, on one thread."""
    if peer_speed is None:
        return NOT_YET
    sizes = peer_speed["sizes"]
    counts = " / ".join(f"{size['images']:,}" for size in sizes)
    efforts = dict.fromkeys((0, peer_speed["default_effort"]))
    head = (
        "", "setting", "images timed", "encodes, images/s", "decodes, images/s",
        *(f"ours / its encoder, effort {effort}: {counts}" for effort in efforts),
        f"ours / its decoder: {counts}",
    )  # fmt: skip
    ways = [("ours_over_encode", f"effort {effort}, one thread") for effort in efforts]
    ways.append(("ours_over_decode", "one thread"))
    rows = []
    for title, last in sizes[-1]["peers"].items():
        own = [size["peers"][title] for size in sizes]
        ratios = (ratios_of([peer[of][way] for peer in own]) for of, way in ways)
        rates = (between(last[way], ",.0f") for way in ("encode", "decode"))
        rows.append((title, last["setting"], f"{last['images']:,}", *rates, *ratios))
    return table(head, *rows)


def ratios_of(sizes: list[Result]) -> str:
    """Return the ratio at each number of images, that of the most images with its spread."""
    *fewer, most = sizes
    return " / ".join([*(short(found["median"]) for found in fewer), ratio(most)])


def start(startup: Result) -> str:
    """Return how long command lines take, and how many times as long ours."""
    ratios = {
        f"{name} {'--version' if what == 'version' else what}": f"{ratio(times)} times as long"
        for name, found in startup["times_as_long"].items()
        for what, times in found.items()
    }
    rows = []
    for name, median in startup["median_seconds"].items():
        least, most = (1000 * startup["spread_seconds"][name][key] for key in ("least", "most"))
        cells = f"{median * 1000:.1f}", f"{least:.1f} … {most:.1f}", ratios.get(name, "")
        rows.append((name, *cells))
    absent = startup["absent"]
    note = f"\n\nNot installed there: {', '.join(absent)}." if absent else ""
    return table(("", "ms, median", "least … most", "digitzip takes"), *rows) + note


def growth(scale: Result, full: Result | None) -> str:
    """Return time and memory of the command line by the number of images."""
    rows = []
    for run in (*scale["runs"], *(full["runs"] if full else ())):
        both = (
            cell
            for way in ("compress", "decompress")
            for cell in (in_seconds(run[way]), f"{run[way]['peak_mb']:.0f} MB")
        )
        rounds = run.get("rounds")
        note = "one run" if rounds == 1 else f"median of {rounds} (least … most)" if rounds else ""
        rows.append((f"{run['images']:,}", f"{run['bytes']:,}", *both, note))
    head = ("images", "file, bytes", "compress", "peak", "decompress", "peak", "")
    return table(head, *rows) + f"\n\n`.npy` in and out, effort {scale['effort']}, guard off."


def in_seconds(found: Result) -> str:
    """Return the seconds of a command, and their spread if it was run more than once."""
    median = f"{found['seconds']:.1f} s"
    if found["least"] == found["most"]:
        return median
    return f"{median} ({found['least']:.1f} … {found['most']:.1f})"


def access(found: Result | None) -> str:
    """Return how long one image of a file takes to read."""
    if found is None:
        return NOT_YET
    rows = [
        (f"{run['images']:,}", f"{run['chunks']:,}", "on" if run["guard"] else "off",
         between(run["open_and_read_ms"]), between(run["read_ms"]))
        for run in found["runs"]
    ]  # fmt: skip
    return table(
        ("images", "chunks", "guard", "opened for it, ms", "from an open archive, ms"), *rows
    )


def billion(scale: Result, speed: Result) -> str:
    """Return what a billion images would take, on paper."""
    paper, effort = scale["estimate"], speed["default_effort"]
    rate = speed["images_per_second_of_effort"][str(effort)]["median"]
    before, last = paper["from_images"]
    return wrapped(
        f"On paper, {paper['images']:,} images make a file of {paper['bytes'] / 1e9:.2f} GB. On "
        f"one thread they take {paper['compress_hours']:.0f} hours to compress at effort "
        f"{scale['effort']}, {paper['images'] / rate / 3600:.0f} at the default effort, and "
        f"{paper['decompress_hours']:.0f} hours to decompress, in {paper['peak_mb']:.0f} MB of "
        f"memory. Bytes and hours lie on the line through {before:,} and {last:,} images; the "
        "hours of the default effort follow from its images per second. Memory is the highest "
        "peak above plus the growth of the index of an open archive."
    )
