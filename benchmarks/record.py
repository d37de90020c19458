"""Record results as JSON with versions, CPU, commit, data and model; give the images of MNIST."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

import digitzip
from digitzip.fetch import MNIST
from digitzip.model import Model

ROOT: Final = Path(__file__).parents[1]
RESULTS: Final = ROOT / "benchmarks" / "results"
LEDGER: Final = ROOT / "benchmarks" / "ledger.jsonl"
CACHE: Final = ROOT / "runs"
"""What takes minutes to learn and is no result: classifiers, codebooks. Not in git."""
CODE: Final = (
    "digitzip", "weights", "benchmarks", "constraints.txt",
    ":!benchmarks/results", ":!benchmarks/ledger.jsonl",
)  # fmt: skip
"""What a measurement depends on; a commit with other contents is marked with `+`."""

SHA256: Final = {name.removesuffix(".gz"): digest for name, digest in MNIST.items()}
"""Of the unpacked files of MNIST."""

Result = dict[str, Any]  # what a JSON file of results holds
Images = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.uint8]


def train_images() -> Images:
    """Return the 60,000 MNIST training images, uint8 [n, 28, 28]."""
    return _mnist("train-images-idx3-ubyte", 16).reshape(-1, 28, 28)


def train_labels() -> Labels:
    """Return the labels of the training images, uint8 [n]."""
    return _mnist("train-labels-idx1-ubyte", 8)


def test_images() -> Images:
    """Return the 10,000 MNIST test images, uint8 [n, 28, 28]."""
    return _mnist("t10k-images-idx3-ubyte", 16).reshape(-1, 28, 28)


def test_labels() -> Labels:
    """Return the labels of the test images, uint8 [n]; only accuracies may depend on them."""
    return _mnist("t10k-labels-idx1-ubyte", 8)


def data_folder() -> Path:
    """Return the folder of MNIST's IDX files, `DIGITZIP_DATA`."""
    folder = os.environ.get("DIGITZIP_DATA")
    if not folder:
        raise SystemExit(
            "benchmarks need MNIST: set DIGITZIP_DATA to the folder of its IDX files, which "
            "`digitzip fetch mnist` downloads"
        )
    return Path(folder)


def _mnist(name: str, header: int) -> npt.NDArray[np.uint8]:
    """Return the bytes after the header of an IDX file in the folder `DIGITZIP_DATA`."""
    stored = data_folder() / name
    packed = stored.with_name(f"{stored.name}.gz")
    data = stored.read_bytes() if stored.exists() else gzip.decompress(packed.read_bytes())
    if hashlib.sha256(data).hexdigest() != SHA256[name]:
        raise SystemExit(f"{stored}: not the file of MNIST (SHA-256 differs)")
    return np.frombuffer(data, np.uint8, offset=header)


def environment(model: Model | None = None, *, learned: bool = False) -> Result:
    """Return the facts of a measurement: date, commit, machine, versions, model and data.

    With `learned`, the data includes the training images.
    """
    commit = _git("rev-parse", "--short=12", "HEAD")
    facts: Result = {
        "date": datetime.now(UTC).date().isoformat(),
        "commit": commit + ("+" if _git("status", "--porcelain", "--", *CODE) else ""),
        "python": platform.python_version(),
        "cpu": _cpu(),
        "cores": cores(),
        "versions": {
            "digitzip": digitzip.__version__,
            **{name: version(name) for name in ("numpy", "pillow", "zstandard")},
        },
    }
    if model is not None:
        facts["model"] = {"name": model.name, "id": model.id.hex()}
    facts["data"] = {"mnist test images": SHA256["t10k-images-idx3-ubyte"]}
    if learned:
        facts["data"]["mnist training images"] = SHA256["train-images-idx3-ubyte"]
    return facts


def cores() -> int:
    """Return on how many cores this process may run."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def write(name: str, result: Result) -> None:
    """Write `results/<name>.json`."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(f"wrote {path.relative_to(ROOT)}")


def enter_in_ledger(entry: Result) -> None:
    """Append a run on the test set to the ledger, which is never rewritten."""
    with LEDGER.open("a", encoding="utf-8") as ledger:
        ledger.write(json.dumps(entry) + "\n")


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(ROOT), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def _cpu() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
