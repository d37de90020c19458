"""Tables of time and memory: throughput, backends, cores, starting, scale, access."""

from __future__ import annotations

from typing import Final

from benchmarks.record import Result
from benchmarks.report.tables import between, cells, ratio, short, table, wrapped

THREADS: Final = ("one thread", "all cores")


def throughput(speed: Result) -> str:
    """Return our images per second and PNG's, and the ratio of what took turns."""
    over = speed["over_png"]
    rows = (
        (name, between(rate), ratio(over[name]) if name in over else "")
        for name, rate in speed["images_per_second"].items()
    )
    return table(("", "images per second", "/ PNG"), *rows)


def efforts(rate: Result, speed: Result) -> str:
    """Return what each effort costs and gains, at the default levels of the default model."""
    model = next((point["model"] for point in rate["points"] if point["default"]), None)
    at = {
        str(point["effort"]): cells(point, "bytes_per_image:.3f", "rmse:.4f")
        for point in rate["points"]
        if point["model"] == model and point["default_levels"]
    }
    usual, rounds = str(speed["default_effort"]), speed["rounds_of_effort"]
    rows = []
    for effort, timed in speed["images_per_second_of_effort"].items():
        over = speed["effort_over_webp"][effort]
        mark = "default effort" if effort == usual else ""
        rows.append((effort, between(timed), ratio(over), str(rounds[effort]),
                     *at.get(effort, ("", "")), mark))  # fmt: skip
    on = speed["guarded"]
    own = between(on["images_per_second"]), ratio(on["over_webp"]), str(rounds[usual])
    rows.append((usual, *own, "", "", "guard on: the default"))
    head = ("effort", "images per second", "/ WebP lossless", "rounds", "bytes per image", "RMSE")
    return table((*head, ""), *rows)


def pace(peer_speed: Result, scale: Result) -> str:
    """Return our images per second by the number of images, on one thread and on all cores.

    More images than the peers have come from `scale`, which runs the command line at one effort.
    """
    titles = {
        (way, f"{effort}{threads}"): f"{way}, {effort}{threads}"
        for way, efforts in (("compress", efforts_of(peer_speed)), ("decompress", [""]))
        for effort in efforts
        for threads in THREADS
    }
    rows = [["images", *titles.values()]]
    for size in peer_speed["sizes"]:
        found = (size["ours"][way].get(how) for way, how in titles)
        rows.append([f"{size['images']:,}", *(between(rate) if rate else "" for rate in found)])
    for run in scale["runs"]:
        if run["images"] > peer_speed["sizes"][-1]["images"]:
            seconds = {
                (way, f"{effort}{threads}"): of[way]["seconds"]
                for way, effort in (("compress", f"effort {scale['effort']}, "), ("decompress", ""))
                for threads, of in zip(THREADS, (run["one_thread"], run), strict=True)
            }
            paces = (f"{run['images'] / seconds[t]:,.0f}" if t in seconds else "" for t in titles)
            rows.append([f"{run['images']:,}, files", *paces])
    return table(*rows)


def efforts_of(peer_speed: Result) -> list[str]:
    return [f"effort {effort}, " for effort in sorted({0, peer_speed["default_effort"]})]


def beside(peer_speed: Result) -> str:
    """Return our speed over that of each peer, at each number of images, on one thread."""
    sizes = peer_speed["sizes"]
    counts = " / ".join(f"{size['images']:,}" for size in sizes)
    efforts = efforts_of(peer_speed)
    head = (
        "", "setting", "images timed", "encodes, images/s", "decodes, images/s",
        *(f"ours / its encoder, {effort[:-2]}: {counts}" for effort in efforts),
        f"ours / its decoder: {counts}",
    )  # fmt: skip
    ways = [("ours_over_encode", f"{effort}one thread") for effort in efforts]
    ways.append(("ours_over_decode", "one thread"))
    rows = []
    for title, last in sizes[-1]["peers"].items():
        own = [size["peers"][title] for size in sizes]
        ratios = (ratios_of([peer[of][way] for peer in own]) for of, way in ways)
        paces = between(last["encode"]), between(last["decode"])
        rows.append((title, *cells(last, "setting", "images:,"), *paces, *ratios))
    return table(head, *rows)


