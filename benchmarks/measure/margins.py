"""With which margin must a decoded digit be read? What each margin flags, and what it lets through.

On the last 10,000 training digits, which neither the shipped reader nor the judge has learned (the
model has). A digit is flagged where its decoded image is not read as the original was with this
margin; with the second rule also where the original itself was not.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

import digitzip
from benchmarks import record
from benchmarks.measure.classifier import read_with
from benchmarks.measure.judge import HELD_OUT, judge
from digitzip.model import load_classifier

MARGINS: Final = range(0, 321, 16)
READER: Final = "mnist-reader"

Margins = npt.NDArray[np.int32]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Row:
    """What one margin does to the digits held out."""

    margin: int  # in units of the reader
    flagged: int
    missed: int  # read differently by the judge, and not flagged
    flagged_by_both: int  # the second rule
    missed_by_both: int


def row(margin: int, before: Margins, after: Margins, different: Flags) -> Row:
    """Margins int [n] of originals and decoded digits, which the judge reads differently."""
    flagged = after < margin
    both = flagged | (before < margin)
    return Row(
        margin,
        int(flagged.sum()),
        int((different & ~flagged).sum()),
        int(both.sum()),
        int((different & ~both).sum()),
    )


def main() -> None:
    codec, reader = digitzip.load_codec(), load_classifier(READER)
    digits, truth = record.train_images()[-HELD_OUT:], record.train_labels()[-HELD_OUT:]
    decoded = codec.decode(codec.encode(digits))
    labels, judged = reader.read(digits), read_with(judge(), digits)
    different = judged != read_with(judge(), decoded)
    before, after = reader.margins(digits, labels), reader.margins(decoded, labels)
    rows = [row(margin, before, after, different) for margin in MARGINS]
    result = {
        **record.environment(codec.model, learned=True),
        "digits": len(digits),  # the last training digits
        "levels": codec.levels,
        "effort": codec.effort,
        "reader": {"name": reader.name, "id": reader.id.hex()},
        "reader_accuracy": (labels == truth[:, None]).mean(axis=0).tolist(),
        "judge_accuracy": float((judged == truth).mean()),
        "judged_differently": int(different.sum()),
        "rows": [asdict(row) for row in rows],
    }
    record.write("margins", result)
    print(f"judged differently: {different.sum()} of {len(digits)}")
    print("margin  flagged  missed   both: flagged  missed")
    for r in rows:
        print(
            f"{r.margin:6} {r.flagged:8} {r.missed:7} {r.flagged_by_both:15} {r.missed_by_both:7}"
        )


if __name__ == "__main__":
    main()
