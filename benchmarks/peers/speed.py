"""Measure the speed of digitzip beside image formats and general compressors, as ratios.

One image, a hundred, ten thousand, in memory; every round trip is checked before it is timed. Peers
run at their smallest and at fast settings on one thread, ours on one thread and on all cores. In
each round they take turns in groups, each with a measurement of ours of its own; only our search,
which is slow, is timed once a round. A slow peer is timed on fewer images, and the result says on
how many.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np

import digitzip
from benchmarks import record
from benchmarks.measure.timing import Task, Timed, elsewhere, interleaved
from benchmarks.record import Images, Result
from digitzip.codec import DEFAULT_EFFORT
from digitzip.limits import THREADS
from digitzip.model import Model, load_model

if TYPE_CHECKING:
    from benchmarks.peers.coder import Coder

ROUNDS: Final = {1: 21, 100: 7, 10_000: 5}
"""How often each number of images is timed."""
QUICK_ROUNDS: Final = {1: 3, 100: 1}
BUDGET: Final = 0.5
"""Seconds that a peer may take to encode its images in a round."""
GROUP: Final = 10
"""Peers that are compared with one measurement of ours."""
TRIAL: Final = 100
"""Images that tell how many the budget allows."""
STEPS: Final = (100, 200, 500, 1_000, 2_000, 5_000, 10_000)
CORES: Final = min(record.cores(), THREADS[-1])
OUR_THREADS: Final = {1: "one thread"} | ({CORES: "all cores"} if CORES > 1 else {})
EFFORTS: Final = (0, DEFAULT_EFFORT)


@dataclass(frozen=True, slots=True)
class Beside:
    """What is timed of a peer: encoding its images, decoding its files."""

    coder: Coder
    setting: str  # smallest or fast
    images: Images
    files: list[bytes]

    @property
    def tasks(self) -> dict[str, Task]:
        return {
            f"encode {self.coder.title}": partial(self.coder.encode, self.images),
            f"decode {self.coder.title}": partial(self.coder.decode, self.files),
        }


@dataclass(frozen=True, slots=True)
class Own:
    """What is timed of digitzip: with each group of peers, or once a round."""

    way: str  # compress or decompress
    title: str
    once: bool
    task: Task

    def name(self, group: int) -> str:
        """Return the name of its seconds beside a group of peers."""
        return f"{self.way} {self.title}" + ("" if self.once else f", group {group}")


def affordable(images: int, seconds_per_image: float, budget: float) -> int:
    """Return how many of the images are timed: all, or the largest step within the budget."""
    steps = (step for step in STEPS if step < images)
    within = (n for n in (*steps, images) if n * seconds_per_image <= budget)
    return max(within, default=min(TRIAL, images))


def checked_ours(images: Images, model: Model) -> bytes:
    """Return our file of these images; raise `ValueError` if it depends on the threads."""
    for effort in EFFORTS:
        files = {
            digitzip.compress(images, model=model, effort=effort, threads=threads, guard=False)
            for threads in OUR_THREADS
        }
        if len(files) != 1:
            raise ValueError(f"digitzip, effort {effort}: other bytes with other threads")
    data = files.pop()
    with digitzip.open(data, model=model) as dz:
        recon = dz.codec.decode(dz.codes[:])
    for threads, title in OUR_THREADS.items():
        if not np.array_equal(digitzip.decompress(data, model=model, threads=threads), recon):
            raise ValueError(f"digitzip, {title}: other images came back")
    return data


def our_tasks(images: Images) -> list[Own]:
    """Return what is timed of digitzip, checked, with the model loaded."""
    model = load_model()
    data = checked_ours(images, model)
    compress = partial(digitzip.compress, images, model=model, guard=False)
    decompress = partial(digitzip.decompress, data, model=model)
    own = [
        Own("compress", f"effort {effort}, {title}", effort > 0,
            partial(compress, effort=effort, threads=threads))
        for effort in EFFORTS
        for threads, title in OUR_THREADS.items()
    ]  # fmt: skip
    return own + [
        Own("decompress", title, False, partial(decompress, threads=threads))
        for threads, title in OUR_THREADS.items()
    ]


def prepared(coder: Coder, setting: str, images: Images, budget: float) -> Beside:
    """Return what is timed of a peer on these images, checked."""
    few = images[:TRIAL]
    coder.round_trip(few)  # loads libraries, too
    (seconds,) = interleaved({"encode": partial(coder.encode, few)}, 1)["encode"]
    chosen = images[: affordable(len(images), seconds / len(few), budget)]
    files, _ = coder.round_trip(chosen)
    return Beside(coder, setting, chosen, files)


def measured(
    images: Images,
    smallest: Iterable[Coder],
    fast: Iterable[Coder],
    rounds: int,
    budget: float = BUDGET,
) -> Result:
    """Time digitzip and its peers on images uint8 [n, 28, 28]; return it as the JSON has it.

    Raises `ValueError` if a round trip fails.
    """
    own = our_tasks(images)
    coders = {c.title: (c, "smallest") for c in smallest} | {c.title: (c, "fast") for c in fast}
    peers = [prepared(coder, setting, images, budget) for coder, setting in coders.values()]
    groups = [peers[start : start + GROUP] for start in range(0, len(peers), GROUP)]
    tasks = {mine.name(0): mine.task for mine in own if mine.once}
    for number, group in enumerate(groups):
        tasks |= {mine.name(number): mine.task for mine in own if not mine.once}
        for peer in group:
            tasks |= peer.tasks
    seconds = interleaved(tasks, rounds)
    ours: Result = {"compress": {}, "decompress": {}}
    for mine in own:
        names = dict.fromkeys(mine.name(number) for number in range(len(groups)))
        times = [second for name in names for second in seconds[name]]
        ours[mine.way][mine.title] = Timed(len(images), times).rate()

    def over(peer: Timed, way: str, group: int) -> Result:
        return {
            mine.title: Timed(len(images), seconds[mine.name(group)]).over(peer)
            for mine in own
            if mine.way == way
        }

    def beside(peer: Beside, group: int) -> Result:
        encode, decode = (Timed(len(peer.images), seconds[name]) for name in peer.tasks)
        return {
            "setting": peer.setting,
            "images": len(peer.images),
            "encode": encode.rate(),
            "decode": decode.rate(),
            "ours_over_encode": over(encode, "compress", group),
            "ours_over_decode": over(decode, "decompress", group),
        }

    return {
        "images": len(images),
        "rounds": rounds,
        "groups": len(groups),
        "ours": ours,
        "peers": {
            peer.coder.title: beside(peer, number)
            for number, group in enumerate(groups)
            for peer in group
        },
    }


def lines(size: Result) -> str:
    """Return what `measured` gave as text: ours, and ours on one thread over each peer."""
    found = [f"{size['images']:,} images"]
    for way, titles in size["ours"].items():
        for title, rate in titles.items():
            found.append(f"  {way + ' ' + title:50} {rate['median']:10,.0f} images/s")
    efforts = " ".join(f"effort {effort}" for effort in EFFORTS)
    found.append(f"  {'ours over …':50} {'images':>10} {efforts} decode")
    for title, peer in size["peers"].items():
        ratios = [peer["ours_over_encode"][f"effort {e}, one thread"] for e in EFFORTS]
        ratios.append(peer["ours_over_decode"]["one thread"])
        cells = " ".join(f"{ratio['median']:8.2f}" for ratio in ratios)
        found.append(f"  {title:50} {peer['images']:10,} {cells} {peer['setting']}")
    return "\n".join(found)


def main() -> None:
    if elsewhere("peer_speed"):
        return
    from benchmarks.peers.formats import CODERS, FAST
    from benchmarks.peers.rate import versions

    images, sizes = record.test_images(), []
    for n, rounds in ROUNDS.items():
        sizes.append(measured(images[:n], CODERS.values(), FAST.values(), rounds))
        print(lines(sizes[-1]), flush=True)
    result = record.environment(load_model())
    result["versions"] |= versions()
    result |= {
        "default_effort": DEFAULT_EFFORT,
        "threads_of_all_cores": CORES,
        "budget_seconds": BUDGET,
        "sizes": sizes,
    }
    record.write("peer_speed", result)