def ratios_of(sizes: list[Result]) -> str:
    """Return the ratio at each number of images, that of the most images with its spread."""
    *fewer, most = sizes
    return " / ".join([*(short(found["median"]) for found in fewer), ratio(most)])


def native(backends: Result) -> str:
    """Return how many times as fast the native backend is, and how close to its processor."""
    rows = ((task, ratio(found)) for task, found in backends["native_over_numpy"].items())
    return table(("", "native / NumPy"), *rows) + "\n\n" + roofline(backends["roofline"])


def roofline(found: Result) -> str:
    """Return the multiplications a second that the networks reach, and those of registers alone."""
    reached = ", ".join(
        f"the {name} {rate / 1e9:.0f} billion" for name, rate in found["reached"].items()
    )
    peaks = ", ".join(
        f"{rate / 1e9:.0f} billion ({name.replace('_', ', ')})"
        for name, rate in found["peak"].items()
    )
    shares = [rate / peak for rate in found["reached"].values() for peak in found["peak"].values()]
    return wrapped(
        f"Multiplications a second, {found['backend']}: {reached}. Registers alone reach "
        f"{peaks or 'an unknown number'}"
        + (f": the networks use {min(shares):.0%} to {max(shares):.0%} of it." if shares else ".")
    )


def all_cores(cores: Result) -> str:
    """Return how many times as fast all cores are as one."""
    rows = (
        (task, f"{cores['images'][task]:,}", short(rates["1"]["median"]), short(found["median"]))
        for task, found in cores["all_over_one"].items()
        for rates in (cores["images_per_second"][task],)
    )
    head = ("", "images", "images per second, one core", f"{cores['jobs']} cores / one")
    return table(head, *rows)


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
        rows.append((name, f"{median * 1000:.1f}", f"{least:.1f} … {most:.1f}",
                     ratios.get(name, "")))  # fmt: skip
    absent = startup["absent"]
    note = f"\n\nNot installed there: {', '.join(absent)}." if absent else ""
    return table(("", "ms, median", "least … most", "digitzip takes"), *rows) + note


def growth(scale: Result, full: Result) -> str:
    """Return time and memory of the command line by the number of images."""
    rows = []
    for run in (*scale["runs"], *full["runs"]):
        both = (
            cell
            for way in ("compress", "decompress")
            for cell in (in_seconds(run[way]), f"{run[way]['peak_mb']:.0f} MB")
        )
        rounds = run.get("rounds")
        note = "one run" if rounds == 1 else f"median of {rounds} (least … most)" if rounds else ""
        rows.append([*cells(run, "images:,", "bytes:,"), *both, note])
    head = ("images", "file, bytes", "compress", "peak", "decompress", "peak", "")
    return table(head, *rows) + f"\n\n`.npy` in and out, effort {scale['effort']}, guard off."


def in_seconds(found: Result) -> str:
    """Return the seconds of a command, and their spread if it was run more than once."""
    several = found["least"] != found["most"]
    spread = f" ({found['least']:.1f} … {found['most']:.1f})" if several else ""
    return f"{found['seconds']:.1f} s{spread}"


def access(found: Result) -> str:
    """Return how long one image of a file takes to read."""
    head = ("images", "chunks", "guard", "opened for it, ms", "from an open archive, ms")
    return table(
        head,
        *(
            (*cells(run, "images:,", "chunks:,"), "on" if run["guard"] else "off",
             between(run["open_and_read_ms"], ".2f"), between(run["read_ms"], ".2f"))
            for run in found["runs"]
        ),
    )  # fmt: skip


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
