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
from tests.fingerprint import SHIPPED, fingerprint

DEMO_DIGITS = 100


def main() -> int:
    source = read_images([Path(os.environ["DIGITZIP_DATA"]) / "t10k-images-idx3-ubyte.gz"])
    digits = next(iter(source))[0][:DEMO_DIGITS]
    names = [f"{i:03d}.png" for i in range(len(digits))]
    with digitzip.create(bundled_folder() / "demo.dz", effort=9, overwrite=True) as out:
        out.append(digits, names)
    shipped = {}
    for path in sorted(path for path in model_files() if path.parent == bundled_folder()):
        codes, pixels, intervals = fingerprint(path.stem, 4096)
        shipped[path.stem] = {
            "id": load_model(path.stem).id.hex(),
            "codes": codes,
            "pixels": pixels,
            "intervals": intervals,
        }
    SHIPPED.write_text(json.dumps(shipped, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
