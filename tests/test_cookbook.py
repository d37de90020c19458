"""The pages of docs/cookbook: their commands and their Python run, in order, one page at a time."""

from __future__ import annotations

import gc
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pytest
from click.testing import CliRunner
from PIL import Image

import digitzip
from digitzip.cli import digitzip as command

PAGES: Final = sorted((Path(__file__).parents[1] / "docs" / "cookbook").glob("*.md"))
BLOCK: Final = re.compile(r"^```(console|python)\n(.*?)^```", re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def images() -> npt.NDArray[np.uint8]:
    """The first images of the bundled sample, uint8 [24, 28, 28]."""
    return digitzip.decompress(digitzip.sample_path().read_bytes())[:24]


def make_inputs(images: npt.NDArray[np.uint8]) -> None:
    """Write the inputs that pages name to the present folder."""
    labels = np.arange(len(images), dtype=np.uint8) % 10
    np.save("images.npy", images)
    np.save("labels.npy", labels)
    for index, (image, label) in enumerate(zip(images, labels, strict=True)):
        day = Path(("monday", "tuesday", "wednesday")[index // 8])
        for path in (
            day / f"F{1001 + index // 4}-{index % 4}.png",
            Path(f"drawings/{label}/{index}.png"),
        ):
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(path)


def run_command(line: str) -> None:
    """Run a command line of a page, which must be one of digitzip's and succeed."""
    program, *arguments = shlex.split(line)
    assert program == "digitzip", line
    result = CliRunner().invoke(command, arguments)
    assert result.exit_code == 0, f"{line}: {result.output}"


def steps(page: str) -> Iterator[tuple[str, str]]:
    """Yield what a page tells to run: ("console", one command) and ("python", a block)."""
    for kind, body in BLOCK.findall(page):
        if kind == "python":
            yield kind, body
        else:
            yield from ((kind, line.removeprefix("$ ")) for line in body.splitlines())


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # pages leave files open, as users do
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_code_of_a_page_runs(
    page: Path, images: npt.NDArray[np.uint8], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    make_inputs(images)
    names: dict[str, Any] = {}
    for kind, text in steps(page.read_text(encoding="utf-8")):
        if kind == "python":
            exec(compile(text, page.name, "exec"), names)
        else:
            run_command(text)
    names.clear()
    gc.collect()


def test_every_page_of_the_cookbook_has_code() -> None:
    assert len(PAGES) == 4
    for page in PAGES:
        assert list(steps(page.read_text(encoding="utf-8"))), page
