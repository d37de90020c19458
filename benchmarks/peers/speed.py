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
from typing import Final

import numpy as np

import digitzip
from benchmarks import record
from benchmarks.measure.timing import Task, Timed, interleaved
from benchmarks.peers.coder import Coder
from benchmarks.peers.formats import CODERS, FAST
from benchmarks.peers.rate import versions
from benchmarks.record import Images, Result
from benchmarks.report import speed as tables
from digitzip.codec import DEFAULT_EFFORT
from digitzip.limits import JOBS
from digitzip.model import Model, load_model

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
CORES: Final = min(record.cores(), JOBS[-1])
OUR_THREADS: Final = {1: "one thread"} | ({CORES: "all cores"} if CORES > 1 else {})
EFFORTS: Final = (0, DEFAULT_EFFORT)
SEARCH: Final = f"effort {DEFAULT_EFFORT}, "
"""What is slow and timed once a round."""

Tasks = dict[tuple[str, str], Task]  # by way, compress or decompress, and title


@dataclass(frozen=True, slots=True)
class Beside:
    """What is timed of a peer: encoding its images, decoding its files."""

    coder: Coder
    setting: str  # smallest or fast
    images: Images
    files: list[bytes]


def affordable(images: int, seconds_per_image: float, budget: float) -> int:
    """Return how many of the images are timed: all, or the largest step within the budget."""
    steps = (step for step in STEPS if step < images)
    within = (n for n in (*steps, images) if n * seconds_per_image <= budget)
    return max(within, default=min(TRIAL, images))


def checked_ours(images: Images, model: Model) -> bytes:
    """Return our file of these images; raise `ValueError` if it depends on the threads."""
    for effort in EFFORTS:
        files = {
            digitzip.compress(images, model=model, effort=effort, jobs=threads, guard=False)
            for threads in OUR_THREADS
        }
        if len(files) != 1:
            raise ValueError(f"digitzip, effort {effort}: other bytes with other threads")
    data = files.pop()
    with digitzip.open(data, model=model) as dz:
        recon = dz.codec.decode(dz.codes[:])
    for threads, title in OUR_THREADS.items():
        if not np.array_equal(digitzip.decompress(data, model=model, jobs=threads), recon):
            raise ValueError(f"digitzip, {title}: other images came back")
    return data


def our_tasks(images: Images) -> Tasks:
    """Return what is timed of digitzip, checked, with the model loaded."""
    model = load_model()
    data = checked_ours(images, model)
    compress = partial(digitzip.compress, images, model=model, guard=False)
    decompress = partial(digitzip.decompress, data, model=model)
    tasks: Tasks = {
        ("compress", f"effort {effort}, {title}"): partial(compress, effort=effort, jobs=threads)
        for effort in EFFORTS
        for threads, title in OUR_THREADS.items()
    }
    return tasks | {
        ("decompress", title): partial(decompress, jobs=threads)
        for threads, title in OUR_THREADS.items()
    }


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
    coders = {c.title: (c, "smallest") for c in smallest} | {c.title: (c, "fast") for c in fast}
    peers = [prepared(coder, setting, images, budget) for coder, setting in coders.values()]
    own = our_tasks(images)
    once = {key for key in own if key[1].startswith(SEARCH)}
    tasks: dict[tuple[str, str, int], Task] = {(*key, 0): own[key] for key in own if key in once}
    for number, peer in enumerate(peers):
        group = number // GROUP
        tasks |= {(*key, group): own[key] for key in own if key not in once}
        tasks["encode", peer.coder.title, group] = partial(peer.coder.encode, peer.images)
        tasks["decode", peer.coder.title, group] = partial(peer.coder.decode, peer.files)
    seconds = interleaved(tasks, rounds)
    ours: Result = {"compress": {}, "decompress": {}}
    for way, title in own:
        times = [
            time for (*key, _), some in seconds.items() for time in some if key == [way, title]
        ]
        ours[way][title] = Timed(len(images), times).rate()

    def beside(peer: Beside, group: int) -> Result:
        found: Result = {"setting": peer.setting, "images": len(peer.images)}
        theirs = {
            way: Timed(len(peer.images), seconds[way, peer.coder.title, group])
            for way in ("encode", "decode")
        }
        found |= {way: timed.rate() for way, timed in theirs.items()}
        for way, own_way in (("encode", "compress"), ("decode", "decompress")):
            found[f"ours_over_{way}"] = {
                title: Timed(len(images), seconds[key, title, 0 if (key, title) in once else group])
                .over(theirs[way])
                for key, title in own
                if key == own_way
            }  # fmt: skip
        return found

    return {
        "images": len(images),
        "rounds": rounds,
        "groups": -(-len(peers) // GROUP),
        "ours": ours,
        "peers": {peer.coder.title: beside(peer, i // GROUP) for i, peer in enumerate(peers)},
    }


def main() -> None:
    images, sizes = record.test_images(), []
    for n, rounds in ROUNDS.items():
        sizes.append(measured(images[:n], CODERS.values(), FAST.values(), rounds))
        print(tables.beside({"default_effort": DEFAULT_EFFORT, "sizes": sizes[-1:]}), flush=True)
    result = record.environment(load_model())
    result["versions"] |= versions()
    result |= {
        "default_effort": DEFAULT_EFFORT,
        "threads_of_all_cores": CORES,
        "budget_seconds": BUDGET,
        "sizes": sizes,
    }
    record.write("peer_speed", result)
