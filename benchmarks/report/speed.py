"""What `speed`, `peer_speed`, `startup` and `scale` say of time and memory, as tables."""

from __future__ import annotations

from typing import Any, Final

from benchmarks.report.tables import NOT_YET, table

Result = dict[str, Any]

THREADS: Final = ("one thread", "all cores")


def throughput(speed: Result) -> str:
    """Return our digits a second and those of PNG, and the ratio of what took turns."""
    rows = []
    for name, rate in speed["digits_per_second"].items():
        found = speed.get("over_png", {}).get(name)
        rows.append((name, between(rate, ",.0f"), "" if found is None else ratio(found)))
    return table(("", "digits a second", "/ PNG"), *rows)


def efforts(rate: Result, speed: Result) -> str:
    """Return what each effort costs and what it gains, at the default setting of the default."""
    chosen = next(point for point in rate["points"] if point["default"])
    ours = [p for p in rate["points"] if p["model"] == chosen["model"] and p["default_levels"]]
    at = {point["effort"]: point for point in ours}
    ratios, rounds = speed.get("effort_over_webp", {}), speed.get("rounds_of_effort", {})
    rows = []
    for effort, timed in speed["digits_per_second_of_effort"].items():
        point = at.get(int(effort))
        found = (f"{point['bytes_per_digit']:.3f}", f"{point['rmse']:.4f}") if point else ("", "")
        mark = "default" if int(effort) == speed["default_effort"] else ""
        over = ratio(ratios[effort]) if effort in ratios else ""
        times = str(rounds.get(effort, ""))
        rows.append((effort, between(timed, ",.0f"), over, times, *found, mark))
    head = ("effort", "digits a second", "/ WebP lossless", "rounds", "bytes a digit", "RMSE", "")
    return table(head, *rows)


def pace(peer_speed: Result | None, scale: Result) -> str:
    """Return our digits a second by how many digits there are, on one thread and on all cores."""
    if peer_speed is None:
        return NOT_YET
    efforts = dict.fromkeys((0, peer_speed["default_effort"]))
    names = ("without search" if effort == 0 else f"effort {effort}" for effort in efforts)
    head = [f"{way}, {t}" for way in (*(f"compress {name}" for name in names), "decompress")
            for t in THREADS]  # fmt: skip
    rows = []
    for size in peer_speed["sizes"]:
        compress, decompress = size["ours"]["compress"], size["ours"]["decompress"]
        titles = [f"effort {effort}, {threads}" for effort in efforts for threads in THREADS]
        found = [*map(compress.get, titles), *map(decompress.get, THREADS)]
        rows.append((f"{size['digits']:,}", *map(spread, found)))
    for run in scale["runs"]:
        if "one_thread" in run and run["digits"] > peer_speed["sizes"][-1]["digits"]:
            rows.append((f"{run['digits']:,}, files", *in_files(run, scale["effort"], efforts)))
    return table(("digits", *head), *rows)


def in_files(run: Result, effort: int, efforts: dict[int, None]) -> list[str]:
    """Return the cells of a run of the command line, which was made at one effort."""
    both = (run["one_thread"], run)
    rates = {
        way: [f"{run['digits'] / of[way]['seconds']:,.0f}" for of in both]
        for way in ("compress", "decompress")
    }
    compress = [cell for e in efforts for cell in (rates["compress"] if e == effort else ["", ""])]
    return [*compress, *rates["decompress"]]


def spread(rate: Result | None) -> str:
    """Return the median of a rate, and its least and most."""
    return "" if rate is None else between(rate, ",.0f")


def beside(peer_speed: Result | None) -> str:
    """Return our speed over that of each peer, at each number of digits, on one thread."""
    if peer_speed is None:
        return NOT_YET
    sizes = peer_speed["sizes"]
    counts = " / ".join(f"{size['digits']:,}" for size in sizes)
    efforts = dict.fromkeys((0, peer_speed["default_effort"]))
    head = (
        "", "setting", "digits timed", "encodes, digits/s", "decodes, digits/s",
        *(f"ours / its encoder, effort {effort}: {counts}" for effort in efforts),
        f"ours / its decoder: {counts}",
    )  # fmt: skip
    rows = []
    for title, last in sizes[-1]["peers"].items():
        own = [size["peers"][title] for size in sizes]
        ways = [("ours_over_encode", f"effort {effort}, one thread") for effort in efforts]
        ways.append(("ours_over_decode", "one thread"))
        ratios = (ratios_of([peer[of][way] for peer in own]) for of, way in ways)
        rates = (spread(last["encode"]), spread(last["decode"]))
        rows.append((title, last["setting"], f"{last['digits']:,}", *rates, *ratios))
    return table(head, *rows)


