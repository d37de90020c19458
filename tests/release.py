"""Make what a released model needs beside its weights: `python -m tests.release`.

Writes `weights/demo.dz`, a hundred digits of the MNIST test set as codes, and the fingerprints that
`tests/test_bundled.py` holds every later build to. A maintainer runs it once for a new model and
commits what it writes. `DIGITZIP_DATA` names the folder of the MNIST files.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import digitzip
from digitzip.images import read_images
from digitzip.model import bundled_folder, load_model, model_files
from tests.fingerprint import FINGERPRINTS, fingerprint

DEMO_IMAGES = 100


def main() -> int:
    source = read_images([Path(os.environ["DIGITZIP_DATA"]) / "t10k-images-idx3-ubyte.gz"])
    images = next(iter(source))[0][:DEMO_IMAGES]
    names = [f"{i:03d}.png" for i in range(len(images))]
    with digitzip.create(bundled_folder() / "demo.dz", effort=9, overwrite=True) as out:
        out.append(images, names)
    fingerprints = {}
    for path in sorted(path for path in model_files() if path.parent == bundled_folder()):
        codes, pixels, intervals = fingerprint(path.stem, 4096)
        fingerprints[path.stem] = {
            "id": load_model(path.stem).id.hex(),
            "codes": codes,
            "pixels": pixels,
            "intervals": intervals,
        }
    FINGERPRINTS.write_text(json.dumps(fingerprints, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
