"""Measure margins of the bundled classifier: what each flags, and which label changes it misses.

On the last 10,000 training images, which neither that classifier nor the judge has learned (the
model has). An image is flagged where its reconstruction does not have the label of the original
with this margin; by the second rule also where the original itself does not.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

import digitzip
from benchmarks import record
from benchmarks.measure.classifier import labels_of
from benchmarks.measure.judge import HELD_OUT, judge
from digitzip.model import load_classifier

MARGINS: Final = range(0, 321, 16)
CLASSIFIER: Final = "mnist-classifier"

Margins = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Row:
    """What one margin does to the held-out images."""

    margin: int  # in units of the classifier
    flagged: int
    missed: int  # label changes by the judge that are not flagged
    flagged_by_both: int  # the second rule
    missed_by_both: int


def row(margin: int, before: Margins, after: Margins, changed: npt.NDArray[np.bool_]) -> Row:
    """Margins int [n] of originals and reconstructions; the judge's label changes, bool [n]."""
    flagged = after < margin
    both = flagged | (before < margin)
    return Row(
        margin,
        int(flagged.sum()),
        int((changed & ~flagged).sum()),
        int(both.sum()),
        int((changed & ~both).sum()),
    )


def main() -> None:
    codec, classifier = digitzip.load_codec(), load_classifier(CLASSIFIER)
    images, truth = record.train_images()[-HELD_OUT:], record.train_labels()[-HELD_OUT:]
    recon = codec.decode(codec.encode(images))
    labels, judged = classifier.read(images), labels_of(judge(), images)
    changed = judged != labels_of(judge(), recon)
    before, after = classifier.margins(images, labels), classifier.margins(recon, labels)
    rows = [row(margin, before, after, changed) for margin in MARGINS]
    result = {
        **record.environment(codec.model, learned=True),
        "images": len(images),  # the last training images
        "levels": codec.levels,
        "effort": codec.effort,
        "classifier": {"name": classifier.name, "id": classifier.id.hex()},
        "classifier_accuracy": (labels == truth[:, None]).mean(axis=0).tolist(),
        "judge_accuracy": float((judged == truth).mean()),
        "label_changes": int(changed.sum()),
        "rows": [asdict(row) for row in rows],
    }
    record.write("margins", result)
    print(f"label changes by the judge: {changed.sum()} of {len(images)}")
    for found in rows:
        print(found)