def ratios_of(sizes: list[Result]) -> str:
    """Return the ratio at each number of digits, that of the most digits with its spread."""
    *fewer, most = sizes
    return " / ".join([*(short(found["median"]) for found in fewer), ratio(most)])


def ratio(found: Result) -> str:
    """Return the median of a ratio, and its least and most, each to three digits."""
    median, least, most = (short(found[key]) for key in ("median", "least", "most"))
    return f"{median} ({least} … {most})"


def short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:#.3g}"


def start(startup: Result) -> str:
    """Return how long command lines take, and how many times as long ours."""
    if "model" not in startup:  # measured before its ratios had a spread
        return NOT_YET
    ratios = {
        f"{name} {'--version' if what == 'version' else what}": f"{ratio(times)} times as long"
        for name, found in startup["times_as_long"].items()
        for what, times in found.items()
    }
    rows = []
    for name, median in startup["median_seconds"].items():
        seen = startup["spread_seconds"][name]
        spread = f"{seen['least'] * 1000:.1f} … {seen['most'] * 1000:.1f}"
        rows.append((name, f"{median * 1000:.1f}", spread, ratios.get(name, "")))
    shown = table(("", "ms, median", "least … most", "digitzip takes"), *rows)
    missing = f"\n\nNot installed there: {', '.join(startup['absent'])}."
    return shown + (missing if startup["absent"] else "")


def growth(scale: Result, full: Result | None) -> str:
    """Return time and memory of the command line by how many digits there are."""
    head = ("digits", "file, bytes", "compress", "peak", "decompress", "peak", "")
    rows = []
    for run in (*scale["runs"], *(full["runs"] if full else ())):
        both = (
            cell
            for way in ("compress", "decompress")
            for cell in (in_seconds(run[way]), f"{run[way]['peak_mb']:.0f} MB")
        )
        rounds = run.get("rounds")
        note = "one run" if rounds == 1 else f"median of {rounds} (least … most)" if rounds else ""
        rows.append((f"{run['digits']:,}", f"{run['bytes']:,}", *both, note))
    return table(head, *rows) + f"\n\n`.npy` in and out, effort {scale['effort']}."


def in_seconds(found: Result) -> str:
    """Return the seconds of a command, and their spread if it was run more than once."""
    once = found.get("least") == found.get("most")
    if once:
        return f"{found['seconds']:.1f} s"
    return f"{found['seconds']:.1f} s ({found['least']:.1f} … {found['most']:.1f})"


def access(scale: Result, full: Result | None) -> str:
    """Return how long one digit of a file takes to read."""
    runs = (*scale["runs"], *(full["runs"] if full else ()))
    rows = [
        (
            f"{run['digits']:,}", f"{found['chunks']:,}", between(found["open_and_read_ms"]),
            between(found["read_ms"]),
        )
        for run in runs
        if (found := run.get("random_access"))
    ]  # fmt: skip
    head = ("digits", "chunks", "opened for it, ms", "from an open archive, ms")
    return table(head, *rows) if rows else NOT_YET


def between(found: Result, form: str = ".2f") -> str:
    return f"{found['median']:{form}} ({found['least']:{form}} … {found['most']:{form}})"


def billion(scale: Result, speed: Result) -> str:
    """Return what a billion digits would take, on paper."""
    paper = scale.get("estimate")
    if paper is None:
        return NOT_YET
    digits, effort = paper["digits"], speed["default_effort"]
    searched = digits / speed["digits_per_second_of_effort"][str(effort)]["median"] / 3600
    return (
        f"On paper, {digits:,} digits make a file of {paper['bytes'] / 1e9:.2f} GB. On one thread "
        f"they take {paper['compress_hours']:.0f} hours to compress at effort {scale['effort']}, "
        f"{searched:.0f} at effort {effort}, the default, and {paper['decompress_hours']:.0f} "
        f"hours to decompress, in {paper['peak_mb']:.0f} MB of memory. Bytes and hours lie on the "
        f"line through {paper['from_digits'][0]:,} and {paper['from_digits'][1]:,} digits, but "
        "those of the default, which are reckoned from its digits a second; memory is the highest "
        "peak above and what the index of an open archive grows by."
    )
