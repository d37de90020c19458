"""Speed of digitzip beside image formats and general compressors, as ratios.

One digit, a hundred and ten thousand, in memory, arrays to bytes and back; every round trip is
checked before it is timed. Peers run at their smallest and at fast settings, on one thread; ours on
one and on all cores. In each round they take turns in groups, each with a measurement of ours of
its own; only our search, which is slow, is timed once a round. A peer that is slow is timed on
fewer digits than ours; how many is in the result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np

import digitzip
from benchmarks import record
from benchmarks.measure.speed import Timed, elsewhere, interleaved
from digitzip.codec import DEFAULT_EFFORT
from digitzip.limits import THREADS
from digitzip.model import Model, load_model

if TYPE_CHECKING:
    from benchmarks.peers.coder import Coder

ROUNDS: Final = {1: 21, 100: 7, 10_000: 5}
"""How often each number of digits is timed."""
QUICK_ROUNDS: Final = {1: 3, 100: 1}

BUDGET: Final = 0.5
"""Seconds that a peer may take to encode its digits in a round."""
GROUP: Final = 10
"""Peers that are compared with one measurement of ours."""
TRIAL: Final = 100
"""Digits that tell how many the budget allows: the fewest that are timed where there are more."""
STEPS: Final = (100, 200, 500, 1_000, 2_000, 5_000, 10_000)

CORES: Final = min(record.cores(), THREADS[-1])
OUR_THREADS: Final = tuple(dict.fromkeys((1, CORES)))
EFFORTS: Final = (0, DEFAULT_EFFORT)

Result = dict[str, Any]
Tasks = dict[str, Callable[[], object]]


@dataclass(frozen=True, slots=True)
class Beside:
    """What is timed of a peer: its digits, and the files that its decoder is given."""

    coder: Coder
    images: record.Images = field(repr=False)
    files: list[bytes] = field(repr=False)

    @property
    def tasks(self) -> Tasks:
        title = self.coder.title
        return {
            f"encode {title}": partial(self.coder.encode, self.images),
            f"decode {title}": partial(self.coder.decode, self.files),
        }


@dataclass(frozen=True, slots=True)
class Own:
    """What is timed of digitzip: with each group of peers, or once a round."""

    way: str  # compress or decompress
    title: str
    once: bool
    task: Callable[[], object]

    def name(self, group: int) -> str:
        """Return under which name its seconds beside a group of peers are kept."""
        name = f"{self.way} {self.title}"
        return name if self.once else f"{name}, group {group}"


def threads_title(threads: int) -> str:
    return "one thread" if threads == 1 else "all cores"


def affordable(digits: int, seconds_a_digit: float, budget: float) -> int:
    """Return how many of the digits may be timed: all, or the largest step within the budget.

    What was tried is always allowed, however long it takes.
    """
    steps = (step for step in STEPS if step < digits)
    within = (n for n in (*steps, digits) if n * seconds_a_digit <= budget)
    return max(within, default=min(TRIAL, digits))


def checked_ours(images: record.Images, model: Model) -> bytes:
    """Return our file of these digits; raises `ValueError` if it depends on the threads.

    Decoding proves every chunk by its pixel CRC; the codes have to give the same digits again.
    """
    for effort in EFFORTS:
        files = {
            digitzip.compress(images, model=model, effort=effort, threads=threads, guard=False)
            for threads in OUR_THREADS
        }
        if len(files) != 1:
            raise ValueError(f"digitzip, effort {effort}: other bytes with other threads")
    data = files.pop()
    with digitzip.open(data, model=model) as dz:
        again = dz.codec.decode(dz.codes[:])
    for threads in OUR_THREADS:
        decoded = digitzip.decompress(data, model=model, threads=threads)
        if decoded.shape != images.shape or not np.array_equal(decoded, again):
            raise ValueError(f"digitzip, {threads_title(threads)}: other digits came back")
    return data


def prepared(coder: Coder, images: record.Images, budget: float) -> Beside:
    """Return what of these digits is timed of a peer, checked."""
    few = images[:TRIAL]
    coder.round_trip(few)  # warm, too: libraries are loaded
    (seconds,) = interleaved({"encode": partial(coder.encode, few)}, 1)["encode"]
    chosen = images[: affordable(len(images), seconds / len(few), budget)]
    files, _ = coder.round_trip(chosen)
    return Beside(coder, chosen, files)


def our_tasks(images: record.Images) -> list[Own]:
    """Return what is timed of digitzip, checked; the model is loaded before."""
    model = load_model()
    data = checked_ours(images, model)
    compress = partial(digitzip.compress, guard=False)
    own = [
        Own(
            "compress", f"effort {effort}, {threads_title(threads)}", effort > 0,
            partial(compress, images, model=model, effort=effort, threads=threads),
        )
        for effort in EFFORTS
        for threads in OUR_THREADS
    ]  # fmt: skip
    own += [
        Own(
            "decompress", threads_title(threads), False,
            partial(digitzip.decompress, data, model=model, threads=threads),
        )
        for threads in OUR_THREADS
    ]  # fmt: skip
    return own


def measured(
    images: record.Images,
    smallest: Iterable[Coder],
    fast: Iterable[Coder],
    rounds: int,
    budget: float = BUDGET,
) -> Result:
    """Time digitzip and its peers on digits uint8 [n, 28, 28]; return it as the JSON has it.

    Raises `ValueError` if a round trip fails.
    """
    own = our_tasks(images)
    coders = {coder.title: (coder, "fast") for coder in fast}
    coders = {coder.title: (coder, "smallest") for coder in smallest} | coders
    peers = [prepared(coder, images, budget) for coder, _ in coders.values()]
    groups = [peers[start : start + GROUP] for start in range(0, len(peers), GROUP)]
    tasks: Tasks = {mine.name(0): mine.task for mine in own if mine.once}
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
            "setting": coders[peer.coder.title][1],
            "digits": len(peer.images),
            "encode": encode.rate(),
            "decode": decode.rate(),
            "ours_over_encode": over(encode, "compress", group),
            "ours_over_decode": over(decode, "decompress", group),
        }

    return {
        "digits": len(images),
        "rounds": rounds,
        "groups": len(groups),
        "ours": ours,
        "peers": {
            peer.coder.title: beside(peer, number)
            for number, group in enumerate(groups)
            for peer in group
        },
    }


def table(size: Result) -> str:
    """Return what `measured` gave as lines of text, ours on one thread over each peer."""
    lines = [f"{size['digits']:,} digits"]
    for way, found in size["ours"].items():
        for title, rate in found.items():
            lines.append(f"  {way + ' ' + title:50} {rate['median']:10,.0f} digits/s")
    efforts = " ".join(f"effort {effort}" for effort in EFFORTS)
    lines.append(f"  {'ours over …':50} {'digits':>10} {efforts} decode")
    for title, peer in size["peers"].items():
        ratios = [peer["ours_over_encode"][f"effort {e}, one thread"] for e in EFFORTS]
        ratios.append(peer["ours_over_decode"]["one thread"])
        cells = " ".join(f"{ratio['median']:8.2f}" for ratio in ratios)
        lines.append(f"  {title:50} {peer['digits']:10,} {cells} {peer['setting']}")
    return "\n".join(lines)


def main() -> None:
    if elsewhere("peer_speed"):
        return
    from benchmarks.peers.formats import CODERS, FAST
    from benchmarks.peers.rate import versions

    images, sizes = record.test_images(), []
    for n, rounds in ROUNDS.items():
        sizes.append(measured(images[:n], CODERS.values(), FAST.values(), rounds))
        print(table(sizes[-1]), flush=True)
    result = record.environment(load_model())
    result["versions"] |= versions()
    result |= {
        "default_effort": DEFAULT_EFFORT,
        "threads_of_all_cores": CORES,
        "budget_seconds": BUDGET,
        "sizes": sizes,
    }
    record.write("peer_speed", result)


if __name__ == "__main__":
    main()
